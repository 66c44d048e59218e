"""What `--json` prints, as types, and the JSON Schemas that are made of these types (docs/events.md).

lines.py            the lines of `plan`, `apply`, `replace` and `destroy`
results.py          the results of commands that have no type in `engine`
registry.py         which command prints which document, and which command has no JSON
json_schema.py      the JSON Schema of a document
descriptions.py     what its fields mean
compatibility.py    whether a new schema only adds to an earlier one
__main__.py         writes the schemas to `docs/schemas`
"""

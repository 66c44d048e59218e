"""`python -m edgewrap.cli.documents docs/schemas` writes the schema of each document, and an index.

A file is replaced only by a schema that adds to it. For any other change, the name must end in the next version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgewrap.cli.documents.compatibility import lost
from edgewrap.cli.documents.json_schema import NAMES, schema_of
from edgewrap.cli.documents.registry import DOCUMENTS, WITHOUT_JSON
from edgewrap.spec.contract import MAJOR

INDEX = "README.md"


def files() -> Mapping[str, str]:
    """The files by name."""
    schemas = {f"{name}.v{MAJOR}.json": json.dumps(schema_of(name), indent=2) + "\n" for name in NAMES}
    return schemas | {INDEX: "\n".join(_index()) + "\n"}


def _index() -> Iterator[str]:
    yield "# JSON Schemas"
    yield ""
    yield "Made by `python -m edgewrap.cli.documents docs/schemas`. `edgewrap schema NAME` prints a schema;"
    yield "[events.md](../events.md) describes the streams, and what may change within a version."
    yield ""
    yield "| schema | printed with `--json` by |"
    yield "|---|---|"
    yield f"| [spec](spec.v{MAJOR}.json) | none: it is the schema of a spec file |"
    for name, document in DOCUMENTS.items():
        commands = ", ".join(f"`{command}`" for command in document.commands)
        yield f"| [{name}]({name}.v{MAJOR}.json) | {commands} |"
    yield ""
    yield "These commands have no `--json`:"
    yield ""
    yield "| command | reason |"
    yield "|---|---|"
    yield from (f"| `{command}` | {reason} |" for command, reason in WITHOUT_JSON.items())


def main(directory: Path) -> int:
    """Write the files; returns the exit code."""
    for name, text in files().items():
        path = directory / name
        if name != INDEX and path.exists():
            missing = lost(json.loads(path.read_text(encoding="utf-8")), json.loads(text))
            if missing:
                print(f"{path}: not written, because it is not a mere addition:", *missing, sep="\n  ")
                return 1
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

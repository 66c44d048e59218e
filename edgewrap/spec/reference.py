"""The tables of `docs/spec.md`, made from the JSON Schema.

`python -m edgewrap.spec.reference docs/spec.md` updates the file; without an argument the tables are printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from edgewrap.spec.contract import Known, contract
from edgewrap.spec.formats import RULE
from edgewrap.spec.operator_values import VARIABLES

MARK = "<!-- made by: python -m edgewrap.spec.reference docs/spec.md -->\n\n"


def reference() -> str:
    """One table for each section, in the order of the contract."""
    return "\n".join(_section(contract(), ()))


def update(text: str) -> str:
    """The text of `docs/spec.md` with its tables as the models have them."""
    return text.partition(MARK)[0] + MARK + reference() + "\n"


def _section(section: Known, path: tuple[str, ...]) -> Iterator[str]:
    """A heading, the table of the section's own fields, then the sections below; the items of a list have one too."""
    required = section.schema.get("required", ())
    yield f"### {'`' + '.'.join(path) + '`' if path else 'The top'}\n"
    if path:
        yield f"{section.about}\n"
    yield "| field | meaning | default | rule | a change |"
    yield "|---|---|---|---|---|"
    below: dict[str, tuple[str, Known]] = {}
    for name, known in section.keys.items():
        if known.is_section:
            below[known.about] = (name, known)
            continue
        cells = (_meaning(known, (*path, name)), _default(known, required=name in required), _rule(known))
        yield f"| `{name}` | {' | '.join(cells)} | {known.on_change or ''} |"
        inside = {f"{name}.{key}": inner for key, inner in known.keys.items()}
        forms = next((part for part in known.parts if any(not inner.is_section for inner in part.keys.values())), None)
        for inner_name, inner in {name: forms, f"{name}[]": known.item, **inside}.items():
            if inner and inner.is_section:
                below.setdefault(inner.about, (inner_name, inner))
    for name, known in below.values():
        yield ""
        yield from _section(known, (*path, name))


def _meaning(known: Known, path: tuple[str, ...]) -> str:
    """The description, and what a reader must know besides."""
    notes = [known.schema.get("description", "")]
    if known.from_environment or (known.item and known.item.from_environment):
        notes.append("May come from the environment.")
    if variable := VARIABLES.get(path):
        notes.append(f"Without it, `{variable}` counts.")
    return " ".join(notes)


def _default(known: Known, *, required: bool) -> str:
    if required:
        return "required"
    default = known.schema.get("default", {})
    return f"`{default}`" if isinstance(default, str) and default else f"`{json.dumps(default)}`"


def _rule(known: Known) -> str:
    """What a value must be, as far as its form alone says it."""
    choices = ", ".join(f"`{value}`" for value in _choices(known))
    least, most = known.schema.get("minimum"), known.schema.get("maximum")
    number = "" if least is None else f"at least {least}" if most is None else f"{least} to {most}"
    rules = dict.fromkeys((*_rules(known), choices, number))
    return "; ".join(rule for rule in rules if rule).replace("|", "\\|")


def _rules(known: Known) -> Iterator[str]:
    """The rules of a field, its keys, its items and its alternatives."""
    yield from (schema[RULE] for schema in (known.schema, known.schema.get("propertyNames", {})) if RULE in schema)
    if known.item and not known.item.is_section:
        yield from _rules(known.item)
    for part in known.parts:
        if not part.is_section:
            yield from _rules(part)


def _choices(known: Known) -> Iterator[str]:
    """The words that a field may have."""
    yield from known.schema.get("enum", [known.schema["const"]] if "const" in known.schema else [])
    for part in known.parts:
        yield from _choices(part)


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(update(file.read_text()))
    if not sys.argv[1:]:
        print(reference())

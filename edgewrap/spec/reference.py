"""The tables of `docs/spec.md`, made from the models: `python -m edgewrap.spec.reference` prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgewrap.spec.contract import contract
from edgewrap.spec.formats import Form, Rule
from edgewrap.spec.models import Spec
from edgewrap.spec.not_implemented import UNBUILT


def reference() -> str:
    """One table a section, in the order of the contract."""
    return "\n".join(_section(Spec, ()))


def _section(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """A heading, the table of the section's own fields, then the sections below; the items of a list have one too."""
    fields = [(field.alias or name, field) for name, field in model.model_fields.items()]
    yield f"### {'`' + '.'.join(path) + '`' if path else 'The top'}\n"
    if path:
        yield f"{(model.__doc__ or '').strip()}\n"
    yield "| field | meaning | default | rule |"
    yield "|---|---|---|---|"
    below: dict[type[BaseModel], str] = {}
    for name, field in fields:
        if inner := _model(field.annotation):
            below[inner] = name
            continue
        yield f"| `{name}` | {_meaning(field, (*path, name))} | {_default(field)} | {_rule(field)} |"
        if item := _item(field.annotation):
            below.setdefault(item, f"{name}[]")
        below |= {inner: f"{name}.{choice}" for choice, inner in _chosen(field.annotation)}
    for inner, name in below.items():
        yield ""
        yield from _section(inner, (*path, name))


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation stands for."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _item(annotation: Any) -> type[BaseModel] | None:
    """The section that each item of a list is."""
    lists = [part for part in get_args(annotation) if get_origin(part) is tuple]
    return _model(get_args(lists[0])[0]) if lists else None


def _chosen(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections of a field that is one of several, such as `s3` of `backend: { s3: … }`."""
    for part in get_args(annotation):
        if choice := _model(get_args(part)[0] if get_origin(part) is Annotated else part):
            for name, field in choice.model_fields.items():
                if inner := _model(field.annotation):
                    yield name, inner


def _meaning(field: FieldInfo, path: tuple[str, ...]) -> str:
    """The description, and what a reader must know beside it."""
    notes = [field.description or ""]
    known = contract().at(path)
    if known and (known.from_environment or (known.item and known.item.from_environment)):
        notes.append("May come from the environment.")
    if any(path[: len(unbuilt.path)] == unbuilt.path for unbuilt in UNBUILT if unbuilt.asked("x")):
        notes.append("**Not built yet.**")
    return " ".join(notes)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, str | IPv4Network):
        return f"`{default}`" if str(default) else '`""`'
    return f"`{json.dumps(default, default=str)}`"


def _rule(field: FieldInfo) -> str:
    """What a value must be, as far as its form alone says it."""
    marks = [*field.metadata, *_marks(field.annotation)]
    rules = list(dict.fromkeys(mark.rule for mark in marks if isinstance(mark, Form | Rule)))
    choices = ", ".join(f"`{value}`" for value in _choices(field.annotation))
    least = next((mark.ge for mark in marks if isinstance(mark, Ge)), None)
    most = next((mark.le for mark in marks if isinstance(mark, Le)), None)
    number = "" if least is None else f"at least {least}" if most is None else f"{least} to {most}"
    return "; ".join(rule for rule in (*rules, choices, number) if rule).replace("|", "\\|")


def _marks(annotation: Any) -> Iterator[Any]:
    """The marks inside an annotation: of a list's items, of one of its forms."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from marks
        yield from _marks(inner)
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _marks(part)


def _choices(annotation: Any) -> Iterator[Any]:
    """The values of the Literals in an annotation."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _choices(part)


if __name__ == "__main__":
    print(reference())

"""OpenNebula's template text: a value that is written reads back unchanged, or is refused.

The front-end's grammar unescapes `\\"` in a quoted value and nothing else, and gives values back in CDATA sections.
So a backslash right before a quote or at the end, the characters `]]>`, and what XML cannot hold, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from edgewrap.errors import OpenNebulaError
from edgewrap.outputs import UNKNOWN

Value = str | Mapping[str, str]
Template = Mapping[str, Value]
"""Attributes by name; a vector attribute is a mapping of its own."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(template: Template) -> str:
    """The template as text, one attribute a line. Raises OpenNebulaError for a value that would not read back
    unchanged."""
    return "\n".join(f"{_name(name)} = {_value(name, value)}" for name, value in template.items())


def read(element: Element | None) -> dict[str, Value]:
    """The attributes below a TEMPLATE or AR element. If a name is there twice, the first counts."""
    attributes: dict[str, Value] = {}
    for child in element if element is not None else ():
        inner = {part.tag: part.text or "" for part in child}
        attributes.setdefault(child.tag, inner or child.text or "")
    return attributes


def text_of(template: Template, name: str) -> str:
    """The value of a single attribute: empty if it is missing, or a vector."""
    value = template.get(name, "")
    return value if isinstance(value, str) else ""


def vector_of(template: Template, name: str) -> Mapping[str, str]:
    """The parts of a vector attribute: none if it is missing, or a single value."""
    value = template.get(name, {})
    return value if isinstance(value, Mapping) else {}


def _value(name: str, value: Value) -> str:
    if isinstance(value, str):
        return _quoted(name, value)
    parts = (f"{_name(part)} = {_quoted(f'{name}.{part}', text)}" for part, text in value.items())
    return f"[ {', '.join(parts)} ]"


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid attribute name")
    return name


def _quoted(name: str, text: str) -> str:
    rule = _broken_rule(text)
    if rule:
        raise OpenNebulaError(
            f"the value of {name} cannot be kept in OpenNebula: {text!r}",
            cause=f"a value there cannot {rule}",
            advice="choose another value",
        )
    return '"' + text.replace('"', '\\"') + '"'


def _broken_rule(text: str) -> str:
    if UNKNOWN in text:
        return "contain the placeholder of a value that is not known yet"
    if text.endswith("\\"):
        return "end in a backslash"
    if '\\"' in text:
        return "hold a backslash right before a quote"
    if "]]>" in text:
        return "hold the characters ]]>"
    wrong = _NOT_XML.search(text)
    return f"hold the character U+{ord(wrong.group()):04X}" if wrong else ""

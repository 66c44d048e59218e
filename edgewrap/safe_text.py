"""The one gate for text that leaves edgewrap: to a terminal, a log file or another program.

Texts from hosts, tenants, the front-end, AWS, locks, states and Terraform are in the values that are shown. Each value
is made safe on its own, so that only edgewrap's own line breaks are left: secrets are hidden, and characters that a
terminal or a pipeline obeys are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar

from edgewrap.secrets import redact

T = TypeVar("T")

_CI_COMMAND = re.compile(r"(^ *):(?=:[a-zA-Z].*::)|#(?=#\w*\[)")
"""The first character of a command to a CI system: `##[…]` and `##vso[…]` anywhere, `::error::…` in place of a line."""


def one_line(text: str) -> str:
    """The text on one line: what cannot be printed is escaped, line breaks and bidi controls among it."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def safe_line(text: str) -> str:
    """A text for people, on one line."""
    return _CI_COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", one_line(redact(text)))


def safe_lines(text: str) -> list[str]:
    """A text of several lines that is ours, such as a traceback. Only a line feed ends a line."""
    return [safe_line(line) for line in redact(text).split("\n")]


def safe(value: T) -> T:
    """The same value with all texts in it safe: dataclasses, mappings and sequences are followed."""
    return _safe(value)  # type: ignore[no-any-return]


def _safe(value: Any) -> Any:
    match value:
        case Enum():  # ours, also if it is a text
            return value
        case str():
            return safe_line(value)
        case PurePath():
            return type(value)(safe_line(str(value)))
        case Mapping():
            return {_safe(key): _safe(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(map(_safe, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _safe(getattr(value, field.name)) for field in fields(value)})
    return value

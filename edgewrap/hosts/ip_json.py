"""A parser of what `ip` prints as JSON: names, addresses and numbers, each checked. Pure.

A host's answers are used in OpenNebula and shown on a terminal. So a value is accepted only in the form of its field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface
from socket import AF_INET, inet_pton
from typing import Any

from edgewrap.spec.formats import INTERFACE

LONGEST_SHOWN = 80  # characters of a value in an error

_INTERFACE = re.compile(INTERFACE.pattern)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f:.]{0,64}")
_WORD = re.compile(r"[ -~]{0,64}")
_NUMBER = f"must be a whole number from 0 to {2**32 - 1}"
_NAME = (
    "must be the name of a network interface: 1 to 15 letters, digits and ._-, beginning with a letter, a digit or _"
)


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 address with four numbers. A host lists hundreds of them: this is the C library's
    parser."""
    try:
        return inet_pton(AF_INET, text) != b""
    except (OSError, ValueError):
        return False


class FactsError(Exception):
    """A host's answer that cannot be used. `rule` says what the wrong value must be; it is empty if the answer as a
    whole has the wrong form."""

    def __init__(self, what: str, rule: str = "") -> None:
        super().__init__(what)
        self.rule = rule


def escaped(value: object) -> str:
    """A value for a person: on one line, in ASCII, and short."""
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a section. A missing field has the default, if there is one. Every method raises FactsError for a
    value of the wrong form."""

    section: str
    values: Mapping[str, Any]

    def interface(self, field: str, default: str | None = None) -> str:
        """The name of a network interface."""
        return self._text(field, default, _INTERFACE.fullmatch, _NAME)

    def number(self, field: str, default: int | None = None) -> int:
        """A whole number."""
        return int(self._checked(field, default, lambda value: type(value) is int and 0 <= value < 2**32, _NUMBER))

    def numeral(self, field: str, default: int | None = None) -> int:
        """A whole number; with `-N`, `ip` prints some of them as text."""
        value = self.values.get(field)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
            return int(value)
        return self.number(field, default)

    def address(self, field: str, default: str | None = None) -> str:
        """An IPv4 address."""
        return self._text(field, default, is_address, "must be an IPv4 address")

    def network(self, field: str, word: str) -> str:
        """An IPv4 address, a network in CIDR form, or `word`."""
        rule = f"must be an IPv4 address, a network or `{word}`"
        return self._text(field, None, lambda text: text == word or is_address(text) or IPv4Interface(text), rule)

    def hexadecimal(self, field: str, default: str | None = None) -> str:
        """A MAC, or an address of either IP version."""
        return self._text(field, default, _HEXADECIMAL.fullmatch, "must be a MAC or an IP address")

    def word(self, field: str) -> str:
        """A value that is only compared and shown; empty if it is missing."""
        rule = "must be true, false, a whole number or a short ASCII text"
        value = self._checked(field, "", lambda value: isinstance(value, int) or _WORD.fullmatch(value), rule)
        return ("no", "yes")[value] if isinstance(value, bool) else str(value)

    def words(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty if it is missing."""
        return tuple(self._checked(field, [], lambda value: _is_list_of(str, value), "must be a list of texts"))

    def nested(self, field: str) -> Row:
        """The object in a field; an empty one if it is missing."""
        return Row(self.section, self._checked(field, {}, lambda value: isinstance(value, dict), "must be an object"))

    def rows(self, field: str) -> tuple[Row, ...]:
        """The objects in a field, without empty ones; none if it is missing."""
        rows = self._checked(field, [], lambda value: _is_list_of(dict, value), "must be a list of objects")
        return tuple(Row(self.section, row) for row in rows if row)

    def _text(self, field: str, default: str | None, accepts: Callable[[str], object], rule: str) -> str:

        def accepts_text(value: object) -> object:
            return isinstance(value, str) and (value == default or accepts(value))

        return str(self._checked(field, default, accepts_text, rule))

    def _checked(self, field: str, default: object, accepts: Callable[[Any], object], rule: str) -> Any:
        """`ip` prints null for nothing: that counts as missing."""
        value = self.values.get(field)
        value = default if value is None else value
        try:
            if accepts(value):
                return value
        except (ValueError, TypeError):
            pass
        found = f"is {escaped(value)}" if field in self.values else "is missing"
        raise FactsError(f"{self.section}: {field} {found}", rule)


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def parse_rows(section: str, text: str) -> tuple[Row, ...]:
    """The objects of one JSON list; `ip` prints nothing at all, or empty objects, if it found nothing. Raises
    FactsError."""
    try:
        return Row(section, {"": json.loads(text.strip() or "[]")}).rows("")
    except FactsError as error:
        raise FactsError(f"{section} is not a list of objects") from error
    except (ValueError, RecursionError) as error:
        raise FactsError(f"{section} is not JSON") from error

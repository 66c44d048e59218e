"""A parser of what `ip` prints as JSON: names, addresses and numbers, each checked. Pure.

A host's answers are used in OpenNebula and shown on a terminal. So a value is accepted only in the form of its field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from edgewrap.spec.formats import INTERFACE

LARGEST_NUMBER = 2**32 - 1
LONGEST_SHOWN = 80  # characters of a value in an error

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f:.]{0,64}")
_NUMBER = f"must be a whole number from 0 to {LARGEST_NUMBER}"
_NAME = (
    "must be the name of a network interface: 1 to 15 letters, digits and ._-, beginning with a letter, a digit or _"
)


class FactsError(ValueError):
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
        return self._text(field, default, re.compile(INTERFACE.pattern).fullmatch, _NAME)

    def number(self, field: str, default: int | None = None) -> int:
        """A whole number."""
        value = self._value(field, default)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER:
            return value
        raise self.wrong(field, value, _NUMBER)

    def numeral(self, field: str, default: int | None = None) -> int:
        """A whole number; with `-N`, `ip` prints some of them as text."""
        value = self._value(field, default)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
            return int(value)
        return self.number(field, default)

    def address(self, field: str, default: str | None = None) -> str:
        """An IPv4 address."""
        return self._text(field, default, IPv4Address, "must be an IPv4 address")

    def network(self, field: str, word: str) -> str:
        """An IPv4 address, a network in CIDR form, or `word`."""
        rule = f"must be an IPv4 address, a network or `{word}`"
        return self._text(field, None, lambda text: text == word or IPv4Interface(text), rule)

    def hexadecimal(self, field: str, default: str | None = None) -> str:
        """A MAC, or an address of either IP version."""
        return self._text(field, default, _HEXADECIMAL.fullmatch, "must be a MAC or an IP address")

    def word(self, field: str) -> str:
        """A value that is only compared and shown; empty if it is missing."""
        value = self._value(field, "")
        if isinstance(value, bool):
            return ("no", "yes")[value]
        if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"[ -~]{0,64}", value)):
            return str(value)
        raise self.wrong(field, value, "must be true, false, a whole number or a short ASCII text")

    def words(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty if it is missing."""
        value = self._value(field, ())
        if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            return tuple(value)
        raise self.wrong(field, value, "must be a list of texts")

    def nested(self, field: str) -> Row:
        """The object in a field; an empty one if it is missing."""
        value = self._value(field, {})
        if isinstance(value, dict):
            return Row(self.section, value)
        raise self.wrong(field, value, "must be an object")

    def rows(self, field: str) -> tuple[Row, ...]:
        """The objects in a field, without empty ones; none if it is missing."""
        value = self._value(field, [])
        if isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return tuple(Row(self.section, row) for row in value if row)
        raise self.wrong(field, value, "must be a list of objects")

    def wrong(self, field: str, value: object, rule: str) -> FactsError:
        """The error of a value of the wrong form."""
        found = f"is {escaped(value)}" if field in self.values else "is missing"
        return FactsError(f"{self.section}: {field} {found}", rule)

    def _text(self, field: str, default: str | None, accepts: Callable[[str], object], rule: str) -> str:
        value = self._value(field, default)
        with suppress(ValueError):
            if isinstance(value, str) and (value == default or accepts(value)):
                return value
        raise self.wrong(field, value, rule)

    def _value(self, field: str, default: object = None) -> Any:
        """`ip` prints null for nothing: that counts as missing."""
        value = self.values.get(field)
        return default if value is None else value


def parse_rows(section: str, text: str) -> tuple[Row, ...]:
    """The objects of one JSON list; `ip` prints nothing at all, or empty objects, if it found nothing. Raises
    FactsError."""
    try:
        return Row(section, {"": json.loads(text.strip() or "[]")}).rows("")
    except FactsError as error:
        raise FactsError(f"{section} is not a list of objects") from error
    except (ValueError, RecursionError) as error:
        raise FactsError(f"{section} is not JSON") from error

"""Numbers, names and addresses in the front-end's XML, each checked. Pure.

A tenant writes the templates of their own objects, and anything may answer at the endpoint. So a value is used only in
the form of its field.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from xml.etree.ElementTree import Element

from edgewrap.errors import OpenNebulaError

LONGEST_SHOWN = 60  # characters of a value in an error
_NUMBER = re.compile(r"-?[0-9]{1,10}")
_NATURAL = re.compile(r"[0-9]{1,10}")


def wrong_answer(place: str, value: object, rule: str) -> OpenNebulaError:
    """The error for an answer of another form: where, the value, and what it must be."""
    text = ascii(value)
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return OpenNebulaError(
        f"the front-end's answer cannot be used: {place} is {shown}: {rule}",
        cause="something other than OpenNebula 6.10 to 7.4 answers at the endpoint, or its database is damaged",
        advice="make sure that opennebula.endpoint (or ONE_XMLRPC) is oned's address; see /var/log/one/oned.log there",
    )


def integer(element: Element, path: str, default: int | None = None) -> int:
    """A whole number in an object's XML; the `default` if it is missing or empty. Raises OpenNebulaError."""
    word = _only(element, path)
    if not word and default is not None:
        return default
    if not _NUMBER.fullmatch(word):
        raise wrong_answer(f"{element.tag}/{path}", word, "a whole number was expected")
    return int(word)


def natural(element: Element, path: str, default: int | None = None) -> int:
    """A whole number that is not negative."""
    value = integer(element, path, default)
    if value < 0:
        raise wrong_answer(f"{element.tag}/{path}", value, "it cannot be negative")
    return value


def text(element: Element, path: str) -> str:
    """A text that every object has. Raises OpenNebulaError if it is missing or empty."""
    found = _only(element, path)
    if not found:
        raise wrong_answer(f"{element.tag}/{path}", "", "every object has one")
    return found


def _only(element: Element, path: str) -> str:
    """The text of the one element at `path`; empty without one."""
    first, *others = [child.text or "" for child in element.findall(path)] or [""]
    if others:
        raise wrong_answer(f"{element.tag}/{path}", (first, *others), "only one was expected")
    return first


def ids(element: Element, path: str) -> tuple[int, ...]:
    """The ids listed below `path`."""
    return tuple(natural(child, ".") for child in element.findall(f"{path}/ID"))


def parsed(word: str) -> int | None:
    """The number in a template's value, which people may write; None for anything else."""
    return int(word) if _NATURAL.fullmatch(word) else None


def parsed_address(word: str) -> IPv4Address | None:
    """The IPv4 address in a template's value; None for anything else."""
    try:
        return IPv4Address(word)
    except AddressValueError:
        return None

"""OpenNebula's template language: `NAME = "value"`, `NAME = [ KEY = "value", … ]`, or the same as XML.

What a real front-end does with it, as recorded: names become upper case, a name may occur several times, `\"` is
unescaped and `\\\\` is not, values may hold newlines, a line that begins with `#` is a comment. A template is kept in
the order of its names; a vector's keys are in order, too, and the last of two equal keys counts.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from edgewrap.lab.opennebula import xml

Value = str | dict[str, str]


class Attribute(NamedTuple):
    """One attribute; its value is a text, or a vector: texts by key."""

    name: str
    value: Value


class TemplateError(ValueError):
    """The text is not a template; the message is the front-end's."""


class Template(BaseModel):
    """An immutable template: its attributes in the order of their names."""

    model_config = ConfigDict(frozen=True)

    attributes: tuple[Attribute, ...] = ()

    @classmethod
    def of(cls, attributes: Iterable[tuple[str, Value]]) -> Template:
        """A template of these attributes, sorted by name; those of equal names keep their order."""
        ordered = sorted((_upper(name, value) for name, value in attributes), key=lambda attribute: attribute.name)
        return cls(attributes=tuple(ordered))

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template or its XML form. Raises TemplateError."""
        if text.lstrip().startswith("<"):
            return cls.of(_parse_xml(text))
        return cls.of(_Parser(text).attributes())

    def get(self, name: str, default: str = "") -> str:
        """The text of the first attribute of that name; `default` if there is none, or if it is a vector."""
        for attribute in self.attributes:
            if attribute.name == name and isinstance(attribute.value, str):
                return attribute.value
        return default

    def vectors(self, name: str) -> tuple[dict[str, str], ...]:
        """Every vector of that name."""
        return tuple(a.value for a in self.attributes if a.name == name and isinstance(a.value, dict))

    def has(self, name: str) -> bool:
        """Whether there is an attribute of that name."""
        return any(attribute.name == name for attribute in self.attributes)

    def with_(self, changes: Mapping[str, Value]) -> Template:
        """The template with these attributes instead of all of the same names."""
        return Template.of([*self.without(*changes).attributes, *changes.items()])

    def without(self, *names: str) -> Template:
        """The template without the attributes of these names."""
        gone = set(names)
        return Template(attributes=tuple(a for a in self.attributes if a.name not in gone))

    def merged(self, other: Template) -> Template:
        """The result of `update(…, 1)`: for each name in `other`, only its attributes."""
        names = {attribute.name for attribute in other.attributes}
        return Template.of([*self.without(*names).attributes, *other.attributes])

    def xml(self, tag: str = "TEMPLATE") -> str:
        """The template as the front-end shows it."""
        return f"<{tag}>{''.join(attribute_xml(a.name, a.value) for a in self.attributes)}</{tag}>"


def attribute_xml(name: str, value: Value) -> str:
    """One attribute as the front-end shows it."""
    if isinstance(value, str):
        return xml.cdata(name, value)
    return f"<{name}>{''.join(xml.cdata(key, text) for key, text in value.items())}</{name}>"


def vector(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A vector's items in order of their keys; the last of two equal keys counts."""
    return dict(sorted({key.upper(): text for key, text in items}.items()))


def _upper(name: str, value: Value) -> Attribute:
    return Attribute(name.upper(), value if isinstance(value, str) else vector(value.items()))


def _parse_xml(text: str) -> Iterator[tuple[str, Value]]:
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  the lab's own clients are the only ones
    except ElementTree.ParseError as error:
        raise TemplateError(f"Parse error: {error}") from error
    for child in root:
        if len(child):
            yield child.tag, vector((item.tag, item.text or "") for item in child)
        else:
            yield child.tag, child.text or ""


class _Token(NamedTuple):
    kind: str
    text: str


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*(?:\n|\Z))*")
_SPACE = re.compile(r"[ \t\r]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_EQUAL = re.compile(r"[ \t\r]*=[ \t\r]*")
_OPEN = re.compile(r"\[[ \t\r\n]*")
_BARE = re.compile(r"[^\n]+")
_BARE_IN_VECTOR = re.compile(r"[^\n,\]]+")
_MARKS = {"[": "OBRACKET", "]": "CBRACKET", ",": "COMMA", "=": "EQUAL"}


class _Parser:
    """Reads the text form; errors name the unexpected token and the expected ones as the front-end's parser does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.last = (0, 0)  # start and end of the last token

    def attributes(self) -> list[tuple[str, Value]]:
        found: list[tuple[str, Value]] = []
        while True:
            name = self._name_or_end()
            if name.kind == "$end" and found:
                return found
            if name.kind != "VARIABLE":
                raise self._unexpected(name.kind, "$end or VARIABLE" if found else "VARIABLE")
            self._equal()
            found.append((name.text, self._vector() if self._opens() else self._text(_BARE, "OBRACKET or STRING")))

    def _take(self, kind: str, match: re.Match[str], group: int = 0) -> _Token:
        self.last = match.span()
        self.position = match.end()
        return _Token(kind, match.group(group))

    def _name_or_end(self) -> _Token:
        self._skip(_BLANK)
        if self.position == len(self.text):
            return _Token("$end", "")
        if match := _NAME.match(self.text, self.position):
            return self._take("VARIABLE", match)
        self.last = (self.position, self.position + 1)
        return _Token(_MARKS.get(self.text[self.position], "STRING"), self.text[self.position])

    def _equal(self) -> None:
        if match := _EQUAL.match(self.text, self.position):
            self._take("EQUAL", match)
            return
        raise self._unexpected(self._name_or_end().kind, "EQUAL or EQUAL_EMPTY")

    def _opens(self) -> bool:
        if match := _OPEN.match(self.text, self.position):
            self._take("OBRACKET", match)
            return True
        return False

    def _text(self, bare: re.Pattern[str], expected: str) -> str:
        """A value: quoted, or bare up to where it ends; nothing before the end of the line is the empty one."""
        if match := _QUOTED.match(self.text, self.position):
            return self._take("STRING", match, 1).text.replace('\\"', '"')
        if self.text[self.position : self.position + 1] == '"' or self.position == len(self.text):
            raise self._unexpected("$end", expected)
        if match := bare.match(self.text, self.position):
            return self._take("STRING", match).text.strip()
        return ""

    def _vector(self) -> dict[str, str]:
        items: list[tuple[str, str]] = []
        while True:
            name = self._name_or_end()
            if name.kind != "VARIABLE":
                raise self._unexpected(name.kind, "VARIABLE")
            self._equal()
            self._skip(_SPACE)
            items.append((name.text, self._text(_BARE_IN_VECTOR, "STRING")))
            mark = self._name_or_end()
            if mark.kind not in ("COMMA", "CBRACKET"):
                raise self._unexpected(mark.kind, "COMMA or CBRACKET")
            self.position += 1
            if mark.kind == "CBRACKET":
                return vector(items)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def _unexpected(self, kind: str, expected: str) -> TemplateError:
        start, end = self.last
        line_start = self.text.rfind("\n", 0, start) + 1
        line = self.text.count("\n", 0, start) + 1
        columns = f"{start - line_start + 1}:{end - line_start + 1}"
        return TemplateError(
            f"Parse error: syntax error, unexpected {kind}, expecting {expected} at line {line}, columns {columns}"
        )

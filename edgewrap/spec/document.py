"""A spec file as plain data, with the place of every key and value in it.

YAML is read by its 1.2 core schema, so that `no`, `22:30` or `2026-01-01` are text and not something else, and
without tags; anchors, aliases and merge keys (`<<`) are fine. A key written twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml import SafeLoader
from yaml.error import MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from edgewrap.spec.place import KeyPath, Place, SpecProblem, code_point, quoted

MOST_BYTES = 256 * 1024
MOST_NODES = 50_000  # with aliases followed: a file cannot grow without bounds by naming an anchor again and again
DEEPEST = 20  # the contract itself is 6 deep

_TAG = "tag:yaml.org,2002:"
_TEXT, _MAPPING, _LIST, _MERGE = f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq", f"{_TAG}merge"


@dataclass(slots=True)
class Document:
    """A file's data and, by path, the places of its keys and values. `problems` are what is wrong with it as YAML."""

    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[SpecProblem] = field(default_factory=list)


class NotYamlError(Exception):
    """The text is not a single YAML document; says why and where (line and column from 1)."""

    def __init__(self, rule: str, line: int, column: int) -> None:
        super().__init__(rule)
        self.place = Place(line, column, "")


class _Nodes(SafeLoader):
    """Composes the node tree of one document, with the plain scalars of YAML 1.2. A number with a leading zero stays
    text: readers disagree on what it means."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as PyYAML has it


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Nodes.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern})$"), _first)


def read_document(text: str) -> Document:
    """The document that the text holds; raises NotYamlError where it is none, or more than one."""
    try:
        nodes = _Nodes(text)
        root = nodes.get_single_node()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if error.problem == "but found another document":
            raise NotYamlError("must be one YAML document: a second one begins here", line, column) from None
        context = f" ({error.context})" if error.context else ""
        raise NotYamlError(f"must be YAML: {error.problem}{context}", line, column) from None
    except ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        character = code_point(text[error.position])
        raise NotYamlError(
            f"must be YAML: the character {character} is not allowed", before.count("\n") + 1, column
        ) from None
    except (ValueError, OverflowError, RecursionError) as error:
        mark = nodes.get_mark()
        rule = f"must not be nested deeper than {DEEPEST} levels"
        if not isinstance(error, RecursionError):  # an escape such as "\U00110000", which PyYAML does not check
            rule = "must be YAML: invalid escape"
        raise NotYamlError(rule, mark.line + 1, mark.column + 1) from None
    if root is None or (isinstance(root, ScalarNode) and root.tag == f"{_TAG}null"):
        raise NotYamlError("must not be empty; `edgewrap init` writes a starter", 1, 1)
    document = Document()
    if isinstance(root, MappingNode):
        document.values[()] = _place(root)
        document.data = _Reading(document).mapping(root, (), (root,))
    else:
        mark = root.start_mark
        raise NotYamlError("must be a mapping of keys to values", mark.line + 1, mark.column + 1)
    return document


class _Reading:
    """Turns nodes into data, and records places and problems."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def value(self, node: Node, path: KeyPath, above: tuple[Node, ...]) -> Any:
        """The data of one node. If there is a problem it is None: what is below is not read."""
        self.nodes += 1
        self.document.values[path] = _place(node)
        if any(node is ancestor for ancestor in above):
            self.document.problems.append(SpecProblem(path, "must not contain an alias to itself", at_key=True))
            return None
        if len(path) > DEEPEST:
            return self.problem(node, path, f"must not be nested deeper than {DEEPEST} levels")
        if self.nodes > MOST_NODES:
            enough = self.nodes > MOST_NODES + 1
            return None if enough else self.problem(node, path, f"must not contain more than {MOST_NODES} values")
        if isinstance(node, MappingNode) and node.tag == _MAPPING:
            return self.mapping(node, path, (*above, node))
        if isinstance(node, SequenceNode) and node.tag == _LIST:
            return [self.value(item, (*path, index), (*above, node)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        return self.problem(node, path, f"must not have a tag ({_short(node.tag)})")

    def mapping(self, node: MappingNode, path: KeyPath, above: tuple[Node, ...]) -> dict[str, Any]:
        """The data of a mapping: its own keys, then those that `<<` brings and that are not its own."""
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            if key_node.tag != _TEXT or not isinstance(key_node, ScalarNode) or not _is_text(key_node.value):
                self.problem(key_node, (*path, _shown(key_node)), "must be text, as every key is")
                continue
            key = key_node.value
            here = (*path, key)
            if key in data:
                first = self.document.keys[here].line
                self.problem(key_node, here, f"must be written once: it is already in line {first}")
                continue
            self.document.keys[here] = _place(key_node)
            data[key] = self.value(value_node, here, above)
        for key_node, value_node in self.merged(node, path, above):
            key = key_node.value
            if isinstance(key, str) and _is_text(key) and key not in data:
                self.document.keys[(*path, key)] = _place(key_node)
                data[key] = self.value(value_node, (*path, key), above)
        return data

    def merged(self, node: MappingNode, path: KeyPath, above: tuple[Node, ...]) -> Iterator[tuple[Node, Node]]:
        """The keys and values that the merge keys of a mapping bring, the first that brings a key first."""
        for key_node, value_node in node.value:
            if key_node.tag != _MERGE:
                continue
            for source in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                self.nodes += 1
                endless = any(source is ancestor for ancestor in above) or self.nodes > MOST_NODES
                if endless or not isinstance(source, MappingNode):
                    self.problem(key_node, (*path, "<<"), "must have a mapping, or a list of mappings, after <<")
                    return
                yield from ((key, value) for key, value in source.value if key.tag == _TEXT)
                yield from self.merged(source, path, (*above, source))

    def scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        """The data of a scalar: text, a number, true, false or null."""
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        try:
            match kind:
                case "str" | "merge" if _is_text(text):
                    return text
                case "str" | "merge":
                    return self.problem(node, path, "must not contain half a character (a lone surrogate)")
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return int(text)
                case "float":
                    return float(text)
        except (KeyError, ValueError):
            return self.problem(node, path, "must be a value of its tag, and a number of at most 4300 digits")
        return self.problem(node, path, f"must not have a tag ({_short(node.tag)})")

    def problem(self, node: Node, path: KeyPath, rule: str) -> None:
        self.document.problems.append(SpecProblem(path, rule, place=_place(node)))


def _is_text(text: str) -> bool:
    """Whether every character is a whole one; an escape in YAML can make half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _place(node: Node) -> Place:
    """Where a node begins, and how its value reads in an error."""
    mark = node.start_mark
    return Place(mark.line + 1, mark.column + 1, _shown(node))


def _shown(node: Node) -> str:
    """A value on one line: text that is quoted in the file, or could be misread, in quotes; collections by size."""
    if isinstance(node, MappingNode):
        return f"a mapping of {len(node.value)}"
    if isinstance(node, SequenceNode):
        return f"a list of {len(node.value)}"
    text: str = node.value
    if node.tag == f"{_TAG}null":
        return "null"
    plain = isinstance(node, ScalarNode) and node.style is None and text.isprintable()
    return text if plain else quoted(text)


def _short(tag: str) -> str:
    return quoted(tag.replace(_TAG, "!!"))

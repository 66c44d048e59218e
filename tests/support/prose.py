"""Everything in the repository that a person reads, as paragraphs with their places: docs, docstrings, messages,
comments and names of tests."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.checkout import REPOSITORY

_WHOLE_TEXT = {".md", ".sh", ".j2", ".yaml"}
_COMMENTS_ONLY = {"Makefile", "pyproject.toml"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph, comment or string, on one line; `file` is relative to the repository."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def paragraphs(file: Path) -> Iterator[Paragraph]:
    """The paragraphs of one file."""
    if file.suffix != ".py" and file.suffix not in _WHOLE_TEXT and file.name not in _COMMENTS_ONLY:
        return
    name = file.relative_to(REPOSITORY).as_posix()
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        found = [*_comments(source), *_strings(ast.parse(source)), *_test_names(ast.parse(source))]
    elif file.suffix in _WHOLE_TEXT:
        found = list(_blocks(source))
    else:
        found = list(_blocks("\n".join(line if line.startswith("#") else "" for line in source.splitlines())))
    for line, text in sorted(found):
        yield Paragraph(name, line, " ".join(text.split()))


def _blocks(source: str) -> Iterator[tuple[int, str]]:
    """Lines between empty ones; comment signs are dropped."""
    line = 1
    for block in re.split(r"(\n(?:[ \t]*#?[ \t]*\n)+)", source):
        text = re.sub(r"^[ \t]*#+ ?", "", block, flags=re.MULTILINE)
        if text.strip():
            yield line, text
        line += block.count("\n")


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments on lines of their own, one below the other, are one text."""
    first, last, words = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("# ")
        if line == last + 1 and token.line.lstrip().startswith("#"):
            words += f" {text}"
        else:
            if words:
                yield first, words
            first, words = line, text
        last = line
    if words:
        yield first, words


def _strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """String constants, docstrings among them; an f-string is one text with `{}` for each value."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        # a docstring has paragraphs of its own
        for offset, block in _blocks(text) if "\n" in text else [(1, text)]:
            if " " in block.strip():
                yield node.lineno + offset - 1, block


def _test_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ")

"""The code in the project's Markdown files: commands as a shell would read them, YAML, JSON."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.checkout import REPOSITORY

GENERATED = "docs/commands.md"
_SHELL = {"", "sh", "bash", "console", "yaml"}
_COMMAND = (
    re.compile(  # at the start of a line, after a prompt, an assignment, a key of YAML; after `--`, `$(`, an operator
        r"(?:^\s*(?:[#$] |- )?(?:[a-z_]+: )?(?:\w+=\S+ )*|(?<= -- )|(?<=\$\()|(?<=[;|&] ))edgewrap(?=\s|$)"
    )
)


@dataclass(frozen=True, slots=True)
class Code:
    """A block of code, or a span of it in a text (`inline`). `language` is empty if none is given."""

    file: str
    line: int
    language: str
    text: str
    inline: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def markdown_files() -> list[Path]:
    """All files that users read, without the generated reference."""
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [path for path in found if path != REPOSITORY / GENERATED]


def code(file: Path) -> Iterator[Code]:
    """All code in a file."""
    name = file.relative_to(REPOSITORY).as_posix()
    for token in MarkdownIt().enable("table").parse(file.read_text()):
        line = token.map[0] + 1 if token.map else 0
        if token.type in ("fence", "code_block"):
            yield Code(name, line, token.info.strip(), token.content)
        yield from (Code(name, line, "", span, inline=True) for span in _spans(token))


def script(file: str, heading: str = "") -> str:
    """The indented commands of a file in docs, or of one section of the second level, as one script."""
    text = (REPOSITORY / file).read_text()
    if heading:
        [text] = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(f"{heading}\n")]
    return textwrap.dedent("".join(re.findall(r"^    .*\n", text, flags=re.MULTILINE)))


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after each `edgewrap` in lines of a shell, also within another command or in `$(…)`."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        for found in _COMMAND.finditer(line):
            yield list(_words(line[found.end() :]))


def commands(block: Code) -> list[list[str]]:
    """The commands in a block or span of a shell's language."""
    return list(command_lines(block.text)) if block.language in _SHELL else []


def _spans(token: Token) -> Iterator[str]:
    for child in token.children or ():
        if child.type == "code_inline":
            yield child.content


def _words(rest: str) -> Iterator[str]:
    """The words up to the end of the command: an operator, a comment, a redirection, or a quote around it."""
    lexer = shlex.shlex(rest, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    try:
        for word in lexer:
            if word.strip("|&;()<>") == "":
                return
            yield word
    except ValueError:  # a quote that was opened before the command
        return

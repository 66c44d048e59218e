"""What people read is plain English: docs, help, messages, docstrings, comments and names of tests contain none of the
words below. A sound use is allowed by file and phrase."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checkout import REPOSITORY
from tests.support.prose import Paragraph, paragraphs

WRITE_INSTEAD = {
    r"for ever|anew": "permanent, never; again, replaced, created again",
    r"mend(s|ed|ing)?": "fix, patch",
    r"meanwhile": "during this run, since then",
    r"see(s|ing|n)? to it": "make sure",
    r"go(es|ing)? on(?! (a|the|top)\b)|went on": "continue, resume",
    r"(take|takes|taken|took|taking)( [\w'`-]+){0,4}? away": "remove, delete, destroy",
    r"at first sight": "on first use",
    r"not to be had": "missing",
    r"(say|says|said|tell|tells) nothing": "no answer, no message",
    r"of (its|their) own accord": "by itself, automatically",
    r"tells(?! \w+ apart)": "says, reports, shows",
    r"told(?! apart)": "given, informed, configured; said",
    r"(stand|stands|stood|standing)(?![-'])(?! (in )?for\b)": "is, are, works",
    r"(is|are|was|were|be|been)( not)? gone": "deleted, missing, closed",
    r"lets? go of": "release",
    r"configured right": "configured correctly",
    r"(go|goes|went) (in)?to (ERROR|READY|[A-Z]+_[A-Z_]+)": "is in (a state)",
    r"what (comes|goes|stands)": "what is added, removed, kept",
    r"(comes|goes|come|go)(?=[.,;:)]|$)": "is added, appears; is removed, disappears",
    r"comes? (and|or) goe?s?": "added or removed",
    r"where (there (is|are|was|were)|none|neither|nothing|nobody|either|any is|it (has|is not|does|cannot)"
    r"|they (cannot|do not)|known|needed|asked|possible|given|named|missing)": "if",
    r"(is|are|was|were) to (?!(a|an|the|its|their|each|all|one|any|that|this|it|host|group)\b)[a-z]+": "must, will",
    r"some(body|one) (took|takes)|somebody": "someone else",
    r"(it|that|which|who) is no (?!longer\b|more\b)[a-z]+": "is not a",
    r"not as wanted": "differs from the spec",
    r"a way to the internet": "internet access",
    r"ways? of (a|the) packets?": "packet path",
    r"slip of the pen": "a typo",
    r"fault in edgewrap": "a bug in edgewrap",
    r"(in )?(its|their) own words": "the original message",
    r"patiently|patience": "with retries, timeout",
    r"nothing (is|was) \w+(?=.*\bnothing (is|was) \w+)": "say what happens, once",
}
HUNTED = {
    re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE): instead for words, instead in WRITE_INSTEAD.items()
}
ANY = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in HUNTED), re.IGNORECASE)

COVERED = (
    "README.md",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
    "docs/**/*.md",
    "edgewrap/**/*.py",
    "edgewrap/**/*.sh",
    "edgewrap/**/*.j2",
    "edgewrap/**/*.yaml",
    "terraform/**/*.j2",
    "tests/**/*.py",
)


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound use: the phrase, in the file or below the folder, and why it is the right word there."""

    place: str
    phrase: str
    why: str


ALLOWED = (Sound("tests/unit/test_plain_english.py", "", "the list itself"),)


def read_by_people() -> Iterator[Path]:
    for pattern in COVERED:
        yield from sorted(REPOSITORY.glob(pattern))


def hunted(paragraph: Paragraph) -> Iterator[str]:
    """What is wrong in a paragraph; words in the allow-list are not."""
    text = paragraph.text
    for sound in ALLOWED:
        if paragraph.file == sound.place or paragraph.file.startswith(f"{sound.place}/"):
            text = text.replace(sound.phrase, "…") if sound.phrase else ""
    if not ANY.search(text):  # one look for all of them is fast
        return
    for pattern, instead in HUNTED.items():
        for found in pattern.finditer(text):
            around = text[max(0, found.start() - 40) : found.end() + 30]
            yield f"{paragraph.file}:{paragraph.line}: `{found.group()}` in `…{around}…`: {instead}"


def test_nobody_reads_a_riddle() -> None:
    wrong = [text for file in read_by_people() for paragraph in paragraphs(file) for text in hunted(paragraph)]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("sound", ALLOWED, ids=lambda sound: f"{sound.place}: {sound.phrase}")
def test_every_allowed_phrase_is_in_use(sound: Sound) -> None:
    place = REPOSITORY / sound.place
    files = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.md"), *place.rglob("*.sh")]
    assert any(sound.phrase in paragraph.text for file in files for paragraph in paragraphs(file))


@pytest.mark.parametrize(
    "text",
    [
        "Keys are for ever: to take host 1 of three away, write",
        "exits 2 where there is something to do",
        "what is to be made anew",
        "it is no terraform",
        "An interface that is detached goes.",
        "the front-end tells nothing",
        "All that was in it is gone.",
        "systemd does not let go of it",
        "a host goes to ERROR if that fails",
        "what is configured right and does not work",
    ],
)
def test_riddles_are_found(text: str) -> None:
    assert list(hunted(Paragraph("x.md", 1, text)))


@pytest.mark.parametrize(
    "text",
    [
        "`pool` stands for the pool; a stand-in for netplan",
        "the directory where the state is",
        "what tells them apart; the link is to the host; it goes to the next one",
        "it is no longer there",
        "a packet goes to the gateway",
    ],
)
def test_plain_sentences_are_not(text: str) -> None:
    assert not list(hunted(Paragraph("x.md", 1, text)))


def test_the_paragraphs_of_a_python_file(tmp_path: Path) -> None:
    file = REPOSITORY / "tests/support/prose.py"
    texts = [paragraph.text for paragraph in paragraphs(file)]
    assert "One paragraph, comment or string, on one line; `file` is relative to the repository." in texts

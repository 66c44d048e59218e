"""The README's commands, unchanged, from a shell on a machine without a mirror of Terraform's providers."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import REPOSITORY, Checkout, copy_checkout
from tests.support.terminal import run_at_terminal

LIMIT_S = 500


def commands(heading: str) -> str:
    """The lines of commands in one section of the README."""
    section = re.split(r"^## ", (REPOSITORY / "README.md").read_text(), flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(heading + "\n")]
    return textwrap.dedent("".join(re.findall(r"^    .*\n", text, flags=re.MULTILINE)))


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A copy of this checkout; a lab that a failed test leaves is ended."""
    made = copy_checkout(tmp_path / "edgewrap")
    yield made
    run_at_terminal(["make", "lab-down"], made.environ, answer="", directory=made.path)


def run(checkout: Checkout, script: str, *, directory: Path) -> str:
    """Run lines in a shell that stops at the first one that fails, and say yes to every question; gives what they
    showed."""
    shell = ["bash", "-exc", script]
    status, shown = run_at_terminal(shell, checkout.environ, answer="yes", directory=directory, timeout_s=LIMIT_S)
    assert status == 0, shown
    return shown


@pytest.mark.full
def test_the_commands_of_try_it(checkout: Checkout) -> None:
    script = commands("Try it")
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", script), "AWS chooses the addresses: the commands must ask for them"
    shown = run(checkout, script, directory=checkout.path)
    assert shown.count("3 packets transmitted, 3 received") == 2, shown


@pytest.mark.parametrize("last", ["plan", pytest.param("destroy", marks=pytest.mark.full)])
def test_the_commands_of_use_it(checkout: Checkout, last: str) -> None:
    """All up to one of them; the last of all needs a lock that a dead run left."""
    lines = commands("Use it").splitlines()
    assert lines[-1].startswith("edgewrap force-unlock ID ")
    assert lines[-2].startswith("edgewrap destroy ")
    [end] = [number for number, line in enumerate(lines) if line.startswith(f"edgewrap {last} ")]
    del lines[end + 1 :]
    run(checkout, "make lab", directory=checkout.path)
    lab = f"{checkout.path}/.venv/bin/edgewrap lab exec -- bash -exc"
    (elsewhere := checkout.path / "mine").mkdir()
    script = "\n".join([f"PATH={checkout.path}/.venv/bin:$PATH", *lines])
    run(checkout, f"{lab} {shlex.quote(script)}", directory=elsewhere)

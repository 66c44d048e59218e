"""The README's commands, unchanged, from a shell on a machine without a mirror of Terraform's providers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, copy_checkout
from tests.support.docs import script
from tests.support.terminal import run_at_terminal

LIMIT_S = 500


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A copy of this checkout; a lab that a failed test leaves is ended."""
    made = copy_checkout(tmp_path / "edgewrap")
    yield made
    run_at_terminal(["make", "lab-down"], made.environ, answer="", directory=made.path)


def run(checkout: Checkout, lines: str, *, directory: Path) -> str:
    """Run lines in a shell that stops at the first one that fails, and say yes to every question; gives what they
    showed."""
    shell = ["bash", "-exc", lines]
    status, shown = run_at_terminal(shell, checkout.environ, answer="yes", directory=directory, timeout_s=LIMIT_S)
    assert status == 0, shown
    return shown


@pytest.mark.full
def test_the_commands_of_try_it(checkout: Checkout) -> None:
    lines = script("README.md", "Try it")
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", lines), "AWS chooses the addresses: the commands must ask for them"
    shown = run(checkout, lines, directory=checkout.path)
    assert shown.count("3 packets transmitted, 3 received") == 2, shown


@pytest.mark.full
def test_the_commands_of_use_it(checkout: Checkout) -> None:
    """All but the last one, which needs a lock that a dead run left. test_first_hour.py runs those up to `status`."""
    *lines, last = script("README.md", "Use it").splitlines()
    assert last.startswith("edgewrap force-unlock ID ")
    run(checkout, "make lab", directory=checkout.path)
    lab = f"{checkout.path}/.venv/bin/edgewrap lab exec -- bash -exc"
    (elsewhere := checkout.path / "mine").mkdir()
    inside = "\n".join([f"PATH={checkout.path}/.venv/bin:$PATH", *lines])
    run(checkout, f"{lab} {shlex.quote(inside)}", directory=elsewhere)

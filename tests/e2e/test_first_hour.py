"""The guide of the first hour, as a newcomer follows it: `make demo` runs its commands in a fresh checkout."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, copy_checkout
from tests.support.docs import command_lines, script

GUIDE = "docs/first-hour.md"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return copy_checkout(tmp_path / "edgewrap")


@pytest.mark.full
def test_the_demo_ends_with_a_vm_that_answers_while_it_moves(checkout: Checkout, tmp_path: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        ["make", "demo"],
        cwd=checkout.path,
        env={**checkout.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    shown = done.stdout
    print(f"the demo took {time.monotonic() - begun:.0f} s")
    assert done.returncode == 0, shown + done.stderr
    assert " 3 received, 0% packet loss" in shown
    assert "Hello from the edge\n" in shown
    [(lost_pings, gap), (lost_requests, _)] = re.findall(
        r"^(?:ping|http)  \d+ sent, (\d+) lost, longest gap ([\d.]+) s$", shown, re.M
    )
    assert (int(lost_pings) <= 2, lost_requests) == (True, "0")
    assert float(gap) < 1
    assert "TCP connections of the HTTP requests: 1\n" in shown
    assert re.search(r"^ +web +\d+ +host-1 ", shown, re.MULTILINE)
    assert shown.endswith("The lab 'lab' has ended.\n")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp.")] == []
    assert [line for line in script(GUIDE, "In the lab").splitlines() if line not in done.stderr.splitlines()] == []


def test_the_commands_on_aws_are_those_that_the_readme_has() -> None:
    """tests/e2e/test_readme.py runs these in a lab."""
    known, used = list(command_lines(script("README.md", "Use it"))), list(command_lines(script(GUIDE, "On AWS")))
    assert [used[0], used[-1]] == [["init"], ["destroy"]]
    assert [words for words in used if words not in known] == []

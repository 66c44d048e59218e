"""The actions that have nothing to do: the answer, and how little they load."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import pytest

START = "from edgewrap.ipam.quick import main; raise SystemExit(main())"
RANGE = (
    "<IPAM_DRIVER_ACTION_DATA><AR><AR_ID><![CDATA[1]]></AR_ID><IP><![CDATA[10.9.2.2]]></IP></AR>"
    "<ADDRESS><SIZE>1</SIZE></ADDRESS></IPAM_DRIVER_ACTION_DATA>"
)


def run(action: str, document: str = RANGE, code: str = START) -> tuple[int, str, str]:
    """Run an action as the front-end does: exit status, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, action, "7"],
        input=base64.b64encode(document.encode()).decode(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("action", ["allocate_address", "free_address"])
def test_nothing_to_do(action: str) -> None:
    assert run(action) == (0, "", "")


def test_the_one_address_of_the_range() -> None:
    assert run("get_address") == (0, 'ADDRESS = [ IP = "10.9.2.2", SIZE = "1" ]\n', "")


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<AR></AR>",
        RANGE.replace("10.9.2.2", ""),
        RANGE.replace("10.9.2.2", "..."),
        RANGE.replace("10.9.2.2", '10.9.2.2", EVIL="1'),
        RANGE.replace("<AR>", "<AR/>").replace("</AR>", ""),
    ],
)
def test_a_request_without_an_address_is_an_error(document: str) -> None:
    assert run("get_address", document) == (1, "", "edgewrap: the request has no range with an IPv4 address\n")


def test_nothing_heavy_is_imported() -> None:
    code = f"import sys; old = set(sys.modules)\ntry:\n    {START}\nfinally:\n    print(sorted(set(sys.modules) - old))"
    assert run("allocate_address", code=code)[1] == "['binascii', 'edgewrap', 'edgewrap.ipam', 'edgewrap.ipam.quick']\n"


def test_it_starts_as_fast_as_python(figure: Callable[[str], None]) -> None:
    def seconds(code: str, *arguments: str) -> float:
        started = perf_counter()
        subprocess.run([sys.executable, "-I", "-c", code, *arguments], check=True, stdin=subprocess.DEVNULL)
        return perf_counter() - started

    pairs = [(seconds(START, "allocate_address"), seconds("pass")) for _ in range(25)]
    ratio = median(own / bare for own, bare in pairs)
    figure(f"ipam allocate_address: {ratio:.2f} times a bare Python start, median of {len(pairs)}")
    assert ratio < 1.5

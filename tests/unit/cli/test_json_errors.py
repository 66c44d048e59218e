"""With `--json` the last line of standard output is the error that ends a run, whichever command it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import check_line
from tests.support.lab import EDGEWRAP

SPEC = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: REGION }\nssh: { public_key: key.pub }\n"
GOOD, BROKEN = SPEC.replace("REGION", "eu-west-3"), SPEC.replace("REGION", "paris")
TAKE_A_SPEC = (
    ["validate"],
    ["preflight"],
    ["plan"],
    ["apply", "--auto-approve"],
    ["replace", "host-0", "--auto-approve"],
    ["status"],
    ["output"],
    ["destroy", "--auto-approve"],
)
FAIL = """
import signal, sys
from edgewrap.cli import main
from edgewrap.cli.options import Json

def fail(json: Json = False) -> None:
    {what}

main.COMMANDS = (fail, main.validate)
sys.argv[1:] = ["fail", "--json"]
main.main()
"""


def environ(directory: Path) -> dict[str, str]:
    """An environment without a cluster, a front-end or a lab."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EDGEWRAP_", "ONE_", "AWS_"))}
    places = {"HOME": directory, "EDGEWRAP_DIR": directory / "runs", "EDGEWRAP_LAB_DIR": directory / "lab"}
    own = {"TMPDIR": str(directory), "ONE_AUTH": "oneadmin:" + "pass-1" * 300}
    return {**kept, **{name: str(place) for name, place in places.items()}, **own}


def last_error(command: list[str], directory: Path) -> dict[str, Any]:
    """The error that the command prints; standard error has it as text."""
    done = subprocess.run(
        command, cwd=directory, env=environ(directory), capture_output=True, text=True, timeout=60, check=False
    )
    error = check_line(done.stdout.splitlines()[-1])
    assert (error["v"], error["type"]) == (1, "error")
    assert error["exit_code"] == done.returncode
    assert error["kind"] == error["error"]
    assert done.stderr.startswith(f"Error: {error['what']}\n  Cause: {error['cause']}\n")
    assert done.stderr.endswith(f"  What to do: {error['advice']}\n")
    assert all(error[field] for field in ("what", "cause", "advice"))
    return error


@pytest.mark.parametrize("words", TAKE_A_SPEC, ids=" ".join)
def test_a_spec_that_is_wrong(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "edgewrap.yaml").write_text(BROKEN)
    error = last_error([EDGEWRAP, *words, "--json"], tmp_path)
    assert (error["kind"], error["exit_code"], error["valid"]) == ("SpecError", 1, False)
    assert error["problems"] == [
        {
            "file": "edgewrap.yaml",
            "line": 3,
            "column": 16,
            "path": "aws.region",
            "value": "paris",
            "rule": "must be an AWS region such as eu-west-3",
        }
    ]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["apply", "--json"], "`apply`"),  # nobody can be asked
        (["replace", "--json"], "Missing argument 'HOST'."),
        (["plan", "--nope", "--json"], "No such option: --nope"),
        (["plan", "--json", "--only", "aws", "--skip", "aws"], "--only and --skip"),
        (["lab", "status", "--json", "more"], "Got unexpected extra argument(s) (more)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(words: list[str], what: str, tmp_path: Path) -> None:
    (tmp_path / "edgewrap.yaml").write_text(GOOD)
    error = last_error([EDGEWRAP, *words], tmp_path)
    assert (error["kind"], error["exit_code"]) == ("UsageError", 64)
    assert what in error["what"]


@pytest.mark.parametrize("words", [["lab", "status"], ["lab", "vm", "list"]], ids=" ".join)
def test_no_lab(words: list[str], tmp_path: Path) -> None:
    assert last_error([EDGEWRAP, *words, "--json"], tmp_path)["kind"] == "LabError"


def test_preflight_gives_all_findings(tmp_path: Path) -> None:
    (tmp_path / "edgewrap.yaml").write_text(GOOD + "hosts: {}\n")
    error = last_error([EDGEWRAP, "preflight", "--only", "hosts", "--json"], tmp_path)
    assert (error["kind"], error["exit_code"]) == ("PreflightError", 1)
    verdicts = [finding["verdict"] for finding in error["findings"]]
    assert "failure" in verdicts
    assert error["summary"] == {verdict: verdicts.count(verdict) for verdict in ("ok", "warning", "failure", "unknown")}
    assert set(error["findings"][0]) == {"plane", "check", "verdict", "text", "advice"}


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("ValueError", "'unlucky\\n::error::x\\x1b[2J'"),
        ("BrokenPipeError", "32, 'unlucky'"),
        ("EOFError", "'unlucky'"),
        ("OSError", "36, 'unlucky', 'oneadmin:' + 'pass-1' * 300"),
        ("UnicodeDecodeError", "'utf-8', b'unlucky', 0, 1, 'unlucky'"),
    ],
)
def test_a_bug_is_reported_without_its_traceback(kind: str, arguments: str, tmp_path: Path) -> None:
    """Nor with the text of the exception, which may hold anything."""
    error = last_error([sys.executable, "-c", FAIL.format(what=f"raise {kind}({arguments})")], tmp_path)
    assert (error["kind"], error["exit_code"]) == ("InternalError", 1)
    assert error["what"].startswith(f"unexpected {kind} in cli/main.py, line ")
    [log] = tmp_path.glob("edgewrap-*.log")
    assert error["advice"] == f"report it with the traceback in {log}"
    assert log.read_text().startswith("Traceback")
    assert "unlucky" in log.read_text()
    assert "pass-1" not in log.read_text()
    assert log.read_text().replace("\n", "").isprintable()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt(number: str, tmp_path: Path) -> None:
    assert signal.getsignal(signal.Signals[number]) is not signal.SIG_IGN
    what = f"signal.raise_signal(signal.{number})"
    error = last_error([sys.executable, "-c", FAIL.format(what=what)], tmp_path)
    assert (error["kind"], error["exit_code"]) == ("InterruptedRunError", 130)


@pytest.mark.parametrize("words", [["plan"], ["lab", "exec", "--", "--json"], ["ssh", "host-0", "--json"]])
def test_without_json_standard_output_has_no_error(words: list[str], tmp_path: Path) -> None:
    """The `--json` of a command that edgewrap runs for the user belongs to that command."""
    done = subprocess.run(
        [EDGEWRAP, *words], cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")

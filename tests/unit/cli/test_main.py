"""Every way a run can end has its exit code; nothing heavy is imported at start-up."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from edgewrap.cli import main
from edgewrap.cli.main import build, run
from edgewrap.errors import EdgewrapError, PartlyAppliedError, SpecError, UsageError

HEAVY = (
    *("pydantic", "yaml", "jinja2", "boto3", "botocore", "pyone", "asyncssh", "python_terraform", "moto", "rich"),
    "edgewrap.spec.models",
)
IMPORTED = f"""
import atexit, sys
sys.argv = ["edgewrap", *sys.argv[1:]]
atexit.register(lambda: print(*sorted({{*{HEAVY!r}}} & {{*sys.modules}}), file=sys.stderr))
from edgewrap.cli.start import main
main()
"""
SPEC = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: eu-west-3 }\n"


def raising(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EdgewrapError("x", cause="y", advice="z"), 1),
        (SpecError([]), 1),
        (PartlyAppliedError("x", cause="y", advice="z"), 3),
        (UsageError("x", cause="y", advice="z"), 64),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (typer.Exit(2), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exit_codes(error: BaseException, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(error), []) == status
    if isinstance(error, EdgewrapError) and not isinstance(error, SpecError):
        assert capsys.readouterr().err == "Error: x\n  Cause: y\n  What to do: z\n"


@pytest.mark.parametrize("arguments", [["nope"], ["plan", "--nope"], ["plan", "--only", "nope"], ["output", "a", "b"]])
def test_wrong_usage_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), arguments) == 64
    assert "--help" in capsys.readouterr().err


def test_a_missing_spec_is_an_error_with_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["plan", "--file", str(tmp_path / "absent.yaml")]) == 1
    assert "absent.yaml" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["--help"]) == 0
    shown = capsys.readouterr().out
    for command in (
        "init",
        "validate",
        "schema",
        "render",
        "plan",
        "apply",
        "status",
        "output",
        "destroy",
        "force-unlock",
        "ssh",
        "lab",
    ):
        assert command in shown


@pytest.mark.parametrize("group", [[], ["ipam"], ["lab"], ["lab", "vm"]], ids=" ".join)
def test_without_a_command_it_shows_the_help(group: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), group) == 64
    shown, failure = capsys.readouterr()
    assert shown.startswith(f"Usage: {' '.join(['edgewrap', *group])} [OPTIONS] COMMAND [ARGS]...\n")
    assert failure.startswith("Error: a command is missing\n")
    assert run(build(), [*group, "--help"]) == 0
    assert capsys.readouterr().out == shown


def test_the_list_of_commands_has_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    run(build(), ["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for command in main.COMMANDS:
        assert " ".join((command.__doc__ or "").split()).split(". ")[0] in shown


def test_the_commands_that_are_only_listed_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for named in (None, "", "plan", "lab"):
        assert run(build(named), ["--help"]) == 0
        assert run(build(named), ["lap"]) == 64
    shown, failures = capsys.readouterr()
    lists = shown.split("Usage: ")[1:]
    assert len({*lists}) == 1, "the same list"
    assert len(lists) == failures.count("No such command 'lap'. Did you mean 'lab'?") == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], ""),
        (["--version"], ""),
        ([], ""),
        (["nope"], ""),
        (["plan", "--help"], ""),
        (["plan", "--nope"], ""),
        (["validate", "--file", "edge.yaml"], "edgewrap.spec.models pydantic yaml"),
        (["validate", "edge.yaml", "--json"], "edgewrap.spec.models pydantic yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_heavy_is_imported_that_a_command_does_not_need(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "edge.yaml").write_text(SPEC)
    command = [sys.executable, "-c", IMPORTED, *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr.splitlines()[-1] == expected


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["--version"]) == 0
    assert capsys.readouterr().out.startswith("edgewrap 0.")


STAY = """
import fcntl, signal, sys, termios, time
from pathlib import Path
from contextlib import nullcontext
from edgewrap.cli import main
from edgewrap.signals import defer_signals

def stay(held: bool = False) -> None:
    try:
        with defer_signals() if held else nullcontext(()) as came:
            print("begun", flush=True)
            while not came:
                time.sleep(0.1)
            print("a word to nobody", flush=True)
    finally:
        print("another", flush=True)
        Path(FILE).write_text("ended in good order")

FILE, *arguments = sys.argv[1:]
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
main.COMMANDS = (stay,)
sys.argv[1:] = ["stay", *arguments]
main.main()
"""
IGNORE = """
import signal, sys
from edgewrap.cli import main

def stay() -> None:
    signal.raise_signal(signal.SIGHUP)

signal.signal(signal.SIGHUP, signal.SIG_IGN)
main.COMMANDS = (stay,)
sys.argv[1:] = ["stay"]
main.main()
"""


@pytest.mark.parametrize("options", [[], ["--held"]])
def test_sighup_ends_the_run_cleanly(tmp_path: Path, options: list[str]) -> None:
    """An SSH session that drops: nothing can be written any more, and the locks must still be released."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", STAY, str(tmp_path / "end"), *options],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    assert os.read(ours, 100).startswith(b"begun")
    os.close(ours)
    assert process.wait(timeout=30) == 130
    assert (tmp_path / "end").read_text() == "ended in good order"


def test_nohup_keeps_it_running() -> None:
    assert subprocess.run([sys.executable, "-c", IGNORE], check=False).returncode == 0


AT_START = """
import signal, sys
from edgewrap.cli import start

class Finder:
    def find_spec(self, name, *rest):
        if name == "edgewrap.cli.main":
            signal.raise_signal(signal.SIGTERM)

sys.meta_path.insert(0, Finder())
start.main()
"""
IN_BETWEEN = """
import atexit, logging, signal, sys, threading, warnings
from edgewrap.cli import main
from edgewrap.cli.views.lines import LinesView

class Odd:
    def __del__(self):
        raise ValueError("unlucky")

def again(*_):
    raise KeyboardInterrupt

def act() -> None:
    {what}

main.COMMANDS = (act, main.validate)
sys.argv[1:] = ["act"]
main.main()
"""


def ended(code: str, directory: Path) -> tuple[int, str]:
    """Run a program: its exit status, and what it showed."""
    environ = {**os.environ, "TMPDIR": str(directory)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_signal_at_the_start_ends_it_without_a_traceback(tmp_path: Path) -> None:
    assert ended(AT_START, tmp_path) == (130, "")


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("LinesView.show_failure = again; signal.raise_signal(signal.SIGINT)", 130),
        ("atexit.register(signal.raise_signal, signal.SIGINT)", -2),
        ("warnings.warn('unlucky'); logging.getLogger('x').error('unlucky')", 0),
        ("Odd()", 0),
    ],
    ids=["a second interrupt", "an interrupt at the end", "a library's words", "an exception that nobody catches"],
)
def test_nothing_but_edgewrap_itself_says_anything(what: str, status: int, tmp_path: Path) -> None:
    assert ended(IN_BETWEEN.format(what=what), tmp_path) == (status, "")


def test_an_exception_of_a_thread_is_an_error_like_all_others(tmp_path: Path) -> None:
    what = "thread = threading.Thread(target=int, args=('unlucky',)); thread.start(); thread.join()"
    _, shown = ended(IN_BETWEEN.format(what=what), tmp_path)
    [log] = tmp_path.glob("edgewrap-*.log")
    assert shown.startswith("Error: unexpected ValueError\n  Cause: a bug in edgewrap\n")
    assert str(log) in shown
    assert "unlucky" not in shown
    assert "unlucky" in log.read_text()

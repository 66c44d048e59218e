"""Several runs side by side: the limit, what they print, how they end, and signals. The children are shell scripts."""

from __future__ import annotations

import signal
import threading
import time
from itertools import permutations
from pathlib import Path

import pytest

from edgewrap.cli import many
from edgewrap.cli.many import ClusterRun, Job, run_each, worst


class Recorder:
    """A listener that keeps everything, and the largest number of clusters at work."""

    def __init__(self) -> None:
        self.working: set[str] = set()
        self.most = 0
        self.values: list[tuple[str, object]] = []
        self.notes: list[tuple[str, str]] = []

    def started(self, cluster: str) -> None:
        self.working.add(cluster)
        self.most = max(self.most, len(self.working))

    def received(self, cluster: str, value: object) -> None:
        self.values.append((cluster, value))

    def noted(self, cluster: str, line: str) -> None:
        self.notes.append((cluster, line))

    def ended(self, run: ClusterRun) -> None:
        self.working.discard(run.cluster)


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's first argument is a script."""
    monkeypatch.setattr(many, "PROGRAM", ("sh", "-c"))


def runs(*scripts: str, json: bool = True, parallel: int = 4) -> tuple[tuple[ClusterRun, ...], Recorder]:
    recorder = Recorder()
    options = ("sh", "--json") if json else ()
    jobs = [Job(f"edge-{number}", (script, *options)) for number, script in enumerate(scripts)]
    return run_each(jobs, parallel, recorder), recorder


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_no_more_than_the_limit_are_at_work(parallel: int) -> None:
    ends, recorder = runs(*["sleep 0.1"] * 5, parallel=parallel)
    assert (recorder.most, [end.cluster for end in ends]) == (parallel, [f"edge-{number}" for number in range(5)])


def test_a_failure_stops_no_other_run() -> None:
    ends, _ = runs("exit 3", "exit 1", "true", "exit 2", parallel=1)
    assert [end.exit_code for end in ends] == [3, 1, 0, 2]


@pytest.mark.parametrize(
    ("output", "values"),
    [
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{\n  "a": [\n    1\n  ]\n}\n{"type": "error"}', [{"a": [1]}, {"type": "error"}]),
        ('[\n  {\n    "a": 1\n  }\n]', [[{"a": 1}]]),
        ('"198.51.100.7"', ["198.51.100.7"]),
        ('a word\n{\n{"a": 1}', [{"a": 1}]),
        ("[]", [[]]),
    ],
)
def test_json_values_on_one_line_or_on_several(output: str, values: list[object]) -> None:
    ends, recorder = runs(f"echo '{output}'")
    assert [*ends[0].objects] == values == [value for _, value in recorder.values]


def test_text_is_kept_and_the_error_that_ends_a_run_is_told_apart_from_warnings() -> None:
    script = "echo one; echo 'warning: x' >&2; echo 'Error: y' >&2; echo '  Cause: z' >&2; echo two; exit 1"
    (end,), recorder = runs(script, json=False)
    assert (end.text, end.errors) == (("one", "two"), ("Error: y", "  Cause: z"))
    assert recorder.notes == [("edge-0", "warning: x")]


@pytest.mark.parametrize(("command", "code"), [("apply", 3), ("destroy", 3), ("plan", 1)])
def test_a_process_that_was_killed_has_failed(
    command: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(many, "PROGRAM", (str(program),))
    (end,) = run_each([Job("edge-0", (command,))], 1, Recorder())
    assert (end.exit_code, end.errors) == (code, ("Error: its process was ended by signal 9",))


def test_a_program_that_does_not_start_is_one_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(many, "PROGRAM", (str(tmp_path / "missing"),))
    ends = run_each([Job("edge-0", ()), Job("edge-1", ())], 1, Recorder())
    assert [(end.exit_code, len(end.errors)) for end in ends] == [(1, 1)] * 2


def test_a_child_reads_no_input_and_has_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRAP_SPEC", "other.yaml")
    script = 'cat; echo "${EDGEWRAP_SPEC:-none} $(ps -o sid= -p $$ | tr -d " ") $$"'
    (end,), _ = runs(script, json=False)
    spec, session, process = end.text[0].split()
    assert (spec, session) == ("none", process)


def test_a_signal_is_passed_on_once_and_nothing_else_is_started(tmp_path: Path) -> None:
    """The child takes its time, as a run does that ends a change; it is not killed."""
    script = f"""
        count=0
        trap 'count=$((count + 1)); touch {tmp_path}/$$.got' TERM
        touch {tmp_path}/$$.ready
        while [ ! -e {tmp_path}/$$.got ]; do sleep 0.02; done
        for _ in 1 2 3 4 5 6 7 8; do sleep 0.05; done
        echo "{{\\"signals\\": $count}}"
        exit 130
    """
    received: list[int] = []

    def interrupt() -> None:
        while len(list(tmp_path.glob("*.ready"))) < 2:
            time.sleep(0.02)
        received.append(signal.SIGINT)
        time.sleep(0.15)
        received.append(signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    jobs = [Job(f"edge-{number}", (script, "sh", "--json")) for number in range(4)]
    ends = run_each(jobs, 2, Recorder(), received)
    assert [end.exit_code for end in ends] == [130] * 4
    assert [end.objects for end in ends] == [({"signals": 1},)] * 2 + [()] * 2


def test_a_child_that_cannot_handle_the_signal_yet_counts_as_interrupted() -> None:
    received: list[int] = []

    class Interrupting(Recorder):
        def started(self, cluster: str) -> None:
            received.append(signal.SIGTERM)

    (end,) = run_each([Job("edge-0", ("exec sleep 10",))], 1, Interrupting(), received)
    assert (end.exit_code, end.errors) == (130, ())


def test_a_view_that_fails_leaves_no_run_behind(tmp_path: Path) -> None:
    class Failing(Recorder):
        def received(self, cluster: str, value: object) -> None:
            raise ValueError

    job = Job("edge-0", (f"trap '' PIPE; echo 1; sleep 0.2; echo 2; touch {tmp_path}/end", "sh", "--json"))
    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        run_each([job], 1, Failing())
    assert (tmp_path / "end").exists()


ORDER = [130, 3, 1, 64, 2, 0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_worst_exit_code(count: int) -> None:
    for codes in permutations(ORDER, count):
        assert worst(codes) == min(codes, key=ORDER.index)


@pytest.mark.parametrize(("codes", "code"), [([], 0), ([0, 120], 1), ([0, 2, 70], 1)])
def test_an_unknown_exit_code_is_a_failure(codes: list[int], code: int) -> None:
    assert worst(codes) == code

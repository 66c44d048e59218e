"""Commands about several clusters: what each child is asked to do, the one question, the views, the exit code. The
children are a script that writes its words to a file and answers as edgewrap does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

from edgewrap.cli import many, options
from edgewrap.cli.main import build, run
from edgewrap.cli.reference import commands
from tests.support.github_outputs import parse_outputs

CHANGE = {"plane": "aws", "kind": "vpc", "key": "vpc", "action": "create", "before": {}, "after": {}, "why": ""}
PLANES = {"aws": "1 to create", "hosts": "nothing to do"}
ERROR = {"kind": "SpecError", "what": "one\ntwo", "cause": "c", "advice": "a", "exit_code": 1}


def line(kind: str, /, **fields: object) -> str:
    return shlex.quote(json.dumps({"v": 1, "type": kind, **fields}))


PROGRAM = f"""#!/bin/sh
echo "$*" >>"$WORDS"
case "$*" in
*broken*)
    printf '%s\\n' {line("error", **ERROR)}
    printf 'Error: one\\ntwo\\n  Cause: c\\n' >&2
    exit 1 ;;
*slow*)
    trap 'echo got >>"$WORDS"; sleep 0.3; exit 130' TERM
    touch "$WORDS.ready"
    while :; do sleep 0.05; done ;;
"plan --json"* | *--dry-run* | *--auto-approve*)
    printf '%s\\n' {line("event", kind="warning", plane="aws", key="", text="quota", seconds=None, action=None)}
    case "$*" in *same*) ;; *) printf '%s\\n' {line("change", **CHANGE)} ;; esac
    printf '%s\\n' {line("plan", cluster="x", changes=1, unread=[], planes=PLANES)}
    printf '%s\\n' {line("message", text="end of plan")} ;;
apply*stops*)
    trap 'exit 130' TERM
    kill -INT "$PPID"
    while :; do sleep 0.05; done ;;
apply*)
    printf '%s\\n' {line("message", text="it is what the spec says")} ;;
*)
    echo "text of $2" ;;
esac
case "$*" in *--detailed-exitcode*) exit 2 ;; esac
"""


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory with specs of three clusters in `sites`, one of which is broken."""
    sites = tmp_path / "sites"
    sites.mkdir()
    for name in ("oslo", "paris", "broken"):
        (sites / f"{name}.yaml").write_text(f"apiVersion: edgewrap/v1\nname: {name}\naws: {{ region: eu-west-3 }}\n")
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setattr(many, "PROGRAM", (str(program),))
    monkeypatch.setenv("WORDS", str(tmp_path / "words"))
    monkeypatch.delenv("EDGEWRAP_SPEC", raising=False)
    monkeypatch.setenv("EDGEWRAP_RESTRICTED", "")
    monkeypatch.chdir(tmp_path)
    return sites


def words(sites: Path) -> list[str]:
    """What the children were asked to do."""
    file = sites.parent / "words"
    return sorted(file.read_text().splitlines()) if file.exists() else []


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (["validate"], "validate --file=sites/oslo.yaml"),
        (["status", "--insecure"], "status --insecure --file=sites/oslo.yaml"),
        (
            ["plan", "--only=aws", "--only", "hosts", "--parallel=2", "--lock-timeout", "5"],
            "plan --json --only=aws --only=hosts --lock-timeout=5.0 --file=sites/oslo.yaml",
        ),
        (["plan", "-o", "plans"], "plan --json --out=plans --out=plans/oslo.plan --file=sites/oslo.yaml"),
        (["plan", "--restricted", "--markdown"], "plan --json --restricted --file=sites/oslo.yaml"),
        (["apply", "--auto-approve"], "apply --json --auto-approve --file=sites/oslo.yaml"),
        (["destroy", "--auto-approve"], "destroy --json --auto-approve --file=sites/oslo.yaml"),
        (["destroy", "--dry-run"], "destroy --json --dry-run --file=sites/oslo.yaml"),
        (
            ["preflight", "--junit", "reports"],
            "preflight --junit=reports --junit=reports/oslo.xml --file=sites/oslo.yaml",
        ),
        (
            ["plan", "--terraform-report", "reports"],
            "plan --json --terraform-report=reports --terraform-report=reports/oslo.json --file=sites/oslo.yaml",
        ),
        (["preflight", "--json"], "preflight --json --file=sites/oslo.yaml"),
        (
            ["render", "--offline", "--output", "out"],
            "render --output=out --offline --output=out/oslo --file=sites/oslo.yaml",
        ),
    ],
)
def test_what_each_child_is_asked(sites: Path, command: list[str], asked: str) -> None:
    run(build(), [*command, "sites/oslo.yaml", "sites/paris.yaml"])
    assert words(sites) == [asked, asked.replace("oslo", "paris")]


@pytest.mark.parametrize("name", [[], ["eips.eip-0.public_address"]])
def test_output_takes_several_specs_by_file(sites: Path, name: list[str]) -> None:
    assert run(build(), ["output", *name, "-f", "sites/oslo.yaml", "--file", "sites/paris.yaml"]) == 0
    rest = f" -- {name[0]}" if name else ""
    assert words(sites) == [f"output --file=sites/{one}.yaml{rest}" for one in ("oslo", "paris")]


def test_the_environment_may_name_a_directory(sites: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRAP_SPEC", "sites")
    assert run(build(), ["status"]) == 1
    assert len(words(sites)) == 3


def test_saved_plans_are_applied_without_a_question(sites: Path) -> None:
    for name in ("a", "b"):
        (sites / f"{name}.plan").write_bytes(b"PK")
    assert run(build(), ["apply", "sites/a.plan", "sites/b.plan"]) == 0
    assert words(sites) == ["apply --json sites/a.plan", "apply --json sites/b.plan"]


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "sites/oslo.yaml", "--file", "sites/paris.yaml"],
        ["apply", "sites", "--auto-approve", "--file", "sites/paris.yaml"],
        ["apply", "sites"],
        ["destroy", "sites"],
        ["plan", "sites", "--json", "--markdown"],
        ["plan", "sites", "--out", "sites/oslo.yaml"],
        ["plan", "sites", "--parallel", "0"],
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(sites: Path, command: list[str]) -> None:
    assert (run(build(), command), words(sites)) == (64, [])


def test_text_plans_in_turn_then_the_summary(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["plan", "sites"]) == 1
    shown, progress = capsys.readouterr()
    plan = "aws: 1 to create\n  + vpc vpc\nhosts: nothing to do\nend of plan\n\n"
    table = [one.split() for one in shown.partition(plan)[2].partition(plan)[2].splitlines()]
    assert shown.startswith(f"=== oslo ===\n{plan}=== paris ===\n{plan}")
    assert table == [
        ["cluster", "result", "aws", "hosts", "seconds"],
        ["broken", "failed", "-", "-", "0"],
        ["oslo", "ok", "+1", "0", "0"],
        ["paris", "ok", "+1", "0", "0"],
    ]
    assert "paris: aws: warning: quota\n" in progress
    assert progress.endswith("=== broken ===\nError: one\ntwo\n  Cause: c\n\n")
    assert progress.count("Error:") == 1


def test_json_has_the_objects_of_all_with_their_cluster(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["plan", "sites", "--json"]) == 1
    *objects, summary = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert [one["type"] for one in objects if one["cluster"] == "oslo"] == ["event", "change", "plan", "message"]
    assert [one["what"] for one in objects if one["cluster"] == "broken"] == ["one\ntwo"]
    assert (summary["type"], summary["command"], summary["exit_code"]) == ("summary", "plan", 1)
    del summary["clusters"][1]["seconds"]
    assert summary["clusters"][1] == {
        "cluster": "oslo",
        "exit_code": 0,
        "result": "ok",
        "changes": {"aws": {"create": 1}, "hosts": {}},
    }


def test_markdown_is_one_text(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["plan", "sites", "--markdown"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("### edgewrap plan: several clusters\n\n| cluster | result | aws | hosts | seconds |\n")
    assert [one for one in shown.splitlines() if one.startswith("###")][1:] == [
        "### edgewrap plan: broken",
        "### edgewrap plan: oslo",
        "### edgewrap plan: paris",
    ]
    assert "Error: one" in shown


def test_a_job_on_github_has_one_summary_and_the_counts_of_all(
    sites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clusters' own processes add nothing."""
    summary, output = tmp_path / "summary", tmp_path / "output"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    assert run(build(), ["plan", "sites"]) == 1
    assert summary.read_text().startswith("### edgewrap plan: several clusters\n")
    outputs = parse_outputs(output.read_text())
    assert (outputs["has_changes"], outputs["create"], outputs["exit_code"]) == ("true", "2", "1")
    assert many._environment({"EDGEWRAP_SPEC": "x", "A": "b"}) == {"A": "b", "EDGEWRAP_CI": "off"}


def test_changes_of_one_cluster_give_the_exit_code(sites: Path) -> None:
    assert run(build(), ["plan", "--detailed-exitcode", "sites/oslo.yaml", "sites/paris.yaml"]) == 2


Answer = Callable[[str], list[str]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Gives an answer to each question; returns the list of questions."""

    def give(text: str) -> list[str]:
        questions: list[str] = []

        def ask(question: str) -> str:
            questions.append(question)
            return text

        monkeypatch.setattr(options, "require_approval_possible", lambda *_one, **_two: None)
        monkeypatch.setattr("builtins.input", ask)
        return questions

    return give


def test_apply_asks_once_and_applies_the_plans_that_were_shown(
    sites: Path, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = answer("yes")
    command = ["apply", "sites", "--move-off", "host-1", "--host-timeout", "9", "--insecure"]
    assert run(build(), command) == 1
    assert questions == ["Apply these changes to 2 clusters: oslo, paris? Only `yes` is accepted: "]
    planned = [one.split() for one in words(sites) if one.startswith("plan")]
    applied = [one.split() for one in words(sites) if one.startswith("apply")]
    files = {one[4]: one[5].removeprefix("--out=") for one in planned}
    assert {tuple(one[2:4]) for one in planned} == {("--move-off=host-1", "--insecure")}
    assert [one[1:] for one in applied] == [
        ["--json", "--insecure", "--host-timeout=9.0", f"--file=sites/{name}.yaml", files[f"--file=sites/{name}.yaml"]]
        for name in ("oslo", "paris")
    ]
    assert not any(Path(file).parent.exists() for file in files.values())
    shown = capsys.readouterr().out
    assert shown.count("+ vpc vpc") == shown.count("it is what the spec says") == 2
    assert "end of plan" not in shown
    assert [one.split()[:2] for one in shown.splitlines()[-3:]] == [
        ["broken", "failed"],
        ["oslo", "ok"],
        ["paris", "ok"],
    ]


@pytest.mark.parametrize("text", ["no", "y", ""])
def test_without_approval_nothing_is_applied(
    sites: Path, answer: Answer, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    answer(text)
    assert run(build(), ["apply", "sites"]) == 1
    assert [one for one in words(sites) if one.startswith("apply")] == []
    assert capsys.readouterr().out.endswith("Nothing was changed.\n")


def test_without_changes_nobody_is_asked(sites: Path, answer: Answer) -> None:
    for name in ("oslo", "paris"):
        (sites / f"{name}.yaml").rename(sites / f"{name}-same.yaml")
    questions = answer("no")
    assert run(build(), ["apply", "sites/oslo-same.yaml", "sites/paris-same.yaml"]) == 0
    assert (questions, len([one for one in words(sites) if one.startswith("apply")])) == ([], 2)
    assert run(build(), ["destroy", "sites/oslo-same.yaml", "sites/paris-same.yaml"]) == 0
    assert (questions, [one for one in words(sites) if "destroy --json --auto" in one]) == ([], [])


@pytest.mark.parametrize(
    ("text", "destroyed"),
    [("oslo paris", 2), ("paris,  oslo", 2), ("yes", 0), ("oslo", 0), ("oslo paris broken", 0), ("oslo oslo paris", 0)],
)
def test_destroy_wants_the_names(sites: Path, answer: Answer, text: str, destroyed: int) -> None:
    questions = answer(text)
    assert run(build(), ["destroy", "sites", "--only", "aws"]) == 1
    assert questions == ["Destroy oslo, paris? To confirm, type these names, separated by spaces: "]
    command = "destroy --json --auto-approve --only=aws --file=sites/{}.yaml"
    assert [one for one in words(sites) if "--auto-approve" in one] == [
        command.format(name) for name in ("oslo", "paris")[:destroyed]
    ]


INTERRUPTED = """
import sys
from edgewrap.cli import main, many
many.PROGRAM = (sys.argv[1],)
sys.argv[1:] = ["apply", "--auto-approve", "--parallel", "2", *sys.argv[3:], *(["--json"] if sys.argv[2] else [])]
main.main()
"""


@pytest.mark.parametrize("json_", ["", "json"])
def test_a_signal_ends_all_children_and_the_summary_is_shown(sites: Path, json_: str) -> None:
    """The signal is sent to the whole process group, as a terminal does: the children are not in it."""
    specs = []
    for name in ("slow-1", "slow-2", "waits"):
        specs.append(str(sites / f"{name}.yaml"))
        Path(specs[-1]).write_text(f"apiVersion: edgewrap/v1\nname: {name}\n")
    command = [sys.executable, "-c", INTERRUPTED, str(sites.parent / "program"), json_, *specs]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        while not (sites.parent / "words.ready").exists() or len(words(sites)) < 2:
            time.sleep(0.05)
        time.sleep(0.2)
        os.killpg(parent.pid, signal.SIGINT)
        time.sleep(0.1)
        os.killpg(parent.pid, signal.SIGINT)
        shown, progress = parent.communicate(timeout=20)
    assert parent.returncode == 130, progress
    assert words(sites).count("got") == 2
    assert not [one for one in words(sites) if "waits" in one]
    if json_:
        summary, error = map(json.loads, shown.splitlines()[-2:])
        assert (summary["exit_code"], error["kind"]) == (130, "InterruptedRunError")
        assert [one["result"] for one in summary["clusters"]] == ["interrupted"] * 3
    else:
        assert [one.split()[:2] for one in shown.splitlines()[-3:]] == [
            ["slow-1", "interrupted"],
            ["slow-2", "interrupted"],
            ["waits", "interrupted"],
        ]
    assert "Error: the run was interrupted" in progress


def test_a_signal_while_plans_are_applied_loses_no_cluster_and_no_change(
    sites: Path, answer: Answer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    for old, new in (("oslo", "stops"), ("paris", "waits")):
        text = (sites / f"{old}.yaml").read_text().replace(old, new)
        (sites / f"{old}.yaml").unlink()
        (sites / f"{new}.yaml").write_text(text)
    answer("yes")
    assert run(build(), ["apply", "sites", "--parallel", "1"]) == 130
    table = [one.split()[:3] for one in capsys.readouterr().out.splitlines()[-3:]]
    assert table == [["broken", "failed", "-"], ["stops", "interrupted", "+1"], ["waits", "interrupted", "+1"]]
    outputs = parse_outputs(output.read_text())
    assert (outputs["has_changes"], outputs["changes"], outputs["exit_code"]) == ("true", "2", "130")


def test_a_report_is_one_page_about_all_clusters(sites: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "all.html"
    assert run(build(), ["report", "sites", "--output", str(page)]) == 1
    text = page.read_text(encoding="utf-8")
    assert all(f">{name}<" in text for name in ("oslo", "paris", "broken"))


def test_a_report_sets_no_counts_of_changes_for_a_job(
    sites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    run(build(), ["report", "sites", "--output", str(tmp_path / "all.html")])
    written = [path.read_text() for path in tmp_path.glob("GITHUB_*")]
    assert not any("has_changes" in text or "edgewrap report" in text for text in written)


def test_only_one_cluster_can_be_watched(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build(), ["status", "--watch", "sites"]) == 64
    assert "--watch is about one cluster" in capsys.readouterr().err


@pytest.mark.parametrize(
    "places", [["sites"], ["sites/oslo.yaml", "sites/paris.yaml"], ["-f", "sites/oslo.yaml", "-f", "sites/paris.yaml"]]
)
@pytest.mark.parametrize("command", ["graph", "replace", "force-unlock", "logs", "ssh", "ipam install"])
def test_a_command_about_one_cluster_refuses_several(
    sites: Path, command: str, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if command in ("replace", "force-unlock", "ssh"):  # specs only by --file
        places = ["host-1", *(word for place in places if place != "-f" for word in ("--file", place))]
    assert run(build(), [*command.split(), *places]) == 64
    shown = capsys.readouterr().err
    assert f"Error: `edgewrap {command}` is about one cluster" in shown
    assert "oslo, paris" in shown
    assert ("or use `edgewrap report`, which shows several" in shown) == (command == "graph")
    assert words(sites) == []


def test_no_command_takes_one_of_several_specs_and_ignores_the_others() -> None:
    options = [(typed, one) for typed, command in commands(get_command(build())) for one in command.params]
    files = [(typed, one.multiple) for typed, one in options if "--file" in one.opts]
    assert files
    assert [typed for typed, multiple in files if not multiple] == []


@pytest.mark.parametrize("command", [["ssh", "host-0"], ["ipam", "install"]])
def test_a_command_about_one_cluster_takes_a_directory_with_one_spec(
    sites: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("oslo", "paris"):
        (sites / f"{name}.yaml").unlink()
    with (sites / "broken.yaml").open("a") as spec:
        spec.write("unknown: 1\n")
    assert run(build(), [*command, "--file", "sites"]) == 1
    assert "sites/broken.yaml:4:1: unknown" in capsys.readouterr().err


def test_the_options_of_a_command_on_a_host_name_no_specs(sites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ssh", "host-0", "--file", "none.yaml", "--", "grep", "-f", "sites/oslo.yaml", "-f", "sites/paris.yaml"]
    assert run(build(), command) == 1
    assert "none.yaml" in capsys.readouterr().err

"""`edgewrap validate`, `schema` and `init` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from edgewrap.cli.main import build, run
from edgewrap.spec.load import load_spec
from tests.support.documents import check_output

EXAMPLE = Path(__file__).parents[3] / "docs/examples/edge.yaml"
BROKEN = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: paris, token: hunter2 }\n"


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in an empty directory, without a spec named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEWRAP_SPEC", raising=False)
    return tmp_path


def edgewrap(*arguments: str) -> int:
    """Runs one command line; returns its exit code."""
    return run(build(), list(arguments))


def test_a_valid_spec_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("validate", "-f", str(EXAMPLE)) == 0
    line = "OK: edge-paris in eu-west-3: 3 hosts (kvm, c5.metal), 4 Elastic IPs on 4 interface groups"
    assert capsys.readouterr().out == f"{EXAMPLE}: {line}\n"


def test_ssh_that_is_open_to_everybody_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("validate", "-f", str(EXAMPLE)) == 0
    assert capsys.readouterr().err == (
        f"{EXAMPLE}: warning: ssh.from: every address on the internet may open SSH to the hosts; "
        "set ssh.from to your own networks and the front-end's address\n"
    )
    Path("edgewrap.yaml").write_text(EXAMPLE.read_text().replace("\nssh:\n", "\nssh:\n  from: [198.51.100.0/24]\n"))
    assert edgewrap("validate") == 0
    assert capsys.readouterr().err == ""


def test_the_spec_may_be_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEWRAP_SPEC", str(EXAMPLE))
    assert edgewrap("validate") == 0
    assert capsys.readouterr().out.startswith(f"{EXAMPLE}: OK: ")


def test_problems_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("edgewrap.yaml").write_text(BROKEN)
    assert edgewrap("validate") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "edgewrap.yaml:3:16: aws.region: must be an AWS region such as eu-west-3 (value: paris)" in shown.err
    assert "edgewrap.yaml:3:23: aws.token: unknown key" in shown.err
    assert "hunter2" not in shown.err
    assert "  Cause: the spec does not follow the schema of edgewrap/v1\n" in shown.err


def test_the_verdict_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("validate", "-f", str(EXAMPLE), "--json") == 0
    shown = capsys.readouterr().out
    check_output(["validate", "--json"], 0, shown)
    document = json.loads(shown)
    (warning,) = document.pop("warnings")
    assert (warning["check"], warning["verdict"]) == ("ssh.from", "warning")
    assert document == {"version": 1, "file": str(EXAMPLE), "valid": True, "problems": []}
    Path("edgewrap.yaml").write_text(BROKEN.replace(", token: hunter2", ""))
    assert edgewrap("validate", "--json") == 1
    problem = {
        "file": "edgewrap.yaml",
        "line": 3,
        "column": 16,
        "path": "aws.region",
        "value": "paris",
        "rule": "must be an AWS region such as eu-west-3",
    }
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["type"], verdict["valid"], verdict["problems"]) == ("error", False, [problem])


def test_no_spec_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("validate") == 1
    assert capsys.readouterr().err.splitlines() == [
        "Error: edgewrap.yaml: there is no such file; `edgewrap init` writes a starter",
        "  Cause: no spec can be read there",
        "  What to do: give the path of a spec file that you may read",
    ]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("schema") == 0
    assert json.loads(capsys.readouterr().out)["properties"]["name"]["type"] == "string"


def test_init_names_the_schema_for_editors(own_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own_directory / "sites").mkdir()
    words = ["init", "sites/one.yaml", "--schema", "--json"]
    assert edgewrap(*words) == 0
    shown = capsys.readouterr().out
    check_output(words, 0, shown)
    assert json.loads(shown)["schema"] == "sites/edgewrap.schema.json"
    text = Path("sites/one.yaml").read_text()
    first = text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=edgewrap.schema.json"
    schema = json.loads((Path("sites") / first.partition("=")[2]).read_text())
    assert schema["$id"] == "urn:edgewrap:schema:spec:v1"
    assert list(Draft202012Validator(schema).iter_errors(yaml.safe_load(text))) == []
    load_spec(Path("sites/one.yaml"), {})
    Path("sites/edgewrap.schema.json").write_text("mine")
    assert edgewrap(*words) == 1  # the spec exists: nothing is overwritten
    assert Path("sites/edgewrap.schema.json").read_text() == "mine"


def test_the_log_files_as_json(own_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = own_directory / ".edgewrap" / "edge-1" / "logs"
    logs.mkdir(parents=True)
    Path("edgewrap.yaml").write_text(BROKEN.replace("paris, token: hunter2", "eu-west-3"))
    for name in ("20260101T000000.000000-plan.log", "20260102T000000.000000-apply.log"):
        (logs / name).write_text(f"first {name}\nsecond \x1b\n")
    for options, expected in (
        (["--list"], [(1, "apply", None), (2, "plan", None)]),
        (["--run", "2"], [(2, "plan", ["first 20260101T000000.000000-plan.log", r"second \x1b"])]),
    ):
        words = ["logs", *options, "--json"]
        assert edgewrap(*words) == 0
        shown = capsys.readouterr().out
        check_output(words, 0, shown)
        found = json.loads(shown)["logs"]
        assert [(one["run"], Path(one["file"]).stem.partition("-")[2], one["lines"]) for one in found] == expected


@pytest.mark.parametrize("path", ["edgewrap.yaml", "other.yaml"])
def test_what_init_writes_is_valid(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert edgewrap("init", *([] if path == "edgewrap.yaml" else [path])) == 0
    assert f"edgewrap validate -f {path}" in capsys.readouterr().out
    assert edgewrap("validate", "-f", path) == 0


def test_init_overwrites_only_by_force(own_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("real.yaml").write_text("mine\n")
    Path("edgewrap.yaml").symlink_to("real.yaml")
    assert edgewrap("init") == 1
    assert "edgewrap.yaml already exists" in capsys.readouterr().err
    assert Path("real.yaml").read_text() == "mine\n"
    assert edgewrap("init", "--force") == 0
    assert Path("edgewrap.yaml").is_symlink()
    assert Path("real.yaml").read_text().startswith("# An edgewrap spec")
    assert {path.name for path in own_directory.iterdir()} == {"edgewrap.yaml", "real.yaml"}


@pytest.mark.parametrize(
    ("path", "reason"), [("missing/edge.yaml", "No such file or directory"), (".", "Is a directory")]
)
def test_init_in_an_unwritable_directory(path: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kept").mkdir()
    target = "kept" if path == "." else path
    assert edgewrap("init", target, "--force") == 1
    assert f"{target} cannot be written: {reason}" in capsys.readouterr().err
    assert [entry.name for entry in Path().iterdir()] == ["kept"]


def test_init_replaces_a_link_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Path("edgewrap.yaml").symlink_to("edgewrap.yaml")
    assert edgewrap("validate") == 1
    assert "edgewrap.yaml: cannot be read: Too many levels of symbolic links" in capsys.readouterr().err
    assert edgewrap("init", "--force") == 0
    assert edgewrap("validate") == 0

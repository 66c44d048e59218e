"""Which clusters a command line names: spec files, directories, saved plans."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgewrap.cli.many_specs import Target, choose_targets, is_spec
from edgewrap.errors import UsageError

SPEC = "apiVersion: edgewrap/v1\nname: {}\naws: {{ region: eu-west-3 }}\n"


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two specs, other YAML, and a folder."""
    sites = tmp_path / "sites"
    (sites / "more.yaml").mkdir(parents=True)
    (sites / "more.yaml" / "rome.yaml").write_text(SPEC.format("edge-rome"))
    (sites / "paris.yaml").write_text(SPEC.format("edge-paris"))
    (sites / "oslo.yml").write_text(SPEC.format("edge-oslo"))
    (sites / "values.yaml").write_text("apiVersion: v1\nkind: ConfigMap\n")
    (sites / "notes.txt").write_text("apiVersion: edgewrap/v1\n")
    monkeypatch.chdir(tmp_path)
    return sites


def chosen(*given: str, plans: bool = False) -> tuple[list[Target], list[str]]:
    notes: list[str] = []
    return [*choose_targets([*map(Path, given)], notes.append, plans=plans)], notes


def test_a_directory_means_the_specs_in_it(sites: Path) -> None:
    targets, notes = chosen("sites")
    assert [(str(target.path), target.cluster) for target in targets] == [
        ("sites/oslo.yml", "edge-oslo"),
        ("sites/paris.yaml", "edge-paris"),
    ]
    assert notes == ["sites/values.yaml is left out: it is not a spec of edgewrap"]


def test_files_and_directories_may_be_mixed_and_repeated(sites: Path) -> None:
    targets, _ = chosen("sites/paris.yaml", "sites", "sites/../sites/oslo.yml")
    assert [target.cluster for target in targets] == ["edge-paris", "edge-oslo"]


@pytest.mark.parametrize("given", ["edge.yaml", "-", "missing.yaml", "sites/paris.yaml"])
def test_one_file_is_not_read(sites: Path, given: str) -> None:
    assert chosen(given)[0] == [Target(Path(given))]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (SPEC.format("edge"), True),
        ("name: x\napiVersion: edgewrap/v2\n", True),
        ("{ name: x, apiVersion: edgewrap/v1 }", True),
        ('"apiVersion": "edgewrap/v1"\nname: [broken\n', True),
        ("apiVersion: edgewrap/v1\n---\nname: two\n", True),
        ("apiVersion: v1\nkind: Pod\n", False),
        ("apiVersion: v1\n---\ndata: { x: 'apiVersion: edgewrap/v1' }\n", False),
        ("apiVersion: v1\ndata: |\n  apiVersion: edgewrap/v1\n", False),
        ("# apiVersion: edgewrap/v1\nkind: [broken\n", False),
        ("- apiVersion: edgewrap/v1\n", False),
        ("", False),
    ],
)
def test_a_spec_is_known_by_its_version_also_if_it_is_broken(tmp_path: Path, text: str, answer: bool) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert is_spec(path) is answer


def test_a_yaml_file_that_cannot_be_read_counts_as_a_spec(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").symlink_to("nowhere")
    assert is_spec(tmp_path / "x.yaml")


def _plan(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plan.json", "{}")


@pytest.mark.parametrize(
    ("name", "answer"),
    [("a.plan", True), ("plan.yaml", True), ("paris.spec", False), ("missing.plan", True), ("missing.yaml", False)],
)
def test_apply_knows_a_saved_plan_by_its_content(tmp_path: Path, name: str, answer: bool) -> None:
    _plan(tmp_path / "a.plan")
    _plan(tmp_path / "plan.yaml")
    (tmp_path / "paris.spec").write_text(SPEC.format("edge-paris"))
    assert [target.is_plan for target in chosen(str(tmp_path / name), plans=True)[0]] == [answer]
    assert [target.is_plan for target in chosen(str(tmp_path / name))[0]] == [False]


def test_a_spec_without_a_name_is_called_as_its_file(sites: Path) -> None:
    (sites / "broken.yaml").write_text("apiVersion: edgewrap/v1\nname: [\n")
    (sites / "from-env.yaml").write_text(SPEC.format("${env:NAME}"))
    (sites / "no\x1b[31m`<name>|.yaml").write_text("apiVersion: edgewrap/v1\nname: 'a\\nb'\n")
    targets, _ = chosen("sites")
    assert {target.cluster for target in targets} >= {"broken.yaml", "from-env.yaml", "no--31m--name--.yaml"}


def test_two_specs_without_a_name_in_files_of_one_name_are_told_apart(sites: Path) -> None:
    for directory in ("oslo", "paris"):
        (sites / directory).mkdir()
        (sites / directory / "edge.yaml").write_text("apiVersion: edgewrap/v1\nname: [\n")
    targets, _ = chosen("sites/oslo", "sites/paris")
    assert [target.cluster for target in targets] == ["sites-oslo-edge.yaml", "sites-paris-edge.yaml"]


def test_a_file_is_preferred_to_a_link_to_it(sites: Path) -> None:
    (sites / "a-link.yaml").symlink_to("paris.yaml")
    targets, _ = chosen("sites")
    assert {str(target.path) for target in targets} == {"sites/oslo.yml", "sites/paris.yaml"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["sites", "copy.yaml"], "2 specs are for the cluster edge-paris: sites/paris.yaml, copy.yaml"),
        (["sites", "-"], "standard input cannot be one of several specs"),
        (["empty"], "empty has no spec"),
        (["sites", "a.plan"], "specs and saved plans cannot be given together"),
    ],
)
def test_what_is_refused_before_anything_runs(sites: Path, given: list[str], words: str) -> None:
    (sites.parent / "copy.yaml").write_text(SPEC.format("edge-paris"))
    (sites.parent / "empty").mkdir()
    (sites.parent / "empty" / "x.yaml").write_text("kind: Pod\n")
    _plan(sites.parent / "a.plan")
    with pytest.raises(UsageError) as error:
        chosen(*given, plans=True)
    assert error.value.what == words

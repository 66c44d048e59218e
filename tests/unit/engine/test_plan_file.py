"""Plan files: what is kept of a plan, what counts as another one, and files of other kinds."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgewrap.aws.facts import AwsState
from edgewrap.aws.planner import AwsPlan
from edgewrap.change import Action, Change, PlaneName
from edgewrap.engine import plan_file
from edgewrap.engine.dead_hosts import HostDisposition, HostRequests
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.engine.plan_file import SavedPlan, plan_again, read_plan, write_plan
from edgewrap.errors import PlanFileError, PlanOutdatedError
from edgewrap.opennebula.diff import OpenNebulaPlan
from edgewrap.opennebula.kinds.operation import Call, Operation
from edgewrap.plane import Context
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.front_end import outputs

VPC = Change(PlaneName.AWS, "vpc", "vpc", Action.UPDATE, {"tags.Name": "other"}, {"tags.Name": "edge"}, "drift")
HOST = Change(PlaneName.OPENNEBULA, "host", "host-0", Action.UPDATE, after={"STATUS": "enabled"})
STEP = Operation("host-0", HOST, (Call("host.status", (3, 0)),))
MODULE = {"main.tf": "a", "modules/eips/main.tf": "b"}


def make(**changed: Any) -> RunPlan:
    """The plan of an applied cluster; `changed` are the parts that are different."""
    parts: dict[str, Any] = {
        "vpc": VPC,
        "step": STEP,
        "module": MODULE,
        "revision": "l/7",
        "state": "running",
        **changed,
    }
    inputs, now = first_inputs(make_spec()), outputs()
    hosts = {key: replace(host, state=parts["state"]) for key, host in now.hosts.items()}
    state = AwsState(replace(now, hosts=hosts), inputs, "", revision=parts["revision"])
    observed = Observed(state, None, None, None, HostDisposition(), Context())
    aws = AwsPlan((parts["vpc"],) if parts["vpc"] else (), True, now, inputs, module=parts["module"])
    return RunPlan(observed, Context(now), aws, opennebula=OpenNebulaPlan(operations=(parts["step"],)))


def cluster(**sections: Any) -> Any:
    aws = SimpleNamespace(terraform_plan=lambda: b"terraform's own")
    return SimpleNamespace(spec=make_spec(**sections), aws=aws)


@pytest.fixture
def saved(tmp_path: Path) -> SavedPlan:
    path = tmp_path / "edge.plan"
    path.write_text("an older file, which others may read")
    write_plan(path, cluster(), make(), tuple(PlaneName), HostRequests(frozenset({"host-1"})))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return read_plan(path)


def test_a_plan_file_holds_the_plan_and_what_it_was_made_from(saved: SavedPlan, tmp_path: Path) -> None:
    assert saved.changes == (VPC, HOST)
    assert saved.requests == HostRequests(frozenset({"host-1"}))
    assert json.loads(saved.spec)["name"] == "edge-paris"
    with zipfile.ZipFile(tmp_path / "edge.plan") as archive:
        others = {name: archive.read(name) for name in archive.namelist() if name != "plan.json"}
    assert others.pop("terraform.tfplan") == b"terraform's own"
    assert {name.removeprefix("terraform/"): text.decode() for name, text in others.items()} == MODULE


def test_a_plan_saved_before_changes_had_origins_can_be_read(saved: SavedPlan) -> None:
    document = json.loads(saved.model_dump_json())
    for change in document["changes"]:
        assert (change.pop("origin"), change.pop("reason")) == ("spec", None)
    assert SavedPlan.model_validate_json(json.dumps(document)) == saved


def test_a_forged_member_is_refused(saved: SavedPlan, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "edge.plan") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(iter(MODULE))
    forged: dict[str, list[tuple[str, bytes]]] = {
        "its rendered files are not those": [(f"terraform/{name}", b"# clean")],
        "it has a member": [("../outside", b"x")],
        "two members": [("plan.json", members["plan.json"])],
        "planes": [("plan.json", members["plan.json"].replace(b'"planes": [', b'"planes": ["aws",'))],
    }
    for words, others in forged.items():
        path = tmp_path / "forged.plan"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            replaced = {member for member, _ in others} if words != "two members" else set()
            for member, content in [*((key, text) for key, text in members.items() if key not in replaced), *others]:
                archive.writestr(member, content)
        with pytest.raises(PlanFileError, match="is not a saved plan"):
            read_plan(path)


SECOND = Change(PlaneName.AWS, "subnet", "subnet", Action.UPDATE, why="changed outside")
DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "the spec": ({}, {"hosts": {"count": 4}}, "spec: hosts.count: is 4, was 3"),
    "another apply": ({"revision": "l/8"}, {}, "Terraform state: is l/8, was l/7"),
    "a stopped instance": (
        {"state": "stopped"},
        {},
        "instance of host-0: is i-00000000 stopped, was i-00000000 running",
    ),
    "a change more": ({"vpc": SECOND}, {}, "aws: update subnet subnet: not in the saved plan (changed outside)"),
    "a change less": ({"vpc": None}, {}, "aws: update vpc vpc: no longer needed"),
    "another action": ({"vpc": replace(VPC, action=Action.REPLACE)}, {}, "aws: replace vpc vpc: was update"),
    "another value": (
        {"vpc": replace(VPC, before={"tags.Name": "third"})},
        {},
        "aws: update vpc vpc: before tags.Name: is third, was other",
    ),
    "another reason": (
        {"vpc": replace(VPC, why="nothing dangerous")},
        {},
        "aws: update vpc vpc: its reason or its lines are others",
    ),
    "another object": (
        {"step": replace(STEP, steps=(Call("host.status", (4, 0)),))},
        {},
        "steps in OpenNebula: is ",
    ),
    "another template": ({"module": {**MODULE, "main.tf": "c"}}, {}, "rendered file main.tf: is "),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_plan_that_differs_is_refused_by_name(name: str, saved: SavedPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, sections, text = DIFFERENT[name]
    monkeypatch.setattr(plan_file, "make_plan", lambda *_, **_options: make(**plan))
    with pytest.raises(PlanOutdatedError) as caught:
        plan_again(cluster(**sections), saved)
    assert text in caught.value.what


def test_the_same_plan_is_made_with_the_saved_decisions(saved: SavedPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def make_plan(*_: object, **options: Any) -> RunPlan:
        asked.append(options)
        return make()

    monkeypatch.setattr(plan_file, "make_plan", make_plan)
    assert plan_again(cluster(), saved).changes == saved.changes
    assert asked == [{"to_apply": True, "decided_inputs": first_inputs(make_spec()).to_text()}]


def test_a_newer_edgewrap_is_refused(saved: SavedPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "__version__", "99.0")
    with pytest.raises(PlanOutdatedError, match=r"edgewrap: is 99\.0, was "):
        plan_again(cluster(), saved)


def test_a_plan_of_another_cluster_is_refused(saved: SavedPlan) -> None:
    with pytest.raises(PlanFileError, match="the plan is for the cluster edge-paris"):
        plan_again(cluster(name="edge-rome"), saved)


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


def files() -> Iterator[object]:
    """Contents that are not a plan, and what the error says."""
    yield pytest.param(b"", "is not a saved plan", id="empty")
    yield pytest.param(b"apiVersion: edgewrap/v1", "is not a saved plan", id="a spec")
    yield pytest.param(zipped(main_tf=b"x"), "is not a saved plan", id="another archive")
    yield pytest.param(zipped(plan_json=b"{"), "is not a saved plan", id="damaged JSON")
    yield pytest.param(zipped(plan_json=b"[]"), "is not a saved plan", id="a list")
    yield pytest.param(zipped(plan_json=b'{"format": 1}'), "is not a saved plan (edgewrap: ", id="fields missing")
    yield pytest.param(
        zipped(plan_json=b'{"format": 2, "edgewrap": "9.9"}'), "has format 2; this edgewrap reads format 1", id="newer"
    )
    yield pytest.param(zipped(plan_json=b"0" * (65 << 20)), "is not a saved plan", id="large when unpacked")
    yield pytest.param(zipped(plan_json=b'{"format": 1}')[:-30], "is not a saved plan", id="cut off")


@pytest.mark.parametrize(("content", "text"), [*files()])
def test_a_file_of_another_kind_is_refused(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "edge.plan"
    path.write_bytes(content)
    with pytest.raises(PlanFileError) as caught:
        read_plan(path)
    assert text in caught.value.what


@pytest.mark.parametrize("name", ["absent.plan", "."])
def test_a_path_that_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match="cannot be read"):
        read_plan(tmp_path / name)

"""A saved plan is applied exactly as shown, or refused with what has changed since; also in another directory."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Edge
from tests.e2e.test_changed_after_plan import FORWARD, HOST, sysctl, sysctl_of, tag
from tests.support.docs import script
from tests.support.documents import check_output
from tests.support.lab import EDGEWRAP


def change_range(edge: Edge) -> None:
    """Another gateway for the first range of the public network."""
    pool = ElementTree.fromstring(edge.lab.one("one.vnpool.info", -2, -1, -1))  # noqa: S314 - the lab's own answer
    network = next(one for one in pool.findall("VNET") if one.findtext("NAME") == "edge-test-public")
    number = network.findtext("AR_POOL/AR/AR_ID")
    edge.lab.one(
        "one.vn.update_ar", int(network.findtext("ID") or -1), f'AR = [ AR_ID = "{number}", GATEWAY = "10.0.0.9" ]'
    )


def set_status(edge: Edge, status: int) -> None:
    """Enable (0) or disable (1) host-1 in OpenNebula."""
    pool = ElementTree.fromstring(edge.lab.one("one.hostpool.info"))  # noqa: S314 - the lab's own answer
    name = edge.output("hosts.host-1.name")
    number = next(one.findtext("ID") for one in pool.findall("HOST") if one.findtext("NAME") == name)
    edge.lab.one("one.host.status", int(number or -1), status)


def change_file(edge: Edge) -> None:
    edge.lab.run("sh", "-c", "echo '# by hand' >>/etc/frr/frr.conf", place=HOST)


def change_spec(edge: Edge) -> None:
    edge.spec.write_text(edge.spec.read_text().replace("description: web", "description: site"))


def restore_spec(edge: Edge) -> None:
    edge.spec.write_text(edge.spec.read_text().replace("description: site", "description: web"))


Step = Callable[[Edge], object]
LATER: dict[str, tuple[Step, str, Step]] = {
    "the spec": (
        change_spec,
        'spec: public_network.security_group.ingress.1.description: is "site", was "web"',
        restore_spec,
    ),
    "an AWS object": (
        lambda edge: tag(edge, "vpc", "other"),
        "aws: update vpc vpc: not in the saved plan (changed outside)",
        lambda edge: tag(edge, "vpc", "edge-test-vpc"),
    ),
    "an address range": (
        change_range,
        "opennebula: update address range eip-0: not in the saved plan",
        lambda edge: edge.apply("--only", "opennebula"),
    ),
    "a host in OpenNebula": (
        lambda edge: set_status(edge, 1),
        "opennebula: update host host-1: not in the saved plan",
        lambda edge: set_status(edge, 0),
    ),
    "a file on a host": (
        change_file,
        f"hosts: update file {HOST}/file//etc/frr/frr.conf: not in the saved plan",
        lambda edge: edge.lab.run("sed", "-i", "/by hand/d", "/etc/frr/frr.conf", place=HOST),
    ),
    "another apply": (
        lambda edge: edge.apply("--only", "hosts"),
        f"hosts: update sysctl {HOST}/sysctl/{FORWARD}: no longer needed",
        lambda edge: sysctl(edge, FORWARD, "0"),
    ),
}
"""What changes after the plan, what the error calls it, and how it is as before."""


@pytest.fixture(scope="module")
def plan(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved plan with one change: forwarding is off on a host."""
    sysctl(edge, FORWARD, "0")
    path = tmp_path_factory.mktemp("plan") / "edge.plan"
    _, shown = edge.edgewrap("plan", "--out", str(path))
    assert f"~ {HOST}  (sysctl {FORWARD})" in shown
    return path


@pytest.mark.parametrize("name", LATER)
def test_what_has_changed_since_is_named_and_nothing_is_applied(name: str, edge: Edge, plan: Path) -> None:
    change, text, undo = LATER[name]
    change(edge)
    try:
        status, shown = edge.edgewrap("apply", str(plan), check=False)
    finally:
        undo(edge)
    assert (status, text in shown) == (1, True), shown
    assert sysctl_of(edge, FORWARD) == "0"


def test_a_plan_is_applied_in_another_directory_without_the_spec(edge: Edge, plan: Path, tmp_path: Path) -> None:
    """The lab sets EDGEWRAP_DIR, where the local state is. The plan holds the spec, and no secret."""
    with zipfile.ZipFile(plan) as archive:
        content = b"".join(map(archive.read, archive.namelist()))
    assert not [word for word in ("-----BEGIN", *edge.lab.secrets) if word.encode() in content]
    shutil.copy(plan, tmp_path / "copy.plan")
    done = edge.lab.exec("env", f"--chdir={tmp_path}", EDGEWRAP, "apply", "copy.plan", "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    check_output(["apply", "--json"], 0, done.stdout)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["changes"], result["planes"]["hosts"]["changes"]) == (1, {"update": 1})
    assert result["elastic_ips"] == {key: eip["public_address"] for key, eip in edge.outputs["eips"].items()}
    assert sysctl_of(edge, FORWARD) == "1"
    shown = json.loads(edge.lab.edgewrap("show", str(plan), "--json").stdout)
    assert [change["key"] for change in shown["changes"]] == [f"{HOST}/sysctl/{FORWARD}"]
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600


@pytest.mark.full
def test_the_commands_of_the_guide(edge: Edge, tmp_path: Path) -> None:
    lines = script("docs/plan-files.md")
    shell = ["env", f"--chdir={tmp_path}", f"EDGEWRAP_SPEC={edge.spec}", "bash", "-exc", lines]
    assert edge.lab.exec(*shell).stderr.count("+ edgewrap ") == len(lines.splitlines()) == 3

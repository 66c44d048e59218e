"""Something changes after the plan was shown, while edgewrap waits for the answer: what became unnecessary is skipped,
and what was not planned stops the run by name before that plane is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Edge
from tests.support.lab import EDGEWRAP
from tests.support.terminal import run_at_terminal

pytestmark = pytest.mark.full

HOST = "host-2"


@dataclass(frozen=True)
class Drift:
    """Something that is changed by hand. `name` is what an error calls it, `wrong` whether it is still changed."""

    plane: str
    name: str
    make: Callable[[Edge], None]
    undo: Callable[[Edge], None]
    wrong: Callable[[Edge], bool]


def update(edge: Edge, name: str, text: str) -> None:
    """Change the public network or the system datastore."""
    pool, element, call = (
        ("one.vnpool.info", "VNET", "one.vn.update")
        if name.endswith("public")
        else ("one.datastorepool.info", "DATASTORE", "one.datastore.update")
    )
    edge.lab.one(call, int(found(edge, pool, element, name).findtext("ID") or -1), text, 1)


def found(edge: Edge, pool: str, element: str, name: str) -> ElementTree.Element:
    parameters = (-2, -1, -1) if pool == "one.vnpool.info" else ()
    answer = ElementTree.fromstring(edge.lab.one(pool, *parameters))  # noqa: S314 - the lab's own answer
    return next(one for one in answer.findall(element) if one.findtext("NAME") == name)


def bridge(edge: Edge) -> str | None:
    return found(edge, "one.vnpool.info", "VNET", "edge-test-public").findtext("TEMPLATE/BRIDGE")


def replica(edge: Edge) -> str | None:
    return found(edge, "one.datastorepool.info", "DATASTORE", "edge-test-system").findtext("TEMPLATE/REPLICA_HOST")


def tag(edge: Edge, kind: str, value: str) -> None:
    """Change the Name tag of the VPC or of the subnet."""
    with edge.lab.network():
        edge.lab.ec2.create_tags(Resources=[edge.output(f"{kind}_id")], Tags=[{"Key": "Name", "Value": value}])


def tag_of(edge: Edge, kind: str) -> str:
    with edge.lab.network():
        found = edge.lab.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [edge.output(f"{kind}_id")]}])[
            "Tags"
        ]
    return next(one["Value"] for one in found if one["Key"] == "Name")


def sysctl(edge: Edge, name: str, value: str) -> None:
    edge.lab.run("sh", "-c", f"echo {value} >/proc/sys/{name}", place=HOST)


def sysctl_of(edge: Edge, name: str) -> str:
    return str(edge.lab.run("cat", f"/proc/sys/{name}", place=HOST).stdout).strip()


FORWARD, REDIRECTS = "net/ipv4/ip_forward", "net/ipv4/conf/all/send_redirects"


def cases() -> Iterator[object]:
    """Two kinds of drift for each plane: the one that is planned, and the one that comes later."""
    network = Drift(
        "opennebula",
        "update virtual network edge-test-public",
        lambda edge: update(edge, "edge-test-public", 'BRIDGE = "br-other"'),
        lambda edge: update(edge, "edge-test-public", 'BRIDGE = "br-edge"'),
        lambda edge: bridge(edge) != "br-edge",
    )
    datastore = Drift(
        "opennebula",
        "update datastore edge-test-system",
        lambda edge: update(edge, "edge-test-system", 'REPLICA_HOST = "192.0.2.99"'),
        lambda edge: update(edge, "edge-test-system", f'REPLICA_HOST = "{edge.output("hosts.host-0.name")}"'),
        lambda edge: replica(edge) == "192.0.2.99",
    )
    forwarding = Drift(
        "hosts",
        f"update sysctl {HOST}/sysctl/{FORWARD}",
        lambda edge: sysctl(edge, FORWARD, "0"),
        lambda edge: sysctl(edge, FORWARD, "1"),
        lambda edge: sysctl_of(edge, FORWARD) == "0",
    )
    redirects = Drift(
        "hosts",
        f"update sysctl {HOST}/sysctl/{REDIRECTS}",
        lambda edge: sysctl(edge, REDIRECTS, "1"),
        lambda edge: sysctl(edge, REDIRECTS, "0"),
        lambda edge: sysctl_of(edge, REDIRECTS) == "1",
    )
    vpc = Drift(
        "aws",
        "update vpc vpc",
        lambda edge: tag(edge, "vpc", "other"),
        lambda edge: tag(edge, "vpc", "edge-test-vpc"),
        lambda edge: tag_of(edge, "vpc") == "other",
    )
    subnet = Drift(
        "aws",
        "update subnet subnet",
        lambda edge: tag(edge, "subnet", "other"),
        lambda edge: tag(edge, "subnet", "edge-test-subnet"),
        lambda edge: tag_of(edge, "subnet") == "other",
    )
    for planned, later in ((network, datastore), (forwarding, redirects), (vpc, subnet)):
        yield pytest.param(planned, later, id=planned.plane)


@contextmanager
def drifted(edge: Edge, *drifts: Drift) -> Iterator[None]:
    """The cluster with this drift, and without it again."""
    try:
        yield
    finally:
        for drift in drifts:
            drift.undo(edge)


def apply_at_terminal(edge: Edge, plane: str, before_answer: Callable[[], None]) -> tuple[int, str]:
    command = [EDGEWRAP, "lab", "exec", "--", EDGEWRAP, "apply", "--only", plane, "--file", str(edge.spec)]
    return run_at_terminal(command, edge.lab.environ, answer="yes", before_answer=before_answer)


@pytest.mark.parametrize(("planned", "later"), list(cases()))
def test_what_was_not_planned_stops_the_run_by_name(edge: Edge, planned: Drift, later: Drift) -> None:
    with drifted(edge, planned, later):
        planned.make(edge)
        status, shown = apply_at_terminal(edge, planned.plane, lambda: later.make(edge))
        assert f"not planned: {later.name}" in shown
        assert status == 1, shown
        assert planned.wrong(edge)  # nothing of that plane was changed
        assert later.wrong(edge)


@pytest.mark.parametrize(("planned", "other"), list(cases()))
def test_what_is_no_longer_needed_is_skipped(edge: Edge, planned: Drift, other: Drift) -> None:
    with drifted(edge, planned, other):
        planned.make(edge)
        other.make(edge)
        status, shown = apply_at_terminal(edge, planned.plane, lambda: planned.undo(edge))
        assert status == 0, shown
        assert f"skipped, no longer needed: {planned.name.rpartition(' ')[0]}" in shown
        assert not planned.wrong(edge)
        assert not other.wrong(edge)  # what is still needed is done

"""The graph of a cluster: what is connected, and what is broken by its status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest

from edgewrap.change import PlaneName
from edgewrap.engine.picture import FRONT_END, EdgeKind, NodeKind, picture_of
from edgewrap.engine.status import ClusterStatus, SessionStatus
from edgewrap.finding import Finding, Verdict
from tests.support.reports import broken_status, cluster_status

WORKS = cluster_status()


def host(number: int, **fields: object) -> Callable[[ClusterStatus], ClusterStatus]:
    def change(status: ClusterStatus) -> ClusterStatus:
        hosts = [*status.hosts]
        hosts[number] = replace(hosts[number], **fields)  # type: ignore[arg-type]
        return replace(status, hosts=tuple(hosts))

    return change


def vm(**fields: object) -> Callable[[ClusterStatus], ClusterStatus]:
    return lambda status: replace(status, vms=(replace(status.vms[0], **fields), *status.vms[1:]))  # type: ignore[arg-type]


def session(state: str) -> Callable[[ClusterStatus], ClusterStatus]:
    return lambda status: replace(status, sessions=(SessionStatus(("host-0", "host-1"), state), *status.sessions[1:]))


def warning(
    subject: str, text: str = "EC2's status check fails", plane: PlaneName = PlaneName.AWS
) -> Callable[[ClusterStatus], ClusterStatus]:
    found = Finding(plane, subject, Verdict.WARNING, text, "move its VMs")
    return lambda status: replace(status, warnings=(*status.warnings, found))


def all_of(*changes: Callable[[ClusterStatus], ClusterStatus]) -> Callable[[ClusterStatus], ClusterStatus]:
    return lambda status: reduce(lambda changed, change: change(changed), changes, status)


NO_BGP = "its BGP session with host-0 is not established (Active)"


def without_entry_host(status: ClusterStatus) -> ClusterStatus:
    return replace(status, groups=tuple(replace(one, entry_host="") for one in status.groups[:1]) + status.groups[1:])


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda status: status, ()),
        (host(1, opennebula="disabled"), ()),
        (host(1, opennebula="monitoring"), ()),
        (host(1, opennebula="unknown"), ()),
        (vm(state="poweroff"), ()),
        (host(1, opennebula="error"), ("host-1: OpenNebula: error",)),
        (host(1, opennebula="none"), ("host-1: OpenNebula has no such host",)),
        (host(1, network="differs"), ("host-1: its configuration differs from the spec",)),
        (host(1, network="no SSH connection"), ("host-1: no SSH connection",)),
        (
            host(1, instance="stopped", opennebula="error", network="its instance is stopped"),
            ("host-1: its instance is stopped",),
        ),
        (
            all_of(host(1, opennebula="error", network="differs"), warning("host-1"), warning("host-1")),
            ("host-1: OpenNebula: error; its configuration differs from the spec; EC2's status check fails",),
        ),
        (all_of(host(1, instance="stopped"), vm(state="unknown")), ("host-1: its instance is stopped",)),
        (all_of(session("Active"), warning("host-1", NO_BGP, PlaneName.HOSTS)), (f"host-1: {NO_BGP}",)),
        (
            all_of(session("Active"), warning("host-1")),
            ("host-1: EC2's status check fails", "BGP session of host-0 and host-1: Active"),
        ),
        (vm(state="boot failure"), ("VM 0 web-0: its state is boot failure",)),
        (vm(state="unknown"), ("VM 0 web-0: its state is unknown",)),
        (session("Active"), ("BGP session of host-0 and host-1: Active",)),
        (warning("host-1"), ("host-1: EC2's status check fails",)),
        (warning("front-end as hosts see it"), ()),
        (without_entry_host, ("group-0: it has no entry host",)),
        (lambda status: replace(status, front_end="unknown"), ("front-end: it could not be read",)),
        (
            all_of(session("Active"), host(0, network="differs")),
            ("host-0: its configuration differs from the spec",),
        ),
    ],
)
def test_what_is_broken(change: Callable[[ClusterStatus], ClusterStatus], broken: tuple[str, ...]) -> None:
    assert picture_of(change(WORKS)).broken == broken


def test_how_things_are_connected() -> None:
    picture = picture_of(WORKS)
    names = {kind: [node.name for node in picture.of(kind)] for kind in NodeKind}
    assert names[NodeKind.HOST] == ["host-0", "host-1", "host-2"]
    assert names[NodeKind.VM] == ["VM 0 web-0", "VM 2 web-2", "VM 4 web-4", "VM 6 web-6"]
    assert [node.key for node in picture.targets(EdgeKind.MANAGES, FRONT_END)] == ["host-0", "host-1", "host-2"]
    assert [node.key for node in picture.targets(EdgeKind.ENTRY, "host-0")] == ["group-0", "group-3"]
    assert [node.key for node in picture.targets(EdgeKind.ADDRESS, "group-3")] == ["eip-3", "eip-7"]
    assert [node.key for node in picture.targets(EdgeKind.LEASE, "eip-4")] == ["vm-4"]
    assert [node.key for node in picture.sources(EdgeKind.RUNS, "vm-4")] == ["host-2"]
    sessions = [(edge.source, edge.target) for edge in picture.edges if edge.kind is EdgeKind.SESSION]
    assert sessions == [("host-0", "host-1"), ("host-0", "host-2"), ("host-1", "host-2")]


@pytest.mark.parametrize(
    ("status", "key", "problems", "cause"),
    [
        (broken_status(), "eip-7", ("its entry host host-1 does not work: its instance is stopped",), "host-1"),
        (broken_status(), "eip-5", ("it has no entry host",), "group-5"),
        (broken_status(), "eip-0", (), ""),
        (
            host(1, network="no SSH connection")(WORKS),
            "eip-1",
            ("its entry host host-1 does not work: it could not be read (no SSH connection)",),
            "host-1",
        ),
        (host(1, network="differs")(WORKS), "eip-1", (), ""),
    ],
)
def test_an_elastic_ip_of_an_entry_host_that_does_not_work_is_broken_because_of_it(
    status: ClusterStatus, key: str, problems: tuple[str, ...], cause: str
) -> None:
    [node] = [node for node in picture_of(status).nodes if node.key == key]
    assert (node.problems, node.cause) == (problems, cause)

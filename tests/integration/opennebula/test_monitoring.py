"""Hosts under a front-end that really tries to log in: made, found in ERROR, and given another hypervisor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import requests

from edgewrap.cli.options import MONITOR_TIMEOUT_S
from edgewrap.errors import FrontEndUnreachableError, InUseError, OpenNebulaError
from edgewrap.events import EventKind
from edgewrap.lab.opennebula.frontend import RETRY_S
from edgewrap.opennebula import monitoring
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.template import text_of
from edgewrap.opennebula.plane import OpenNebulaPlane
from tests.support.front_end import Stage, apply, changes_in, outputs, prepare, report, reports, spec
from tests.support.played_hosts import LOOKUP_S, PlayedHosts, monitored_stage

ALL = ("host-0", "host-1", "host-2")
HOST_1 = "198.51.100.11"
LXC = spec(hosts={"hypervisor": "lxc"})

Played = tuple[Stage, PlayedHosts]


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    """A front-end that tries a host in ERROR again only after a minute."""
    with monitored_stage(tmp_path) as made:
        yield made


def found(stage: Stage, key: str) -> HostFacts:
    plane = stage.plane()
    return plane.hosts(plane.observe())[key]


def states(stage: Stage) -> dict[str, str]:
    return {key: found(stage, key).state_word for key in ALL}


def until(stage: Stage, key: str, word: str) -> None:
    deadline = time.monotonic() + 10
    while found(stage, key).state_word != word:
        assert time.monotonic() < deadline, found(stage, key).state_word
        time.sleep(0.05)


def in_error(stage: Stage, hosts: PlayedHosts) -> OpenNebulaPlane:
    """A cluster whose host-1 is in ERROR."""
    plane = stage.applied()
    plane.wait_monitored(ALL, 10)
    hosts.down = frozenset({HOST_1})
    until(stage, "host-1", "error")
    stage.wire.methods.clear()
    return plane


def restarts(stage: Stage) -> int:
    return stage.wire.methods.count("host.status") // 2


def assert_monitored_to_stay(stage: Stage, hosts: PlayedHosts) -> None:
    """No login was tried at a temporary name, so none fails later."""
    time.sleep(LOOKUP_S + 0.5)
    assert states(stage) == dict.fromkeys(ALL, "monitored")
    assert {name for name in hosts.tried if not _is_address(name)} == set()


def _is_address(name: str) -> bool:
    try:
        IPv4Address(name)
    except ValueError:
        return False
    return True


def test_a_new_host_is_not_monitored_under_its_temporary_name(played: Played) -> None:
    stage, hosts = played
    stage.applied().wait_monitored(ALL, 10)
    assert_monitored_to_stay(stage, hosts)


@pytest.mark.parametrize("method", ["host.status", "host.update", "host.rename"])
def test_a_host_half_created_by_a_dead_run_is_completed(played: Played, method: str) -> None:
    stage, hosts = played

    def break_off(called: str) -> None:
        if called == f"one.{method}":
            raise requests.ConnectionError("the run was killed")

    stage.wire.before = break_off
    with pytest.raises(FrontEndUnreachableError):
        stage.applied()
    stage.wire.before = lambda method: None
    incomplete = stage.facts().hosts
    assert {one.name.partition("-")[0] for one in incomplete} == {"edgewrap"}
    stage.applied().wait_monitored(ALL, 10)
    assert {one.id for one in incomplete} <= {found(stage, key).id for key in ALL}
    assert text_of(found(stage, "host-0").template, "HYPERVISOR") == "kvm"
    assert_monitored_to_stay(stage, hosts)


def test_a_host_in_error_is_monitored_again_at_once(played: Played) -> None:
    stage, hosts = played
    plane = in_error(stage, hosts)
    hosts.down = frozenset()
    plane.wait_monitored(ALL, 10)
    assert states(stage) == dict.fromkeys(ALL, "monitored")
    assert restarts(stage) == 1
    (told,) = [event for event in stage.events if event.kind is EventKind.INFO]
    assert told.key == "host-1"
    assert told.text.startswith(f"{HOST_1} is in ERROR (")


def test_a_host_that_stays_in_error_is_restarted_once_in_a_run(played: Played) -> None:
    stage, hosts = played
    plane = in_error(stage, hosts)
    with pytest.raises(OpenNebulaError, match=r"not MONITORED after 3 s: host-1 .* is error: .*Connection refused$"):
        plane.wait_monitored(ALL, 3)
    assert restarts(stage) == 1


def test_a_host_that_stays_in_init_is_monitored_again(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone enabled a host that was enabled: INIT, until the agent's next full report."""
    stage, _ = played
    plane = stage.applied()
    plane.wait_monitored(ALL, 10)
    stage.one.call("host.status", found(stage, "host-1").id, 0)
    stage.wire.methods.clear()
    with pytest.raises(OpenNebulaError, match=r"host-1 .* is init"):
        plane.wait_monitored(ALL, 1.5)
    assert restarts(stage) == 0
    monkeypatch.setattr(monitoring, "INIT_S", 1.0)
    plane.wait_monitored(ALL, 10)
    assert (restarts(stage), states(stage)) == (1, dict.fromkeys(ALL, "monitored"))


def test_a_host_in_error_under_maintenance_is_left(played: Played) -> None:
    stage, hosts = played
    plane = in_error(stage, hosts)
    stage.one.call("host.update", found(stage, "host-1").id, {"EDGEWRAP_MAINTENANCE": "YES"}, 1)
    plane.wait_monitored(ALL, 10)
    assert (restarts(stage), found(stage, "host-1").state_word) == (0, "error")


def test_a_run_waits_longer_than_the_front_ends_retry_interval() -> None:
    assert MONITOR_TIMEOUT_S > 196 >= RETRY_S


def test_another_hypervisor_restarts_the_agents(played: Played) -> None:
    stage, _ = played
    stage.applied().wait_monitored(ALL, 10)
    plane = stage.plane(LXC)
    changes = changes_in(plane, plane.observe(), outputs(), reports())
    assert [(change.key, dict(change.after)) for change in changes] == [
        (key, {"IM_MAD": "lxc", "VM_MAD": "lxc"}) for key in ALL
    ]
    assert "OFFLINE" in changes[0].why
    apply(plane, plane.observe(), outputs(), reports())
    plane.wait_monitored(ALL, 10)
    assert {text_of(found(stage, key).template, "HYPERVISOR") for key in ALL} == {"lxc"}
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def test_another_hypervisor_leaves_a_host_out_of_service(played: Played) -> None:
    stage, _ = played
    stage.applied()
    stage.one.call("host.status", found(stage, "host-1").id, 1)
    stage.one.call("host.update", found(stage, "host-1").id, {"EDGEWRAP_MAINTENANCE": "YES"}, 1)
    stage.one.call("host.status", found(stage, "host-2").id, 2)
    plane = stage.plane(LXC)
    apply(plane, plane.observe(), outputs(), {"host-0": report(0), "host-1": report(1)})
    assert {key: found(stage, key).status for key in ALL} == {
        "host-0": "enabled",
        "host-1": "disabled",
        "host-2": "offline",
    }
    assert {text_of(found(stage, key).template, "VM_MAD") for key in ALL} == {"lxc"}


def test_another_hypervisor_is_refused_while_vms_run(played: Played) -> None:
    stage, _ = played
    stage.applied().wait_monitored(ALL, 10)
    vm = stage.vm(found(stage, "host-1").id)
    stage.until_running(vm)
    before = {key: found(stage, key) for key in ALL}
    plane = stage.plane(LXC)
    writes = stage.one.writes
    with pytest.raises(InUseError) as planned:
        changes_in(plane, plane.observe(), outputs(), reports())
    with pytest.raises(InUseError) as asked:
        prepare(plane, plane.observe(), outputs())
    with pytest.raises(InUseError) as applied:
        apply(plane, plane.observe(), outputs(), reports())
    assert planned.value.what == asked.value.what == applied.value.what
    assert planned.value.what == (
        f"the hosts' drivers cannot change from kvm to lxc: host-1 ({HOST_1}) has the VMs {vm}"
    )
    assert stage.one.writes == writes
    assert {key: found(stage, key) for key in ALL} == before

"""Which hosts a run does not rely on, which instances it replaces, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edgewrap.engine.dead_hosts import HostDisposition, HostRequests, classify_hosts
from edgewrap.errors import UsageError
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.outputs import HostOutput
from tests.support.aws_plane import make_spec


def hosts(**states: str) -> dict[str, HostOutput]:
    """Hosts with these states, `host_1="stopped"`; three that are running if no state is given."""
    states = {"host_0": "running", "host_1": "running", "host_2": "running", **states}
    found = {}
    for index, (name, state) in enumerate(states.items()):
        key = name.replace("_", "-")
        found[key] = HostOutput(key, index, f"i-{index}", f"10.0.0.1{index}", "", f"10.0.0.1{index}", state)
    return found


def front_end(**vms: tuple[int, ...]) -> Mapping[str, HostFacts]:
    keys = ("host-0", "host-1", "host-2")
    return {
        key: HostFacts(number, key, None, "", {}, vms=vms.get(key.replace("-", "_"), ()))
        for number, key in enumerate(keys)
    }


CASES: list[Any] = [
    pytest.param({}, {}, HostRequests(), HostDisposition(), id="all run"),
    pytest.param({}, {"host_1": "pending"}, HostRequests(), HostDisposition(), id="one is starting"),
    *(
        pytest.param({}, {"host_1": state}, HostRequests(), HostDisposition(dead=frozenset({"host-1"})), id=state)
        for state in ("stopping", "stopped", "shutting-down", "terminated")
    ),
    pytest.param(
        {},
        {},
        HostRequests(move_off=frozenset({"host-2"})),
        HostDisposition(avoid=frozenset({"host-2"})),
        id="the user names one",
    ),
    pytest.param(
        {},
        {},
        HostRequests(replace=frozenset({"host-2"})),
        HostDisposition(replaced=frozenset({"host-2"})),
        id="a replacement",
    ),
    pytest.param(
        {"on_failure": "replace"},
        {"host_1": "terminated"},
        HostRequests(),
        HostDisposition(dead=frozenset({"host-1"})),
        id="terraform replaces a terminated one by itself",
    ),
    pytest.param(
        {"on_failure": "replace", "count": 2, "retired": [1]},
        {"host_1": "stopped"},
        HostRequests(),
        HostDisposition(dead=frozenset({"host-1"})),
        id="a retired one is not replaced",
    ),
]


@pytest.mark.parametrize(("spec", "states", "requests", "disposition"), CASES)
def test_decisions_about_dead_hosts(
    spec: dict[str, Any], states: dict[str, str], requests: HostRequests, disposition: HostDisposition
) -> None:
    assert classify_hosts(make_spec(hosts=spec), hosts(**states), requests, front_end()) == disposition


def test_on_failure_replace() -> None:
    spec = make_spec(hosts={"on_failure": "replace"})
    disposition = classify_hosts(spec, hosts(host_1="stopped"), HostRequests(), front_end())
    assert disposition == HostDisposition(dead=frozenset({"host-1"}), replaced=frozenset({"host-1"}))
    assert disposition.tolerated == {"host-1"}


def test_a_dead_host_with_vms_is_not_replaced() -> None:
    spec = make_spec(hosts={"on_failure": "replace"})
    disposition = classify_hosts(spec, hosts(host_1="stopped"), HostRequests(), front_end(host_1=(3, 4)))
    assert disposition.replaced == frozenset()
    [error] = disposition.kept
    assert error.what == "host-1: its instance i-1 is stopped, and is not replaced: the VMs 3, 4 are on it"
    [error] = classify_hosts(spec, hosts(host_1="stopped"), HostRequests(), None).kept
    assert "could not be asked" in error.cause


@pytest.mark.parametrize(
    ("requests", "states", "message"),
    [
        (HostRequests(replace=frozenset({"host-7"})), {}, "there is no host host-7"),
        (HostRequests(move_off=frozenset({"1"})), {}, "there is no host 1"),
        (HostRequests(move_off=frozenset({"host-0", "host-1"})), {"host_2": "stopped"}, "no host is left"),
    ],
)
def test_requests_that_cannot_be_met(requests: HostRequests, states: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        classify_hosts(make_spec(), hosts(**states), requests, front_end())

"""BGP neighbours, now and while a cluster changes, and FRR's configuration."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from edgewrap.change import Origin
from edgewrap.engine.origin import with_origins
from edgewrap.hosts.desired import Bgp, DesiredHost, Neighbour, bgp_of, desired_hosts, reflectors_of
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import FileFact, HostFacts
from edgewrap.hosts.render.files import host_files
from edgewrap.hosts.render.frr import frr_conf
from edgewrap.hosts.script import converge_script
from edgewrap.outputs import HostOutput, Outputs
from edgewrap.spec.models import Evpn
from tests.unit.hosts.recorded import outputs, recorded, spec, wanted


def _hosts(*indexes: int) -> dict[str, HostOutput]:
    return {
        f"host-{i}": HostOutput(f"host-{i}", i, f"i-{i}", f"10.0.0.{10 + i}", "", f"10.0.0.{10 + i}", "running")
        for i in indexes
    }


def _outputs(*indexes: int) -> Outputs:
    return replace(outputs(), hosts=_hosts(*indexes), groups={}, eips={})


def _neighbours(key: str, *indexes: int, before: Outputs | None = None) -> dict[str, bool]:
    host = desired_hosts(spec(), _outputs(*indexes), before)(key)
    return {f"host-{int(each.address.split('.')[3]) - 10}": each.client for each in host.bgp.neighbours}


def test_every_host_peers_with_both_reflectors_only() -> None:
    assert _neighbours("host-0", 0, 1, 2, 3) == {"host-1": True, "host-2": True, "host-3": True}
    assert _neighbours("host-1", 0, 1, 2, 3) == {"host-0": False, "host-2": True, "host-3": True}
    assert _neighbours("host-2", 0, 1, 2, 3) == {"host-0": False, "host-1": False}
    assert _neighbours("host-3", 0, 1, 2, 3) == {"host-0": False, "host-1": False}


@pytest.mark.parametrize(
    ("indexes", "reflectors", "expected"),
    [((0,), 2, {0}), ((0, 1, 2), 2, {0, 1}), ((2, 5, 11), 2, {2, 5}), ((9, 10), 1, {9}), ((0, 1, 2), 3, {0, 1, 2})],
)
def test_the_lowest_active_indexes_are_reflectors(
    indexes: tuple[int, ...], reflectors: int, expected: set[int]
) -> None:
    found = reflectors_of(Evpn(reflectors=reflectors), _hosts(*indexes))
    assert found == {f"host-{index}" for index in expected}


def test_while_a_reflector_is_retired_there_are_three() -> None:
    before = _outputs(0, 1, 2, 3)
    assert _neighbours("host-2", 1, 2, 3, before=before) == {"host-0": False, "host-1": False, "host-3": True}
    assert _neighbours("host-3", 1, 2, 3, before=before) == {"host-0": False, "host-1": False, "host-2": False}
    assert _neighbours("host-0", 1, 2, 3, before=before) == {"host-1": True, "host-2": True, "host-3": True}


@given(st.sets(st.integers(0, 20), min_size=1), st.sets(st.integers(0, 20), min_size=1), st.integers(1, 4))
def test_kept_sessions_are_never_reconfigured(one: set[int], other: set[int], reflectors: int) -> None:
    """Whether a neighbour is a client depends on the two hosts alone; and both ends know of each other."""
    evpn = Evpn(reflectors=reflectors)
    seen: dict[tuple[str, str], bool] = {}
    for indexes in (one, other):
        hosts = _hosts(*indexes)
        found = {key: bgp_of(evpn, hosts, reflectors_of(evpn, hosts), key) for key in hosts}
        addresses = {host.private_address: key for key, host in hosts.items()}
        pairs = {(key, addresses[each.address]): each.client for key, bgp in found.items() for each in bgp.neighbours}
        assert all(
            (there, here) in pairs and pairs[there, here] is not client for (here, there), client in pairs.items()
        )
        assert all(seen.setdefault(pair, client) is client for pair, client in pairs.items())
        for key, another in combinations(hosts, 2):  # over one reflector at most
            assert (key, another) in pairs or any((key, via) in pairs and (via, another) in pairs for via in hosts)


def test_the_text_for_frr() -> None:
    bgp = Bgp(65000, "10.0.0.11", (Neighbour("10.0.0.10", False), Neighbour("10.0.0.12", True)), SecretStr("geheim"))
    lines = frr_conf(bgp).splitlines()
    assert " neighbor hosts password geheim" in lines
    assert "  neighbor 10.0.0.12 route-reflector-client" in lines
    assert "  neighbor 10.0.0.10 route-reflector-client" not in lines
    assert not any("listen range" in line for line in lines)
    assert not any("password" in line for line in frr_conf(replace(bgp, password=None)).splitlines())


def _with_password(password: str) -> DesiredHost:
    return replace(wanted(), bgp=replace(wanted().bgp, password=SecretStr(password)))


def test_no_change_shows_the_password_or_its_checksum() -> None:
    host = _with_password("geheim")
    file = next(file for file in host_files(host) if file.path == "/etc/frr/frr.conf")
    old = recorded("entry", host=_with_password("alt"))
    for facts in (HostFacts(), recorded("entry"), old):
        operations = diff(host, facts)
        change = next(each.change for each in operations if each.change.key.endswith("frr.conf"))
        assert change.after["sha256"] == f"{file.shown_sha256} (without passwords)"
        assert change.before.get("sha256", "(hidden)") == "(hidden)"
        shown = repr(operations)
        assert "geheim" not in shown
        assert file.sha256 not in shown
        assert "geheim" in converge_script(host, operations)  # which goes to the host's standard input
    assert [each.change.kind for each in diff(host, old)] == ["file"]


@pytest.mark.parametrize("facts", [HostFacts(), recorded("entry")], ids=["missing", "another"])
@pytest.mark.parametrize(
    ("change", "origin"),
    [
        ({}, Origin.DRIFT),
        ({"asn": 65001}, Origin.SPEC),
        ({"password": SecretStr("neu")}, Origin.DRIFT),  # it is not recorded (docs/drift.md)
    ],
    ids=["as applied", "the spec changes it", "another password"],
)
def test_a_secret_file_that_the_spec_changes_is_not_only_drift(
    facts: HostFacts, change: dict[str, Any], origin: Origin
) -> None:
    applied = _with_password("geheim")
    now = replace(applied, bgp=replace(applied.bgp, **change))
    old, new = (
        [one.change for one in diff(host, facts) if one.change.key.endswith("frr.conf")] for host in (applied, now)
    )
    [found] = with_origins(new, old)
    assert found.origin is origin
    assert found.reason is not None


def test_a_different_running_configuration_is_one_change() -> None:
    facts = recorded("entry")
    drifted = replace(
        facts, bgp=replace(facts.bgp, surplus=("no neighbor 10.0.128.2",), missing=("neighbor 10.0.0.11",))
    )
    (operation,) = diff(wanted(), drifted)
    assert (operation.change.kind, operation.change.key) == ("bgp", "host-0/bgp/65000")
    assert operation.change.after == {"configuration": "neighbor 10.0.0.11"}
    script = converge_script(wanted(), [operation])
    assert "frr-reload.py --reload" in script
    assert "network.sh" not in script
    assert "restart" in script  # only where bgpd does not run


def test_an_outdated_file_causes_one_reload() -> None:
    facts = recorded("entry")
    files = {**facts.files, "/etc/frr/frr.conf": FileFact("640", "root:frr", "0" * 64)}
    (operation,) = diff(wanted(), replace(facts, files=files))
    assert operation.change.kind == "file"
    assert "frr-reload.py" in converge_script(wanted(), [operation])

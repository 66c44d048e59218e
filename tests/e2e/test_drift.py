"""What is changed by hand: shown as a change in its plane, fixed by apply."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab_cloud import wait_until
from tests.support.packets import connect, server


@pytest.mark.full
def test_a_deleted_route_is_restored(edge: Edge) -> None:
    address = edge.output("eips.eip-0.private_address")
    host = edge.output("groups.group-0.host")
    edge.lab.run("ip", "route", "del", f"{address}/32", "table", "10000", place=host)
    status, text = edge.edgewrap("plan", "--detailed-exitcode", check=False)
    assert status == 2
    assert "aws: nothing to do\nopennebula: nothing to do\nhosts: 1 to update (1 of them drift)\n" in text
    assert f"~ {host}  (route group-0)  (drift: changed outside)" in text
    assert f"missing: '{address} dev gw-edge table 10000'" in text
    edge.apply("--only", "hosts")
    assert address in edge.lab.run("ip", "route", "show", "table", "10000", place=host).stdout
    assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")


def test_drift_in_every_plane_is_separate_from_a_change_of_the_spec(edge: Edge) -> None:
    host, written = edge.output("groups.group-0.host"), edge.spec.read_text()
    address, allocation = edge.output("eips.eip-0.private_address"), edge.output("eips.eip-1.allocation_id")
    with edge.lab.network():
        found = edge.lab.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
        edge.lab.ec2.disassociate_address(AssociationId=found["AssociationId"])
    edge.lab.run("ip", "route", "del", f"{address}/32", "table", "10000", place=host)
    edge.lab.run("ip", "rule", "add", "from", "198.51.100.9", "lookup", "10050", "priority", "900", place=host)
    networks = ElementTree.fromstring(edge.lab.one("one.vnpool.info", -2, -1, -1))  # noqa: S314 - the lab's own answer
    [number] = [one.findtext("ID") for one in networks if one.findtext("NAME") == "edge-test-public"]
    edge.lab.one("one.vn.update", int(number or -1), 'BRIDGE = "br-other"', 1)
    expected = {
        ("aws", "elastic ip association", "eip-1", "missing"),
        ("hosts", "route", f"{host}/route/group-0", "changed outside"),
        ("hosts", "rule", f"{host}/rule/others", "extra"),
        ("opennebula", "virtual network", "edge-test-public", "changed outside"),
    }
    edge.lab.quota(elastic_ips=10)
    try:
        for spec, changes in ((written, 0), (written.replace("count: 5", "count: 6"), 3)):
            edge.spec.write_text(spec)
            done = edge.lab.edgewrap("drift", "--file", str(edge.spec), "--json", check=False)
            report = json.loads(done.stdout)
            assert done.returncode == 2
            assert {(one["plane"], one["kind"], one["key"], one["reason"]) for one in report["items"]} == expected
            assert (report["spec_changes"], report["unread"]) == (changes, [])
        text = edge.edgewrap("plan")[1]
        assert "aws: 3 to create (1 of them drift)\n" in text
        assert "+ elastic ip association eip-1  (deleted outside)  (drift: missing)" in text
        assert "+ elastic ip association eip-5  (new in the spec)\n" in text
        assert f"~ {host}  (~ route group-0; - rule others)  (drift)" in text
    finally:
        edge.spec.write_text(written)
    edge.apply()
    assert edge.edgewrap("drift") == (0, "aws: no drift\nopennebula: no drift\nhosts: no drift\n")


def test_a_disassociated_elastic_ip_is_associated_again(edge: Edge) -> None:
    allocation = edge.output("eips.eip-1.allocation_id")
    with edge.lab.network():
        address = edge.lab.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
        edge.lab.ec2.disassociate_address(AssociationId=address["AssociationId"])
    status, text = edge.edgewrap("plan", "--detailed-exitcode", check=False)
    assert status == 2
    assert "aws: 1 to create (1 of them drift)\n  + elastic ip association eip-1" in text
    assert "opennebula: nothing to do\nhosts: nothing to do\n" in text
    edge.apply()
    with edge.lab.network():
        address = edge.lab.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    assert address["PrivateIpAddress"] == edge.output("eips.eip-1.private_address")
    assert edge.apply() == (0, NOTHING_TO_DO)


@pytest.mark.parametrize(
    ("pool", "element", "update", "name"),
    [
        ("one.vnpool.info", "VNET", "one.vn.update", "edge-test-public"),
        pytest.param(
            "one.datastorepool.info", "DATASTORE", "one.datastore.update", "edge-test-system", marks=pytest.mark.full
        ),
    ],
)
def test_changed_front_end_objects_are_restored(edge: Edge, pool: str, element: str, update: str, name: str) -> None:
    parameters = (-2, -1, -1) if pool == "one.vnpool.info" else ()
    found = ElementTree.fromstring(edge.lab.one(pool, *parameters))  # noqa: S314 - the lab's own answer
    number = next(int(o.findtext("ID") or -1) for o in found.findall(element) if o.findtext("NAME") == name)
    wrong = 'BRIDGE = "br-other"' if element == "VNET" else 'REPLICA_HOST = "192.0.2.99"'
    edge.lab.one(update, number, f'{wrong}\nOF_OTHERS = "kept"', 1)
    status, text = edge.edgewrap("plan", "--detailed-exitcode", check=False)
    assert status == 2
    assert "aws: nothing to do\nopennebula: 1 to update (1 of them drift)\n" in text
    edge.apply("--only", "opennebula")
    assert edge.apply("--only", "opennebula")[1].startswith("opennebula: nothing to do")
    assert "OF_OTHERS" in edge.lab.one(pool, *parameters)


def test_a_host_without_ssh_is_reported_and_the_next_run_resumes(edge: Edge) -> None:
    """With sshd stopped, the run reports the host, the cause and the advice, and exits 1, because it has changed
    nothing; with sshd started, the next run resumes."""
    edge.lab.run("systemctl", "stop", "ssh", place="host-2")
    try:
        status, text = edge.apply("--skip", "aws", "--host-timeout", "3", "--monitor-timeout", "3", check=False)
    finally:
        edge.lab.run("systemctl", "start", "ssh", place="host-2")
    assert status == 1
    assert "host-2" in text
    assert "refused" in text
    assert edge.apply("--skip", "aws", "--monitor-timeout", "30")[0] == 0


@pytest.mark.full
def test_a_host_in_error_is_reported_and_monitored_again_at_once(edge: Edge) -> None:
    """With and without a change the run ends 3. Once the host can be reached, the next run has it MONITORED long before
    the front-end tries again by itself."""
    only = ("--only", "opennebula", "--monitor-timeout")
    number = host_on_front_end(edge, "host-2")[0]
    edge.lab.run("systemctl", "stop", "ssh", place="host-2")
    try:
        wait_until(lambda: host_on_front_end(edge, "host-2")[1] == "3")
        unchanged = edge.apply(*only, "5", check=False)
        edge.lab.one("one.host.update", number, 'REPLICA_STORAGE_IP = "192.0.2.99"', 1)
        changed = edge.apply(*only, "5", check=False)
    finally:
        edge.lab.run("systemctl", "start", "ssh", place="host-2")
    assert "opennebula: nothing to do" in unchanged[1]
    assert "opennebula: 1 to update" in changed[1]
    for status, text in (unchanged, changed):
        assert status == 3
        assert "not MONITORED after 5 s: host-2 (" in text
    assert edge.apply(*only, "30")[0] == 0
    assert host_on_front_end(edge, "host-2")[1] == "2"
    assert edge.apply("--skip", "aws") == (0, NOTHING_TO_DO.partition("\n")[2])


def host_on_front_end(edge: Edge, key: str) -> tuple[int, str]:
    """The host's id and STATE."""
    name = edge.output(f"hosts.{key}.name")
    found = ElementTree.fromstring(edge.lab.one("one.hostpool.info"))  # noqa: S314 - the lab's own answer
    return next((int(o.findtext("ID") or -1), o.findtext("STATE") or "") for o in found if o.findtext("NAME") == name)


def test_one_more_elastic_ip_changes_nothing_else(edge: Edge) -> None:
    edge.lab.quota(elastic_ips=10)
    serial = max(call["serial"] for call in edge.lab.requests())
    edge.spec.write_text(edge.spec.read_text().replace("count: 5", "count: 6"))
    _, text = edge.apply()
    assert "aws: 2 to create\n" in text
    assert "hosts: nothing to do\n" in text
    writes = [
        call["action"]
        for call in edge.lab.requests(serial)
        if not call["action"].startswith(("Describe", "Get", "List"))
    ]
    assert "AssociateAddress" in writes
    assert not [action for action in writes if action.startswith(("Unassign", "Disassociate", "Assign", "Release"))]
    assert edge.apply() == (0, NOTHING_TO_DO)
    outputs = edge.output()  # newer than those that a test before this one may have asked for
    eip = outputs["eips"]["eip-5"]
    entry = outputs["groups"][eip["group"]]["host"]
    edge.lab.tool("lab", "vm", "start", "eip-5", "--host", entry, "--ip", eip["private_address"])
    try:
        with server(edge.lab, "eip-5", 80):
            assert connect(edge.lab, "internet", eip["public_address"], 80).startswith("192.0.2.")
    finally:
        edge.lab.tool("lab", "vm", "stop", "eip-5")

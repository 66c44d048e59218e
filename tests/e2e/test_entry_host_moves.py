"""Elastic IPs that survive their entry host: stopped, back again, retired, replaced; and what does not enter there, to
which nothing happens. With real packets.

The tests are in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab import EDGEWRAP, Lab
from tests.support.packets import PYTHON, connect, pings, server
from tests.support.streams import stream

WEB, KEY, INTERNET = 80, "eip-1", "internet"
SLOW_STOP_S = 15  # longer than the plan takes
STALL_S = 1.0  # TCP sends again after 0.2 s what was lost; a busy machine is slow by itself
LOSING = ("Disassociate", "Release", "Unassign", "DeleteNetworkInterface")
SPEC = """
apiVersion: edgewrap/v1
name: edge-test
aws: {{ region: eu-west-3 }}
hosts: {hosts}
public_network: {{ elastic_ips: {{ count: {eips} }}, groups: 2 }}
"""
# Tries until it is answered, then says when that was.
_KNOCK = f"""
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], {WEB}), timeout=0.5) as connection:
            if connection.recv(64):
                break
    except OSError:
        time.sleep(0.1)
print(time.time())
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Three hosts; group-0 on host-0, group-1 with eip-1 and eip-3 on host-1, nothing on host-2."""
    directory = tmp_path_factory.mktemp("moves")
    spec = directory / "edge.yaml"
    spec.write_text(SPEC.format(hosts="{ count: 3 }", eips=4))
    lab = Lab(directory / "lab")
    lab.up()
    try:
        edge = Edge(lab, spec, lab.edgewrap("apply", "--file", str(spec), "--auto-approve").stdout, Counter())
        assert edge.entry(KEY) == "host-1"
        yield edge
    finally:
        lab.down()


@contextmanager
def web_on(edge: Edge, host: str, key: str = KEY) -> Iterator[None]:
    """The VM that has the Elastic IP, on that host, with a server."""
    edge.lab.tool("lab", "vm", "start", "web", "--host", host, "--ip", edge.private(key))
    try:
        with server(edge.lab, "web", WEB):
            yield
    finally:
        edge.lab.tool("lab", "vm", "stop", "web")


@contextmanager
def timed(edge: Edge, what: str, tell: Callable[[str], None], key: str = KEY) -> Iterator[None]:
    """How long after the begin of the block the Elastic IP answers, and after its interface was detached."""
    begun, serial = time.time(), edge.lab.requests()[-1]["serial"]
    knocking = edge.lab.start(PYTHON, "-c", _KNOCK, edge.public(key), place=INTERNET)
    try:
        yield
        output, _ = knocking.communicate(timeout=30)
    finally:
        knocking.kill()
    calls = edge.lab.requests(serial)
    off = next(call["time"] for call in calls if call["action"] in ("DetachNetworkInterface", "AttachNetworkInterface"))
    answered = float(output)
    tell(
        f"{what}: the Elastic IP answers {answered - begun:.1f} s after the begin of the run, {answered - off:.1f} s "
        f"after AWS began to move it, {time.time() - answered:.1f} s before its end"
    )
    assert not [call["action"] for call in calls if call["action"].startswith(LOSING)]


def entry_now(edge: Edge) -> str:
    return str(edge.output("groups.group-1.host"))


def test_elastic_ips_move_from_an_entry_host_that_stops_slowly(cluster: Edge, figure: Callable[[str], None]) -> None:
    """Metal takes many minutes to stop, here some seconds; AWS detaches nothing in that time."""
    lab, instance = cluster.lab, str(cluster.output("hosts.host-1.instance_id"))
    lab.aws("PUT", "metal", {"stop_s": SLOW_STOP_S})
    serial = lab.requests()[-1]["serial"]
    with web_on(cluster, "host-2"), pings(lab, INTERNET, cluster.public(KEY)) as moved:
        with lab.network():
            lab.ec2.stop_instances(InstanceIds=[instance])
        status, text = cluster.apply()
    figure(
        f"an entry host that takes {SLOW_STOP_S} s to stop: {moved.longest_s:.1f} s without an answer, "
        f"{moved.lost} of {moved.sent} pings lost"
    )
    lab.aws("PUT", "metal", {"stop_s": 0})
    assert (status, entry_now(cluster)) == (0, "host-2")
    assert "network interface attachment group-1  (host-1 is stopping)" in text
    assert f"its instance {instance} is stopping: AWS detaches its interfaces once it is off" in text
    assert "aws         ✓ host-1  its instance is stopped" in text
    detached = [call for call in lab.requests(serial) if call["action"] == "DetachNetworkInterface"]
    assert [call["status"] for call in detached] == [200]
    assert moved.longest_s < SLOW_STOP_S + 45  # 3 s on a machine that is idle
    nothing = "hosts: nothing to do"
    result = NOTHING_TO_DO.replace(nothing, f"{nothing} on those that were read; not read: host-1")
    text = cluster.apply()[1]
    assert text.startswith(f"{result}aws: warning: host-1: its instance")
    assert "`edgewrap replace host-1`" in text
    [host] = [host for host in json.loads(cluster.edgewrap("status", "--json")[1])["hosts"] if host["key"] == "host-1"]
    assert (host["instance"], host["groups"]) == ("stopped", [])
    status, text = cluster.edgewrap("drift", check=False)
    assert status == 2
    assert (
        f"aws: 1 not working\n  ! host host-1  (drift: not working)\n      its instance {instance} is stopped\n" in text
    )


@pytest.mark.full
def test_a_restarted_host_does_not_take_its_elastic_ips_back(cluster: Edge) -> None:
    cluster.lab.tool("lab", "host", "start", "host-1")
    with web_on(cluster, "host-2"):
        cluster.apply("--monitor-timeout", "60")
        assert connect(cluster.lab, INTERNET, cluster.public(KEY), WEB).startswith("192.0.2.")
        assert cluster.apply() == (0, NOTHING_TO_DO)
        # `ssh.from` is everybody, VMs too
        assert connect(cluster.lab, "web", str(cluster.output("hosts.host-0.public_address")), 22).startswith("SSH-2.0")
    assert entry_now(cluster) == "host-2"
    assert cluster.private(KEY) not in cluster.lab.run("ip", "route", "show", "table", "all", place="host-1").stdout


@contextmanager
def vms_on(edge: Edge, places: dict[str, str]) -> Iterator[None]:
    """A VM for each Elastic IP, named as its key, on that host."""
    with ExitStack() as stack:
        for key, host in places.items():
            edge.lab.tool("lab", "vm", "start", key, "--host", host, "--ip", edge.private(key))
            stack.callback(edge.lab.tool, "lab", "vm", "stop", key)
        yield


@pytest.mark.full
def test_a_host_added_and_a_reflector_retired_under_traffic(cluster: Edge, figure: Callable[[str], None]) -> None:
    """host-0, a reflector and the entry host of eip-0, is removed; host-3 is added. Traffic through host-2 loses no
    packet."""
    lab, one, two = cluster.lab, "eip-1", "eip-3"
    before = cluster.output()
    assert {key: group["host"] for key, group in before["groups"].items()} == {"group-0": "host-0", "group-1": "host-2"}
    cluster.spec.write_text(SPEC.format(hosts="{ count: 3, retired: [0] }", eips=4))
    with vms_on(cluster, {one: "host-2", two: "host-1", "eip-0": "host-2"}):
        with ExitStack() as traffic:
            ways = [(INTERNET, cluster.public(one)), (INTERNET, cluster.public(two)), (two, cluster.private(one))]
            steady = [traffic.enter_context(pings(lab, *way)) for way in ways]
            moved = traffic.enter_context(pings(lab, INTERNET, cluster.public("eip-0")))
            streams = [
                traffic.enter_context(stream(lab, one, cluster.public(one), INTERNET, WEB)),
                traffic.enter_context(stream(lab, two, cluster.private(two), one, WEB)),
            ]
            status, text = cluster.apply()
        assert status == 0, text
    figure(
        f"retired: {sum(found.sent for found in steady)} pings that do not enter there, streams still for "
        f"{max(found.longest_s for found in streams):.2f} s at most; the Elastic IP that did, {moved.longest_s:.1f} s "
        "without an answer"
    )
    assert [found.lost for found in steady] == [0, 0, 0]
    assert [(found.lives, found.longest_s < STALL_S) for found in streams] == [(True, True)] * 2
    after = cluster.output()
    assert after["hosts"].keys() == {"host-1", "host-2", "host-3"}
    assert {key: group["host"] for key, group in after["groups"].items()} == {"group-0": "host-1", "group-1": "host-2"}
    listing = json.loads(lab.run("vtysh", "-c", "show bgp l2vpn evpn summary json", place="host-3").stdout)
    reflectors = {after["hosts"][key]["private_address"] for key in ("host-1", "host-2")}
    assert {(address, peer["state"]) for address, peer in listing["peers"].items()} == {
        (address, "Established") for address in reflectors
    }


@pytest.mark.full
def test_a_vm_on_a_host_stops_its_replacement(cluster: Edge) -> None:
    with web_on(cluster, "host-2"):
        status, text = cluster.edgewrap("replace", "host-2", "--auto-approve", check=False)
    assert status == 1
    assert "host-2" in text
    assert "has the VMs" in text
    assert entry_now(cluster) == "host-2"
    assert cluster.edgewrap("replace", "host-9", "--auto-approve", check=False)[0] == 64


@pytest.mark.full
def test_elastic_ips_move_though_the_rest_of_the_run_fails(cluster: Edge, figure: Callable[[str], None]) -> None:
    """host-1 is dead, which AWS has not noticed. Its Elastic IP moves long before the rest of the run fails, because of
    a quota that was lowered during the run; the next run completes it."""
    lost = "eip-0"
    cluster.spec.write_text(SPEC.format(hosts="{ count: 2, retired: [0, 2] }", eips=5))
    cluster.lab.tool("lab", "host", "kill", "host-1", "--silent")
    serial = cluster.lab.requests()[-1]["serial"]
    with web_on(cluster, "host-3", lost):
        with timed(cluster, "dead without AWS's knowledge, replaced", figure, lost):
            words = ("replace", "--file", str(cluster.spec), "host-1", "--auto-approve")
            run = cluster.lab.start(EDGEWRAP, *words)
            while not any(call["action"] == "DetachNetworkInterface" for call in cluster.lab.requests(serial)):
                assert run.poll() is None, run.communicate()
                time.sleep(0.2)
            cluster.lab.quota(elastic_ips=4)
            text, _ = run.communicate()
        assert run.returncode == 3
        assert "AddressLimitExceeded" in text
        assert "quota of Elastic IPs" in text
        order = ["DetachNetworkInterface", "AttachNetworkInterface", "TerminateInstances", "RunInstances"]
        done = [call["action"] for call in cluster.lab.requests(serial) if call["action"] in order]
        assert sorted(set(done), key=done.index) == order
        assert done.count("TerminateInstances") == 2

        cluster.lab.quota(elastic_ips=5)
        cluster.apply()
        assert cluster.apply() == (0, NOTHING_TO_DO)
        assert connect(cluster.lab, INTERNET, cluster.public(lost), WEB).startswith("192.0.2.")
    after = cluster.output()
    assert {key: group["host"] for key, group in after["groups"].items()} == {"group-0": "host-3", "group-1": "host-3"}
    assert after["hosts"]["host-1"]["instance_id"] != cluster.outputs["hosts"]["host-1"]["instance_id"]
    assert {key: after["eips"][key]["public_address"] for key in cluster.outputs["eips"]} == {
        key: eip["public_address"] for key, eip in cluster.outputs["eips"].items()
    }


@pytest.mark.full
def test_a_host_that_lost_its_public_address_keeps_its_name_until_it_has_another(cluster: Edge) -> None:
    """An entry host is stopped and started; what `plan` advises gives it an address again."""
    lab, key = cluster.lab, entry_now(cluster)
    name = name_of(cluster, key)
    lab.tool("lab", "host", "stop", key)
    lab.tool("lab", "host", "start", key)
    lab.aws("POST", f"instances/{cluster.output(f'hosts.{key}.instance_id')}", {"impaired": True})
    status, text = cluster.edgewrap("plan", check=False)
    assert status == 1
    assert f"aws: warning: {key}: its instance" in text
    assert "has no public address" in text
    assert (
        f"run `edgewrap apply --move-off {key}`, stop and start the instance in EC2, then run `edgewrap apply`" in text
    )
    assert f"{key}: EC2's system status check of its instance" in text
    assert re.search(rf"^hosts: .* on those that were read; not read: .*{key}", text, re.MULTILINE)
    assert "opennebula: nothing to do" in text  # it is not renamed
    warnings = json.loads(lab.edgewrap("status", "--file", str(cluster.spec), "--json").stdout)["warnings"]
    assert [one["check"] for one in warnings] == [key, key]
    status, text = cluster.apply("--move-off", key)
    assert status == 0, text
    assert (entry_now(cluster) == key, name_of(cluster, key)) == (False, name)
    lab.tool("lab", "host", "stop", key)
    lab.tool("lab", "host", "start", key)
    assert cluster.apply()[0] == 0
    assert name_of(cluster, key) != name
    assert "has no public address" not in cluster.edgewrap("plan")[1]


def name_of(edge: Edge, key: str) -> str:
    """The name of the host on the front-end."""
    pool = ElementTree.fromstring(edge.lab.one("one.hostpool.info"))  # noqa: S314 - the lab's own front-end
    return next(str(host.findtext("NAME")) for host in pool if host.findtext("TEMPLATE/EDGEWRAP/KEY") == key)

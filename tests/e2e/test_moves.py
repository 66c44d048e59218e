"""Elastic IPs that survive their entry host: stopped, back again, retired, replaced; with real packets.

The tests stand in the order of a cluster's life; each starts from what the one before left.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab import EDGEWRAP, Lab
from tests.support.packets import PYTHON, connect, server

WEB, KEY = 80, "eip-1"
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
    """Three hosts; group-0 on host-0, group-1 with eip-1 on host-1, nothing on host-2."""
    directory = tmp_path_factory.mktemp("moves")
    spec = directory / "edge.yaml"
    spec.write_text(SPEC.format(hosts="{ count: 3 }", eips=2))
    lab = Lab(directory / "lab")
    lab.up()
    try:
        edge = Edge(lab, spec, lab.edgewrap("apply", "--file", str(spec), "--auto-approve").stdout, Counter())
        assert edge.entry(KEY) == "host-1"
        yield edge
    finally:
        lab.down()


@contextmanager
def web_on(edge: Edge, host: str) -> Iterator[None]:
    """The VM that has the Elastic IP, on that host, with a server."""
    edge.lab.tool("lab", "vm", "start", "web", "--host", host, "--ip", edge.private(KEY))
    try:
        with server(edge.lab, "web", WEB):
            yield
    finally:
        edge.lab.tool("lab", "vm", "stop", "web")


@contextmanager
def timed(edge: Edge, what: str, tell: pytest.CaptureFixture[str]) -> Iterator[None]:
    """How long after the begin of the block the Elastic IP answers, and after its interface was detached."""
    begun, serial = time.time(), edge.lab.requests()[-1]["serial"]
    knocking = edge.lab.start(PYTHON, "-c", _KNOCK, edge.public(KEY), place="internet")
    try:
        yield
        output, _ = knocking.communicate(timeout=30)
    finally:
        knocking.kill()
    calls = edge.lab.requests(serial)
    off = next(call["time"] for call in calls if call["action"] in ("DetachNetworkInterface", "AttachNetworkInterface"))
    answered = float(output)
    with tell.disabled():
        print(f"\n{what}: the Elastic IP answers {answered - begun:.1f} s after the begin of the run, ", end="")
        print(f"{answered - off:.1f} s after AWS began to move it, {time.time() - answered:.1f} s before its end")
    assert not [call["action"] for call in calls if call["action"].startswith(LOSING)]


def entry_now(edge: Edge) -> str:
    return str(edge.output("groups.group-1.host"))


def test_an_entry_host_stopped(cluster: Edge, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster.lab.network():
        cluster.lab.ec2.stop_instances(InstanceIds=[cluster.outputs["hosts"]["host-1"]["instance_id"]])
    with web_on(cluster, "host-2"):
        with timed(cluster, "stopped", capsys):
            status, text = cluster.apply()
        assert (status, entry_now(cluster)) == (0, "host-2")
        assert "network interface attachment group-1  (host-1 is stopped)" in text
        warning, _, rest = cluster.apply()[1].partition("\n")
        assert warning.startswith("aws: warning: host-1: its instance")
        assert "`edgewrap replace host-1`" in warning
        assert rest == NOTHING_TO_DO
    [host] = [host for host in json.loads(cluster.edgewrap("status", "--json")[1])["hosts"] if host["key"] == "host-1"]
    assert (host["instance"], host["groups"]) == ("stopped", [])


def test_it_comes_back_and_nothing_breaks(cluster: Edge) -> None:
    with cluster.lab.network():
        cluster.lab.ec2.start_instances(InstanceIds=[cluster.outputs["hosts"]["host-1"]["instance_id"]])
    with web_on(cluster, "host-2"):
        cluster.apply("--monitor-timeout", "60")
        assert connect(cluster.lab, "internet", cluster.public(KEY), WEB).startswith("192.0.2.")
        assert cluster.apply() == (0, NOTHING_TO_DO)
    assert entry_now(cluster) == "host-2"
    assert cluster.private(KEY) not in cluster.lab.run("ip", "route", "show", "table", "all", place="host-1").stdout


def test_a_vm_on_the_host_stops_its_replacement(cluster: Edge) -> None:
    with web_on(cluster, "host-2"):
        status, text = cluster.edgewrap("replace", "host-2", "--auto-approve", check=False)
    assert status == 1
    assert "host-2" in text
    assert "has the VMs" in text
    assert entry_now(cluster) == "host-2"
    assert cluster.edgewrap("replace", "host-9", "--auto-approve", check=False)[0] == 64


def test_one_host_retired_and_another_replaced_while_aws_refuses_the_rest(
    cluster: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Elastic IP has moved long before the rest of the run fails, by a quota that is lowered meanwhile; the next
    run ends it."""
    cluster.spec.write_text(SPEC.format(hosts="{ count: 2, retired: [2] }", eips=3))
    serial = cluster.lab.requests()[-1]["serial"]
    with web_on(cluster, "host-0"):
        with timed(cluster, "retired", capsys):
            words = ("replace", "--file", str(cluster.spec), "host-1", "--auto-approve")
            run = cluster.lab.start(EDGEWRAP, *words)
            while not any(call["action"] == "DetachNetworkInterface" for call in cluster.lab.requests(serial)):
                assert run.poll() is None, run.communicate()
                time.sleep(0.2)
            cluster.lab.quota(elastic_ips=2)
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
        assert connect(cluster.lab, "internet", cluster.public(KEY), WEB).startswith("192.0.2.")
    after = cluster.output()
    assert {key: group["host"] for key, group in after["groups"].items()} == {"group-0": "host-0", "group-1": "host-0"}
    assert after["hosts"]["host-1"]["instance_id"] != cluster.outputs["hosts"]["host-1"]["instance_id"]
    assert {key: after["eips"][key]["public_address"] for key in cluster.outputs["eips"]} == {
        key: eip["public_address"] for key, eip in cluster.outputs["eips"].items()
    }

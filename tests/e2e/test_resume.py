"""A cluster on LXC hosts whose first runs are killed; without the hosts plane nothing flows; destroy leaves nothing."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab import EDGEWRAP, REGION, Lab
from tests.support.packets import NO_ANSWER, connect, server

REACHED_S = 300  # a machine may be busy
WITHOUT_HOSTS = ("--lock-timeout", str(REACHED_S), "--skip", "hosts")
TAG = "ünïcode 東京 a=b +c @d e:f/g"
DESCRIPTION = "a ${b} $c (d) [e]; {f} = *h"
pytestmark = pytest.mark.full
SPEC = """
apiVersion: edgewrap/v1
name: edge-test
aws: {{ region: eu-west-3, tags: {{ hostile: {tag} }} }}
hosts: {{ hypervisor: lxc }}
public_network:
  elastic_ips: {{ count: 5 }}
  security_group:
    ingress:
      - {{ protocol: icmp, description: {description} }}
      - {{ protocol: tcp, ports: 80 }}
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A lab on which nothing is applied yet, its hosts without cloud-init's leftovers, the front-end a 7.4.0."""
    directory = tmp_path_factory.mktemp("broken")
    spec: Path = directory / "edge.yaml"
    spec.write_text(SPEC.format(tag=json.dumps(TAG), description=json.dumps(DESCRIPTION)))
    lab = Lab(directory / "lab")
    lab.up("--cloud-init", "tidy", "--opennebula", "7.4.0")
    yield Edge(lab, spec, "", Counter())
    lab.down()


def kill_apply_once(edge: Edge, reached: Callable[[], bool]) -> None:
    """Start an apply without the hosts plane, and kill it with SIGKILL as soon as `reached` is true."""
    lock = edge.lab.directory / "runs" / "edge-test" / "lock"
    run = edge.lab.start(EDGEWRAP, "apply", "--file", str(edge.spec), "--auto-approve", *WITHOUT_HOSTS)
    deadline = time.monotonic() + REACHED_S
    while not reached():
        assert time.monotonic() < deadline, "the point was not reached"
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.05)
    edge.lab.run("kill", "-9", str(json.loads(lock.read_text())["pid"]))
    output, _ = run.communicate(timeout=60)
    assert "is what the spec says" not in output


def inventory(edge: Edge) -> Counter[str]:
    with edge.lab.network():
        return Counter(line.rpartition(" ")[0] for line in leaked_resources(edge.lab.facts["aws_endpoint"], REGION))


def instances(edge: Edge) -> int:
    with edge.lab.network():
        found = [one for group in edge.lab.ec2.describe_instances()["Reservations"] for one in group["Instances"]]
    return len([one for one in found if one["State"]["Name"] == "running"])


def vpcs(edge: Edge) -> int:
    with edge.lab.network():
        return len([vpc for vpc in edge.lab.ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]])


def pool(edge: Edge, name: str) -> ElementTree.Element:
    parameters = (-2, -1, -1) if name in ("vnpool", "vntemplatepool") else ()
    return ElementTree.fromstring(edge.lab.one(f"one.{name}.info", *parameters))  # noqa: S314 - the lab's own


def test_a_run_killed_after_the_vpc_is_resumed(broken: Edge, edge: Edge) -> None:
    kill_apply_once(broken, lambda: vpcs(broken) == 1)
    _, text = broken.apply(*WITHOUT_HOSTS)
    assert "edge-test is what the spec says." in text
    assert inventory(broken) == edge.inventory


@pytest.mark.full
def test_a_run_killed_after_an_instance_is_resumed(broken: Edge, edge: Edge) -> None:
    """A run replaces an instance that was terminated outside, and is killed right after it."""
    with broken.lab.network():
        broken.lab.ec2.terminate_instances(InstanceIds=[broken.output("hosts.host-2.instance_id")])
    kill_apply_once(broken, lambda: instances(broken) == 3)
    _, text = broken.apply(*WITHOUT_HOSTS)
    assert "edge-test is what the spec says." in text
    assert inventory(broken) == edge.inventory


def test_without_the_hosts_plane_hosts_stay_offline_and_packets_are_dropped(broken: Edge) -> None:
    assert {host.findtext("STATE") for host in pool(broken, "hostpool").findall("HOST")} == {"8"}
    eip = broken.output("eips.eip-0")
    broken.lab.tool("lab", "vm", "start", "web", "--host", "host-0", "--ip", eip["private_address"])
    with server(broken.lab, "web", 80):
        assert connect(broken.lab, "internet", eip["public_address"], 80) == NO_ANSWER
    broken.lab.tool("lab", "vm", "stop", "web")


def test_the_hosts_plane_completes_the_cluster(broken: Edge) -> None:
    broken.apply()
    assert broken.apply() == (0, NOTHING_TO_DO)
    eip = broken.output("eips.eip-0")
    broken.lab.tool("lab", "vm", "start", "web", "--host", "host-0", "--ip", eip["private_address"])
    with server(broken.lab, "web", 80):
        assert connect(broken.lab, "internet", eip["public_address"], 80).startswith("192.0.2.")


def test_lxc_hosts_have_the_lxc_drivers(broken: Edge) -> None:
    drivers = {(host.findtext("IM_MAD"), host.findtext("VM_MAD")) for host in pool(broken, "hostpool").findall("HOST")}
    assert drivers == {("lxc", "lxc")}


def test_special_characters_reach_aws_unchanged(broken: Edge) -> None:
    with broken.lab.network():
        vpc = next(vpc for vpc in broken.lab.ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"])
        rules = broken.lab.ec2.describe_security_group_rules()["SecurityGroupRules"]
    assert {"Key": "hostile", "Value": TAG} in vpc["Tags"]
    assert DESCRIPTION in {rule.get("Description") for rule in rules}


def test_destroy_is_refused_while_a_vm_is_running(broken: Edge) -> None:
    status, text = broken.edgewrap("destroy", "--auto-approve", check=False)
    assert status == 1
    assert "web" in text
    assert vpcs(broken) == 1
    broken.lab.tool("lab", "vm", "stop", "web")


def test_a_tenants_network_stops_destroy(broken: Edge) -> None:
    template = next(t for t in pool(broken, "vntemplatepool") if t.findtext("NAME") == "edge-test-private")
    number = int(template.findtext("ID") or -1)
    ranges = 'AR = [ TYPE = "IP4", IP = "192.168.50.10", SIZE = "5" ]'
    tenant = broken.lab.one("one.vntemplate.instantiate", number, "tenants-own", ranges)
    status, text = broken.edgewrap("destroy", "--auto-approve", check=False)
    assert status == 1
    assert "tenants-own" in text
    assert vpcs(broken) == 1
    broken.lab.one("one.vn.delete", tenant)


def test_destroy_leaves_nothing(broken: Edge) -> None:
    _, text = broken.edgewrap("destroy", "--auto-approve")
    assert "edge-test is destroyed." in text
    with broken.lab.network():
        assert leaked_resources(broken.lab.facts["aws_endpoint"], REGION) == ()
    for name in ("clusterpool", "hostpool", "datastorepool", "vnpool", "vntemplatepool"):
        assert "edge-test" not in ElementTree.tostring(pool(broken, name), encoding="unicode")
    assert broken.lab.status()["hosts"] == []
    assert broken.edgewrap("destroy", "--auto-approve")[1].endswith("Nothing to do.\n")

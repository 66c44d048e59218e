"""pyone reads every answer, and raises the class that belongs to every code."""

from __future__ import annotations

import time
from typing import Any

import pyone
import pytest

from tests.support.lab_opennebula import Start

NETWORK = """
NAME = "public"
VN_MAD = "fw"
BRIDGE = "br-edge"
DNS = "1.1.1.1"
FILTER_IP_SPOOFING = "YES"
AR = [ TYPE = "IP4", IP = "10.0.128.0", SIZE = "1", EXTERNAL_IP = "203.0.113.5", GATEWAY = "10.0.128.1",
       NETWORK_MASK = "255.255.255.254", AWS_ALLOCATION_ID = "eipalloc-1" ]
"""
VM = """
NAME = "vm"
CPU = "0.1"
MEMORY = "64"
NIC = [ NETWORK = "public", IP = "10.0.128.0" ]
CONTEXT = [ NETWORK = "YES" ]
"""


def settled(read: Any, done: Any) -> Any:
    """What is read once it is so, within some seconds."""
    end = time.monotonic() + 10
    while not done(found := read()) and time.monotonic() < end:
        time.sleep(0.05)
    assert done(found)
    return found


@pytest.mark.parametrize("version", ["6.10.0.1", "7.0.2", "7.4.0"])
def test_a_cluster_and_a_vm_on_its_public_network(start: Start, version: str) -> None:
    one = start("--version", version, "--monitor-interval", "0.2", "--settle", "0.1").client()
    assert one.system.version() == version
    me = one.user.info(-1)
    assert (me.ID, me.NAME, me.GNAME, me.GROUPS.ID) == (0, "oneadmin", "oneadmin", [0])
    assert [user.NAME for user in one.userpool.info().USER] == ["serveradmin", "oneadmin"]

    cluster = one.cluster.allocate("edge")
    one.cluster.update(cluster, {"TEMPLATE": {"EDGEWRAP": {"CLUSTER": "edge", "NOTE": 'a "b" \\" ${c} <d>'}}}, 1)
    assert one.cluster.info(cluster).TEMPLATE["EDGEWRAP"] == {"CLUSTER": "edge", "NOTE": 'a "b" \\" ${c} <d>'}
    host = one.host.allocate("198.51.100.10", "kvm", "kvm", cluster)
    system = one.datastore.allocate({"NAME": "edge-system", "TYPE": "SYSTEM_DS", "TM_MAD": "ssh"}, cluster)
    network = one.vn.allocate(NETWORK, cluster)
    found = settled(lambda: one.vn.info(network), lambda vn: vn.STATE == 1)
    assert ("02:00:0a:00:80:00", [cluster]) == (found.AR_POOL.AR[0].MAC, found.CLUSTERS.ID)
    assert settled(lambda: one.host.info(host), lambda h: h.STATE == 2).TEMPLATE["HOSTNAME"] == "198.51.100.10"

    vm = one.vm.allocate(VM)
    one.vm.deploy(vm, host, False, system, "")
    machine = settled(lambda: one.vm.info(vm), lambda m: m.LCM_STATE == 3)
    nic, context = machine.TEMPLATE["NIC"], machine.TEMPLATE["CONTEXT"]
    assert {
        "IP": "10.0.128.0", "MAC": "02:00:0a:00:80:00", "GATEWAY": "10.0.128.1", "EXTERNAL_IP": "203.0.113.5",
        "AWS_ALLOCATION_ID": "eipalloc-1", "BRIDGE": "br-edge", "TARGET": "one-0-0", "VN_MAD": "fw",
    }.items() <= nic.items()  # fmt: skip
    assert {
        "ETH0_IP": "10.0.128.0", "ETH0_MASK": "255.255.255.254", "ETH0_GATEWAY": "10.0.128.1", "ETH0_DNS": "1.1.1.1",
    }.items() <= context.items()  # fmt: skip
    assert machine.HISTORY_RECORDS.HISTORY[-1].HOSTNAME == "198.51.100.10"

    template = one.vntemplate.allocate('NAME = "t"\nVN_MAD = "bridge"\nCLUSTER_IDS = "100"')
    one.vntemplate.instantiate(template, "tenant", "")
    one.image.allocate('NAME = "i"\nTYPE = "DATABLOCK"\nSIZE = "8"', 1)
    one.secgroup.allocate('NAME = "web"\nRULE = [ PROTOCOL = "TCP", RULE_TYPE = "inbound" ]')
    pools = {
        "CLUSTER": one.clusterpool.info(),
        "HOST": one.hostpool.info(),
        "DATASTORE": one.datastorepool.info(),
        "VNET": one.vnpool.info(-2, -1, -1),
        "VNTEMPLATE": one.vntemplatepool.info(-2, -1, -1),
        "IMAGE": one.imagepool.info(-2, -1, -1),
        "VM": one.vmpool.info(-2, -1, -1, -1),
        "SECURITY_GROUP": one.secgrouppool.info(-2, -1, -1),
    }
    names = {kind: [found.NAME for found in getattr(pool, kind)] for kind, pool in pools.items()}
    assert names == {
        "CLUSTER": ["edge", "default"], "HOST": ["198.51.100.10"],
        "DATASTORE": ["edge-system", "files", "default", "system"], "VNET": ["tenant", "public"],
        "VNTEMPLATE": ["t"], "IMAGE": ["i"], "VM": ["vm"], "SECURITY_GROUP": ["web", "default"],
    }  # fmt: skip
    assert one.vmpool.infoextended(-2, -1, -1, -1).VM[0].TEMPLATE["NIC"]["IP"] == "10.0.128.0"
    assert one.secgroup.info(100).TEMPLATE["RULE"]["PROTOCOL"] == "TCP"
    assert one.vntemplate.info(template).NAME == "t"
    assert one.image.info(0).DATASTORE == "default"


def test_pyones_exception_class_of_every_code(start: Start) -> None:
    served = start("--version", "7.4.0")
    one = served.client()
    with pytest.raises(pyone.OneAuthenticationException, match="couldn't be authenticated"):
        served.client("oneadmin:wrong").system.version()
    one.user.allocate("guest", "guestpass", "core")
    with pytest.raises(pyone.OneAuthorizationException, match="CREATE CLUSTER"):
        served.client("guest:guestpass").cluster.allocate("x")
    with pytest.raises(pyone.OneNoExistsException, match="Error getting host"):
        one.host.info(7)
    with pytest.raises(pyone.OneActionException, match="System Clusters"):
        one.cluster.delete(0)
    with pytest.raises(pyone.OneApiException, match="Wrong update type"):
        one.cluster.update(0, 'A = "b"', 7)
    with pytest.raises(pyone.OneInternalException, match="No TM_MAD"):
        one.datastore.allocate('NAME = "x"\nTYPE = "SYSTEM_DS"', 0)
    with pytest.raises(pyone.OneException) as taken:
        one.cluster.allocate("default")
    with pytest.raises(pyone.OneException) as fault:
        one.cluster.info("x")
    assert type(taken.value) is type(fault.value) is pyone.OneException
    assert str(fault.value) == "<Fault -501: 'Parameter that is supposed to be integer is not'>"

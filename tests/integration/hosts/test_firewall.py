"""The hosts' own firewall with `ssh.from` closed: real packets to the hosts' public addresses."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from tests.integration.hosts.conftest import Runner
from tests.integration.hosts.vpc import Vpc

SSH, BGP, MIGRATION = 22, 179, 49152
CONNECTED, REFUSED, DROPPED = "connected", "ConnectionRefusedError", "TimeoutError"
_CLIENT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def closed(vpc: Vpc) -> Runner:
    """Three hosts, and a VM behind the Elastic IP eip-0. Nobody outside the cluster may open SSH."""
    runner = Runner(vpc, vpc.spec(**{"from": ["192.0.2.0/24"]}), vpc.outputs)
    runner.converge()
    vpc.start_vm("vm", "host-0", vpc.outputs.eips["eip-0"])
    return runner


def connect(runner: Runner, source: str, target: str, port: int) -> str:
    """The result of a TCP connection from a namespace to the public address of a host."""
    address = runner.vpc.outputs.hosts[target].public_address
    command = f"exec ip netns exec {source} {sys.executable} - {address} {port}"
    return runner.vpc.sh(command, text=_CLIENT).strip()


@pytest.mark.parametrize("target", ["host-0", "host-1"])
def test_hosts_reach_ssh_at_their_own_and_each_others_public_addresses(closed: Runner, target: str) -> None:
    assert connect(closed, "host-0", target, SSH) == CONNECTED


def test_migrations_pass_between_public_addresses_but_bgp_does_not(closed: Runner) -> None:
    assert connect(closed, "host-0", "host-1", MIGRATION) == REFUSED  # the packet arrives, and nothing listens
    assert connect(closed, "host-0", "host-1", BGP) == DROPPED


@pytest.mark.parametrize("source", ["internet", "vm"])
def test_vms_and_the_internet_do_not_reach_ssh_at_a_hosts_public_address(closed: Runner, source: str) -> None:
    assert connect(closed, source, "host-0", SSH) == DROPPED
    closed.vpc.on("host-0", "nft insert rule inet edge-host host tcp dport 22 accept")
    assert connect(closed, source, "host-0", SSH) == CONNECTED  # it was the firewall
    closed.converge()


def test_a_removed_host_loses_its_firewall_entry(closed: Runner) -> None:
    assert connect(closed, "host-2", "host-0", SSH) == CONNECTED
    kept = {key: closed.outputs.hosts[key] for key in ("host-0", "host-1")}
    fewer = replace(closed, outputs=replace(closed.outputs, hosts=kept))
    keys = {change.key for change in fewer.changes() if "firewall" in change.key}
    assert {"host-0/file//etc/edgewrap/firewall.nft", "host-0/nftables/firewall"} <= keys
    fewer.converge()
    assert connect(closed, "host-2", "host-0", SSH) == DROPPED
    closed.converge()


def test_an_address_removed_from_the_rule_by_hand_is_drift(closed: Runner) -> None:
    address = closed.outputs.hosts["host-1"].public_address
    edit = f"nft -s list table inet edge-host | sed 's/{address}, //' >/tmp/edited.nft"
    closed.vpc.on("host-0", f"{edit}; nft delete table inet edge-host; nft -f /tmp/edited.nft")
    assert connect(closed, "host-1", "host-0", SSH) == DROPPED
    assert [change.key for change in closed.changes()] == ["host-0/nftables/firewall"]
    closed.converge()
    assert connect(closed, "host-1", "host-0", SSH) == CONNECTED

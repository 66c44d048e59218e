"""Real packets on every way that a VM's packet can take. The router's ports drop what leaves by an interface that does
not own its source, as AWS does."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import pytest

from tests.integration.hosts.conftest import Runner
from tests.integration.hosts.vpc import INTERNET, Vm, Vpc, outputs_of, until

_SERVER = """
import socketserver
class CommandResult(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.client_address[0].encode())
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", 8080), CommandResult).serve_forever()
"""
_CLIENT = """
import socket, sys
try:
    print(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).recv(99).decode())
except OSError as error:
    print(type(error).__name__)
"""
# Counts the packets that leave the host again.
LEAVING = """
table ip leaving {
  chain post { type filter hook postrouting priority 0; ip daddr 10.0.129.60 counter; }
}
"""


@dataclass
class World:
    """The VPC with a VM per kind of place, each answering on port 8080 with the address it sees."""

    vpc: Vpc
    vms: dict[str, Vm]

    def seen_from(self, namespace: str, target: str, port: int = 8080, timeout_s: float = 2) -> str:
        """What a server at `target` sees as the source of a connection from `namespace`; or the error's name."""
        client = f"exec {sys.executable} -c '{_CLIENT}' {target} {port} {timeout_s}"
        return self.vpc.sh(f"exec ip netns exec {namespace} sh", text=client).strip()


@pytest.fixture(scope="module")
def world(runner: Runner) -> World:
    runner.converge()
    vpc = runner.vpc
    places = {"a": ("host-0", "eip-0"), "b": ("host-0", "eip-4"), "c": ("host-0", "eip-1"), "d": ("host-1", "eip-2")}
    vms = {name: vpc.start_vm(name, host, vpc.outputs.eips[eip]) for name, (host, eip) in places.items()}
    vpc.sh("cat >/run/server.py", text=_SERVER)
    for namespace in (*vms, "internet", "host-0", "host-1"):
        vpc.sh(f"setsid ip netns exec {namespace} {sys.executable} /run/server.py </dev/null >/dev/null 2>&1 &")
    for namespace in (*vms, "internet"):
        vpc.await_listener(namespace, 8080)
    return World(vpc, vms)


WAYS = {
    "one group": ("a", "b"),
    "two groups of one host": ("a", "c"),
    "two hosts": ("a", "d"),
    "two hosts, the other way": ("d", "c"),
}


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_from_the_internet_with_the_source_kept(world: World, name: str) -> None:
    assert world.seen_from("internet", world.vms[name].eip.public_address) == INTERNET


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_a_vm_reaches_the_internet_with_its_elastic_ip(world: World, name: str) -> None:
    assert world.seen_from(name, INTERNET) == world.vms[name].eip.public_address


@pytest.mark.parametrize(("source", "target"), WAYS.values(), ids=WAYS)
def test_between_vms_by_private_address(world: World, source: str, target: str) -> None:
    seen = world.seen_from(source, world.vms[target].eip.private_address)
    assert seen == world.vms[source].eip.private_address


@pytest.mark.parametrize(("source", "target"), [*WAYS.values(), ("a", "a")], ids=[*WAYS, "its own"])
def test_between_vms_by_elastic_ip(world: World, source: str, target: str) -> None:
    seen = world.seen_from(source, world.vms[target].eip.public_address)
    assert seen == world.vms[source].eip.public_address


@pytest.mark.parametrize("host", ["host-0", "host-1", "host-2"])
def test_a_host_reaches_vms(world: World, host: str) -> None:
    for vm in world.vms.values():
        seen = world.seen_from(host, vm.eip.private_address)
        assert seen == world.vpc.outputs.hosts[host].private_address


CLOSED = {
    "its own entry host": ("10.0.0.10", 22),
    "another host": ("10.0.0.11", 22),
    "the address of its own group": ("10.0.128.0", 8080),
    "the address of another group of its host": ("10.0.128.128", 8080),
    "the address of another host's group": ("10.0.129.0", 8080),
    "the instance's metadata": ("169.254.169.254", 80),
    "its gateway": ("10.0.128.3", 8080),
}


@pytest.mark.parametrize(("target", "port"), CLOSED.values(), ids=CLOSED)
def test_a_vm_does_not_reach(world: World, target: str, port: int) -> None:
    assert world.seen_from("a", target, port, timeout_s=0.4) == "TimeoutError"


@pytest.mark.parametrize("group", ["group-0", "group-1", "group-2"])
def test_a_groups_own_address_does_not_answer(world: World, group: str) -> None:
    address = world.vpc.outputs.groups[group].primary_address
    assert world.seen_from("host-2", address, timeout_s=0.4) == "TimeoutError"


def test_a_foreign_source_is_dropped_and_counted(world: World) -> None:
    foreign = world.vms["d"].eip.private_address
    before = _dropped(world, "bridge edge prerouting", "counter")
    world.vms["a"].sh(f"ip address add {foreign}/32 dev lo; ! ping -c 2 -i 0.1 -W 0.2 -I {foreign} {INTERNET}")
    world.vms["a"].sh(f"ip address del {foreign}/32 dev lo")
    assert _dropped(world, "bridge edge prerouting", "counter") >= before + 2


def test_packets_leave_by_their_entry_host_only(world: World) -> None:
    """A VM of another entry host, on this one, that sends to this host's gateway."""
    vpc = world.vpc
    vm = vpc.start_vm("e", "host-0", vpc.outputs.eips["eip-6"])
    before = _dropped(world, "ip edge prerouting", "fib saddr")
    vm.sh(f"ip neigh replace {vm.eip.gateway} lladdr 02:ed:0a:00:00:0a dev eth0; ! ping -c 2 -i 0.1 -W 0.2 {INTERNET}")
    assert _dropped(world, "ip edge prerouting", "fib saddr") == before + 2
    vpc.sh("ip netns del e")


def _dropped(world: World, chain: str, words: str) -> int:
    """What the last rule with these words has counted on host-0."""
    rules = world.vpc.on("host-0", f"nft list chain {chain}")
    line = [line for line in rules.splitlines() if words in line and "counter" in line][-1].split()
    return int(line[line.index("packets") + 1])


def test_one_more_elastic_ip_answers_without_a_change_on_any_host(world: World, runner: Runner) -> None:
    """Only AWS associates it: hosts carry every pair of their groups' blocks. The last pair of a block, so that a VM's
    address that no Elastic IP has used is tried."""
    vpc, outputs = world.vpc, runner.outputs
    index = 4 * (63 - 1) + 1
    more = outputs_of({0: 0, 1: 0, 2: 1, 3: 1}, hosts=3, eips=index + 1).eips[f"eip-{index}"]
    more = replace(more, public_address="203.0.113.99")
    assert (more.private_address, more.group) == ("10.0.128.254", "group-1")
    after = replace(runner, outputs=replace(outputs, eips={**outputs.eips, more.key: more}))
    vpc.associate(more)
    assert after.changes() == ()
    vm = vpc.start_vm("f", "host-2", more)
    vpc.sh(f"setsid ip netns exec f {sys.executable} /run/server.py </dev/null >/dev/null 2>&1 &")
    vpc.await_listener("f", 8080)
    assert world.seen_from("internet", more.public_address) == INTERNET
    assert world.seen_from("f", INTERNET) == more.public_address
    assert world.seen_from("f", world.vms["a"].eip.private_address) == more.private_address
    assert world.seen_from("d", more.public_address) == world.vms["d"].eip.public_address
    vm.vpc.sh("ip netns del f")


def test_what_arrives_for_another_group_goes_nowhere(world: World) -> None:
    """To an address of a group whose entry host this is not: it must not leave by any interface."""
    vpc = world.vpc
    vpc.sh("ip route replace 10.0.129.60/32 via 10.0.128.0 dev p-group-0 onlink")
    vpc.on("host-0", f"nft -f - <<'EOF'\n{LEAVING}\nEOF")
    vpc.sh("ip netns exec internet ping -c 2 -i 0.1 -W 0.2 10.0.129.60 || :")
    rules = vpc.on("host-0", "nft list chain ip edge forward")
    line = next(line for line in rules.splitlines() if "ether daddr" in line)
    assert "packets 2 " in line
    assert "packets 0 " in vpc.on("host-0", "nft list chain ip leaving post")
    vpc.on("host-0", "nft delete table ip leaving")
    vpc.sh("ip route del 10.0.129.60/32")


def test_an_address_without_a_vm_does_not_leave_by_an_interface(world: World) -> None:
    """The host has the whole block in its table: what no VM answers for ends at gw-edge."""
    vpc = world.vpc
    vpc.sh("ip route replace 10.0.128.60/32 via 10.0.128.0 dev p-group-0 onlink")
    leaving = LEAVING.replace("ip daddr 10.0.129.60", 'oifname != "gw-edge" ip daddr 10.0.128.60')
    vpc.on("host-0", f"nft -f - <<'EOF'\n{leaving}\nEOF")
    vpc.sh("ip netns exec internet ping -c 2 -i 0.1 -W 0.2 10.0.128.60 || :")
    assert "packets 0 " in vpc.on("host-0", "nft list table ip leaving")
    vpc.on("host-0", "nft delete table ip leaving")
    vpc.sh("ip route del 10.0.128.60/32")


def test_a_second_converge_keeps_connections(world: World, runner: Runner) -> None:
    vm = world.vms["a"]
    vm.vpc.sh(f"setsid ip netns exec internet ping -i 0.02 -c 60 -W 1 {vm.eip.public_address} >/run/ping.log 2>&1 &")
    index = vm.vpc.on("host-0", "ip -o link show vx-edge | cut -d: -f1")
    vm.vpc.on("host-0", "for i in 1 2 3 4 5; do sh /etc/edgewrap/network.sh; done")
    assert vm.vpc.on("host-0", "ip -o link show vx-edge | cut -d: -f1") == index
    vm.vpc.sh("while ! grep -q transmitted /run/ping.log; do sleep 0.05; done")
    assert " 60 received" in vm.vpc.sh("cat /run/ping.log")
    assert runner.changes() == ()


def test_a_gateway_is_announced_three_times_and_nobody_waits_for_that(world: World) -> None:
    """Whoever announces it keeps neither a lock nor a script's output open."""
    heard = world.vpc.on(
        "host-0",
        """
        timeout 10 tcpdump -nc 3 -i gw-port 'arp and arp host 10.0.128.3' 2>/run/heard.log &
        until grep -q listening /run/heard.log; do sleep 0.05; done
        exec 9>/run/announce.lock
        flock 9
        python3 /etc/edgewrap/announce.py 10.0.128.3
        exec 9>&-
        flock --nonblock /run/announce.lock true
        wait""",
    )
    assert heard.count("Request who-has 10.0.128.3 ") == 3


def test_a_rebooted_host_recovers_by_itself(world: World, runner: Runner) -> None:
    """Switched off and on; what systemd would run at boot runs."""
    vpc, host = world.vpc, "host-1"
    vpc.shut_down(host)
    vpc.boot(host)
    vpc.attach("group-2", host)
    vpc.attach("group-3", host)
    vpc.await_listener(host, 22)
    vpc.on(host, "$(sed -n 's/^ExecStart=//p' /etc/systemd/system/multi-user.target.wants/edgewrap-network.service)")
    vpc.on(host, "$(sed -n 's/^ExecStart=//p' /lib/systemd/system/frr.service) >/dev/null 2>&1")
    until(lambda: "Established" in vpc.on(host, "vtysh -c 'show bgp neighbors'"))
    assert runner.changes() == ()
    vpc.sh("ip netns del d")
    vm = vpc.start_vm("d", host, vpc.outputs.eips["eip-2"])
    vpc.sh(f"setsid ip netns exec d {sys.executable} /run/server.py </dev/null >/dev/null 2>&1 &")
    vpc.await_listener("d", 8080)
    assert world.seen_from("internet", vm.eip.public_address) == INTERNET


def test_at_boot_only_attached_groups_are_configured(world: World, runner: Runner) -> None:
    vpc, host = world.vpc, "host-1"
    vpc.shut_down(host)
    vpc.boot(host)
    vpc.attach("group-3", host)
    vpc.await_listener(host, 22)
    vpc.on(host, "sh /etc/edgewrap/network.sh")
    routes = vpc.on(host, "ip route show table 10000 | cut -d' ' -f1").split()
    assert routes == [f"10.0.129.{number}" for number in range(130, 256, 2)]
    assert "10.0.129.3 " not in vpc.on(host, "ip neigh show proxy")
    assert "10.0.129.0/25" not in vpc.on(host, "ip rule")
    vpc.attach("group-2", host)
    runner.converge()

"""What is configured correctly and does not work: each situation on real hosts, what is said of it, and that the advice
helps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote

import pytest

from edgewrap.finding import Finding
from edgewrap.hosts.plane import Observation
from edgewrap.hosts.render.files import script
from tests.integration.hosts.conftest import Runner
from tests.integration.hosts.test_evpn import await_sessions, watcher
from tests.integration.hosts.vpc import Vm, Vpc

ROUTER = "router"  # what is below the hosts: a network ACL
FAST_S = 0.2  # what the observation may add to the time of a run when all is well


@dataclass(frozen=True)
class Case:
    """A situation, made by a script; `named` is in the finding about `host`. `undo` is what the advice says."""

    name: str
    place: str
    make: str
    undo: str
    named: tuple[str, ...]
    host: str = "host-2"


CASES = (
    Case(
        "the overlay is dropped below the hosts",
        ROUTER,
        "nft 'table ip acl { chain c { type filter hook forward priority 0; "
        "ip saddr 10.0.0.12 udp dport 8472 drop; }; }'",
        "nft delete table ip acl",
        ("the overlay does not pass between it and host-0, host-1", "network ACL", "UDP 8472"),
    ),
    Case(
        "a table of someone else drops the overlay",
        "host-2",
        "nft 'table inet evil { chain in { type filter hook input priority 5; udp dport 8472 drop; }; }'",
        "nft delete table inet evil",
        ("the overlay does not pass", "on host-2, table inet evil, chain in: udp dport 8472 drop"),
    ),
    Case(
        "a table of someone else rejects BGP",
        "host-2",
        "nft 'table inet evil { chain in { type filter hook input priority 5; tcp dport 179 reject; "
        "}; chain out { type filter hook output priority 5; tcp dport 179 drop; }; }'; "
        "vtysh -c 'clear bgp l2vpn evpn *'",
        "nft delete table inet evil",
        ("its BGP session with host-0, host-1 is not established", "chain in: tcp dport 179 reject"),
    ),
    Case(
        "an input policy of DROP, but SSH",
        "host-2",
        "nft 'table inet filter { chain input { type filter hook input priority 0; policy drop; "
        "tcp dport 22 accept; tcp dport 179 accept; tcp sport 179 accept; }; }'",
        "nft add rule inet filter input udp dport 8472 accept",
        ("the overlay does not pass", "on host-2, table inet filter, chain input: policy drop"),
    ),
    Case(
        "firewalld rejects what is forwarded",
        "host-2",
        "nft 'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; "
        "ct state established,related accept; reject with icmpx admin-prohibited; }; }'",
        "nft insert rule inet firewalld filter_FORWARD iifname gw-edge accept; "
        "nft insert rule inet firewalld filter_FORWARD oifname gw-edge accept",
        ("drops packets of VMs: table inet firewalld, chain filter_FORWARD: reject with icmpx admin-prohibited",),
    ),
    Case(
        "a rule about our gateway",
        "host-2",
        "nft 'table ip evil { chain pre { type filter hook prerouting priority 5; iifname \"gw-edge\" drop; }; }'",
        "nft delete table ip evil",
        ('drops packets of VMs: table ip evil, chain pre: iifname "gw-edge" drop',),
    ),
    Case(
        "a disk is nearly full",
        "host-2",
        "mkdir -p /var/lib/one/datastores; mount -t tmpfs -o size=1M datastores /var/lib/one/datastores; "
        "head -c 950K /dev/zero >/var/lib/one/datastores/image",
        "rm /var/lib/one/datastores/image",
        ("its file system /var/lib/one/datastores is 9", "hosts.root_volume_gb"),
    ),
)
_CLEAN = """
for table in 'inet evil' 'inet filter' 'inet firewalld' 'ip evil'; do nft delete table $table 2>/dev/null || :; done
umount /var/lib/one/datastores 2>/dev/null || :
"""


@pytest.fixture(scope="module")
def healthy(runner: Runner) -> Iterator[Runner]:
    """Three hosts with their watchers, all sessions up."""
    runner.converge()
    await_sessions(runner.vpc, host_0=2, host_1=2, host_2=2)
    with ExitStack() as watchers:
        for host in runner.outputs.hosts:
            watchers.enter_context(watcher(runner.vpc, host))
        observed(runner, well=True)
        yield runner


def findings(runner: Runner, seen: Observation | None = None) -> tuple[Finding, ...]:
    return runner.plane.health(seen or runner.observe(), runner.context)


def observed(runner: Runner, *, well: bool) -> Observation:
    """What is observed once something is wrong, or everything is well."""
    deadline = time.monotonic() + 10
    while bool(findings(runner, seen := runner.observe())) == well:
        assert time.monotonic() < deadline
    return seen


def on(vpc: Vpc, place: str, script: str) -> None:
    if place == ROUTER:
        vpc.sh(script)
    else:
        vpc.on(place, script)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_does_not_work_is_said_and_the_advice_helps(healthy: Runner, case: Case) -> None:
    on(healthy.vpc, case.place, case.make)
    try:
        seen = observed(healthy, well=False)
        [found] = findings(healthy, seen)
        assert found.check == case.host
        for words in case.named:
            assert words in f"{found}; {found.advice}"
        assert healthy.changes(seen) == ()  # nothing is configured wrong
        on(healthy.vpc, case.place, case.undo)
        observed(healthy, well=True)
    finally:
        healthy.vpc.on("host-2", _CLEAN)


def test_all_is_well_in_little_time_and_one_host_alone_too(healthy: Runner) -> None:
    assert findings(healthy.only("host-1")) == ()
    before = os.times()
    answer = healthy.vpc.on("host-0", f"python3 -I -S -c {quote(script('health.py'))}")
    after = os.times()
    [answered] = [line for line in answer.splitlines() if line.startswith("answered")]
    assert len(answered.split()) == 3
    # of the processor: the machine may be busy
    took = after.children_user + after.children_system - before.children_user - before.children_system
    assert took < FAST_S, answer


PING = "ping -c 2 -i 0.2 -W 1 198.51.100.1"
# As Docker and ufw set it, on a host that lacks our rules: from an earlier version, or flushed.
POLICIES = """
iptables -F
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -P FORWARD DROP
iptables -P INPUT DROP
"""
ACCEPTING = """
iptables -P INPUT ACCEPT
iptables -P FORWARD ACCEPT
iptables -F
iptables -X
sh /etc/edgewrap/network.sh
"""
# As OpenNebula's driver: the jump is appended, behind our rules.
SECURITY_GROUP = """
iptables -N opennebula
iptables -A FORWARD -m physdev --physdev-is-bridged -j opennebula
iptables -A opennebula -m physdev --physdev-is-bridged --physdev-in {port} -j DROP
iptables -A opennebula -j ACCEPT
"""


def passes(vm: Vm) -> bool:
    return "0 received" not in vm.sh(f"{PING} || :")


def test_iptables_with_a_policy_of_drop_gets_rules_that_accept_the_cluster(healthy: Runner) -> None:
    """A VM on host-2 whose Elastic IP enters at host-0."""
    vpc = healthy.vpc
    vm = vpc.start_vm("docker", "host-2", vpc.outputs.eips["eip-0"])
    try:
        assert passes(vm)
        vpc.on("host-0", POLICIES)
        seen = observed(healthy, well=False)
        assert not passes(vm)
        assert "iptables drops packets of the cluster: its policy of INPUT and FORWARD is DROP" in str(
            [one for one in findings(healthy, seen) if "`edgewrap apply` adds rules" in one.advice]
        )
        assert [change.key for change in healthy.changes(seen)] == ["host-0/iptables/INPUT", "host-0/iptables/FORWARD"]
        healthy.converge(seen)
        observed(healthy, well=True)
        assert passes(vm)
        vpc.on("host-2", SECURITY_GROUP.format(port="one-100-0"))
        assert not passes(vm)  # no rule of ours is ahead of what a security group drops
    finally:
        vpc.on("host-0", ACCEPTING)
        vpc.on("host-2", ACCEPTING)
        vpc.sh("ip netns del docker")

"""A change that is not confirmed is rolled back: in time, at a boot, after a step that failed. The host is as its files
of before say, to the last route."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from shlex import quote

import pytest

from edgewrap.hosts.desired import desired_hosts
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import HostFacts, facts_command, parse_facts
from edgewrap.hosts.plane import HostsPlane
from edgewrap.hosts.rollback import DIRECTORY, LOG, RollbackFacts, with_rollback
from edgewrap.hosts.script import converge_script
from edgewrap.plane import Context
from tests.integration.hosts.conftest import Runner
from tests.integration.hosts.vpc import Vpc, outputs_of, until
from tests.support import nat_pool

HOST = "host-0"
CHANCE = ("eth0", "gw-port", "vx-edge")
LONG_S = 60
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOArIgnsQuBtihEr9vV269zuAjyWK06tYxrSy2R9U8ir ada@example.org"
ROLL_BACK = f"sh {DIRECTORY}/rollback.sh now 'a test'"

STUBBORN_NFT = """#!/bin/sh
[ "$*" != "-f /etc/edgewrap/edge.nft" ] || { echo 'not today' >&2; exit 7; }
exec /usr/sbin/nft "$@"
"""

# By hand, before the change: in the network, and in files.
DRIFT = """
ip route del 10.0.128.2 table 10000
ip route add 10.0.129.40 dev gw-edge table 10000
ip route add unreachable 10.0.129.42 table 10000
ip neigh del proxy 10.0.128.3 dev gw-edge; ip neigh add proxy 10.0.128.41 dev gw-edge
ip rule del priority 1001; ip rule add priority 900 iif lo lookup 10000
ip rule add from 10.0.128.2 lookup 102; ip route add default via 10.0.0.1 dev ens6 onlink table 102
ip address add 10.0.128.2/17 dev ens6; ip route add 192.0.2.0/24 dev ens6
ip link set br-edge type bridge mcast_snooping 1
ip link set br-edge mtu 1400
ip link set gw-port nomaster
ip link set vx-edge down
ip link del vx-edge; ip link add vx-edge type vxlan id 77 local 10.0.0.10 dstport 4789
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/ens6/rp_filter
nft delete table bridge edge
nft add rule ip edge forward ip daddr 192.0.2.1 drop
nft add element inet edge-host operators { 192.0.2.7 }
nft insert rule inet edge-host host tcp dport 22 accept
echo '# by hand' >>/etc/edgewrap/edge.nft
touch '/etc/edgewrap/a file of others'
rm /etc/edgewrap/announce.py
chmod 600 /etc/edgewrap/network.conf
"""


@pytest.fixture(scope="module")
def vpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vpc]:
    """Two hosts: host-0 is the entry of groups 0 and 1, host-1 of groups 2 and 3."""
    vpc = Vpc(tmp_path_factory.mktemp("vpc"), outputs_of({0: 0, 1: 0, 2: 1, 3: 1}, hosts=2, eips=8))
    try:
        vpc.start()
        yield vpc
    finally:
        vpc.stop()


def facts_of(vpc: Vpc, host: str = HOST) -> HostFacts:
    """What the host is, but for the rollback itself, the order of its interfaces, and MACs that the kernel chose."""
    facts = parse_facts(vpc.on(host, f"set +e\n{facts_command('ubuntu')}"))
    links = [replace(link, mac="") if link.name in CHANCE else link for link in facts.links]
    return replace(facts, rollback=RollbackFacts(), links=tuple(sorted(links, key=attrgetter("name"))))


def change(runner: Runner, host: str = HOST, *, rollback_s: int = LONG_S, more: str = "") -> None:
    """Apply the host's operations as the plane does, without a confirmation; `more` is the last step."""
    wanted = desired_hosts(runner.spec, runner.outputs)(host)
    operations = diff(wanted, facts_of(runner.vpc, host))
    assert operations
    script = with_rollback(
        converge_script(wanted, operations) + more, "ubuntu", at_most_s=LONG_S, rollback_s=rollback_s
    )
    runner.vpc.on(host, script)


@pytest.fixture
def other(vpc: Vpc, make_runner: Callable[..., Runner]) -> Runner:
    """Another spec: one group less, SSH from elsewhere, a key for the user; a peer has another public address."""
    runner = make_runner(**{"from": ["192.0.2.0/24"], "authorized_keys": [KEY]})
    groups = {key: group for key, group in runner.outputs.groups.items() if key != "group-1"}
    eips = {key: eip for key, eip in runner.outputs.eips.items() if eip.group in groups}
    peer = replace(runner.outputs.hosts["host-1"], public_address="203.0.113.200")
    hosts = {**runner.outputs.hosts, peer.key: peer}
    return replace(runner, outputs=replace(runner.outputs, hosts=hosts, groups=groups, eips=eips))


def ended(vpc: Vpc, host: str = HOST) -> str:
    """The last line of the host's log of changes, once no change is pending there any more."""
    until(lambda: vpc.on(host, f"[ -d {DIRECTORY} ] || echo removed") == "removed\n")
    return vpc.on(host, f"tail -n 1 {LOG}").partition(" ")[2].strip()


def test_a_vm_that_started_during_the_change_keeps_its_bridge(vpc: Vpc, runner: Runner) -> None:
    """The rollback of a first change removes everything of ours but that."""
    change(runner, "host-1")
    vpc.start_vm("vm", "host-1", vpc.outputs.eips["eip-0"])
    vpc.on("host-1", ROLL_BACK)
    links = {link.name: link for link in facts_of(vpc, "host-1").links}
    assert links["one-100-0"].master == "br-edge"
    assert not {"gw-edge", "gw-port", "vx-edge"} & links.keys()
    vpc.sh("ip netns del vm")


def test_rollback_of_a_first_converge_leaves_nothing(vpc: Vpc, runner: Runner) -> None:
    before = facts_of(vpc)
    change(runner, rollback_s=0)
    assert ended(vpc) == "rolled back: it was not confirmed in time"
    assert facts_of(vpc) == before
    assert vpc.on(HOST, "ls -A /var/lib/edgewrap; ls -d /etc/edgewrap 2>/dev/null || :") == "changes.log\n"
    assert "alias" not in vpc.on(HOST, "ip link")


def test_a_change_of_a_converged_host(vpc: Vpc, runner: Runner, other: Runner) -> None:
    runner.converge()
    before = facts_of(vpc)
    change(other)
    assert facts_of(vpc) != before
    assert "203.0.113.200" in vpc.on(HOST, "nft list table inet edge-host")
    vpc.on(HOST, ROLL_BACK)
    assert facts_of(vpc) == before
    assert runner.changes() == ()


def test_a_change_that_adds_a_group(vpc: Vpc, runner: Runner, other: Runner) -> None:
    """Its interface has nothing of ours left after the rollback, as the files of before say."""
    other.converge()
    vpc.on(HOST, "sh /etc/edgewrap/network.sh")
    before = facts_of(vpc)
    change(runner)
    assert "10.0.128.128" in vpc.on(HOST, "ip -4 address show dev ens7")
    vpc.on(HOST, ROLL_BACK)
    assert facts_of(vpc) == before
    assert vpc.on(HOST, "ip -4 address show dev ens7") == ""


def test_what_was_changed_by_hand_before(vpc: Vpc, runner: Runner) -> None:
    """Files are restored as they were by hand; the network is as the files say. SSH may depend on what was in the table
    of the firewall."""
    runner.converge()
    converged = facts_of(vpc)
    vpc.on(HOST, DRIFT)
    before = facts_of(vpc)
    change(runner)
    vpc.on(HOST, ROLL_BACK)
    after = facts_of(vpc)
    assert after.files == before.files != converged.files
    network = attrgetter("links", "routes", "rules", "proxies", "static_fdb", "bgp")
    assert network(after) == network(converged)
    assert after.tables["firewall"].live == before.tables["firewall"].live != converged.tables["firewall"].live
    assert "failed" not in vpc.on(HOST, f"cat {LOG}")
    vpc.on(HOST, "rm '/etc/edgewrap/a file of others'")


def test_the_address_and_the_routes_of_ssh_are_back(vpc: Vpc, runner: Runner, other: Runner) -> None:
    """A change that removes them cuts SSH off, whatever else it does."""
    runner.converge()
    vpc.on(HOST, "ip route add 192.0.2.128/25 via 10.0.0.1 metric 50")
    before = facts_of(vpc)
    change(other, more="ip -4 address flush dev eth0\n", rollback_s=0)
    assert ended(vpc) == "rolled back: it was not confirmed in time"
    assert facts_of(vpc) == before
    assert "192.0.2.128/25 via 10.0.0.1 dev eth0 metric 50" in vpc.on(HOST, "ip route")
    vpc.on(HOST, "ip route del 192.0.2.128/25")


def test_a_boot_before_the_confirmation(vpc: Vpc, runner: Runner, other: Runner) -> None:
    """The unit at boot restores the files, and the network is made from these (there is no systemd here)."""
    runner.converge()
    before = facts_of(vpc)
    change(other)
    vpc.shut_down(HOST)
    vpc.boot(HOST)
    for group in ("group-0", "group-1"):
        vpc.attach(group, HOST)
    vpc.await_listener(HOST, 22)
    assert [one.key for one in runner.changes() if "rollback" in one.key] == [f"{HOST}/rollback/last change"]
    vpc.on(HOST, f"{ROLL_BACK}; sh /etc/edgewrap/network.sh; /usr/lib/frr/frrinit.sh start")
    until(lambda: facts_of(vpc).bgp.running)
    assert facts_of(vpc) == before


def test_a_run_that_died_before_the_confirmation(vpc: Vpc, runner: Runner, other: Runner) -> None:
    """A later run sees the change while its time is not up, and confirms it: its connection is newer."""
    runner.converge()
    change(other)
    assert [each.key for each in other.changes() if each.key.startswith(HOST)] == [f"{HOST}/rollback/last change"]
    other.converge()
    assert HOST in other.changed
    assert ended(vpc).startswith("confirmed by ")
    assert "an earlier run's change is confirmed by this connection" in [event.text for event in other.events]


def test_a_step_that_fails(vpc: Vpc, runner: Runner, other: Runner) -> None:
    """Everything is as before at once, without waiting for the time."""
    runner.converge()
    before = facts_of(vpc)
    vpc.on(HOST, f"cat >/usr/local/sbin/nft <<'END'\n{STUBBORN_NFT}END\nchmod 755 /usr/local/sbin/nft")
    failure = other.only(HOST).try_converge().failures[HOST]
    vpc.on(HOST, "rm /usr/local/sbin/nft")
    assert failure.what == f"{HOST}: step 'nftables' failed with status 7; the host rolled the change back"
    assert failure.cause == "not today"
    assert ended(vpc) == "rolled back: a step of it failed"
    assert facts_of(vpc) == before


def test_a_change_that_hangs_is_ended(vpc: Vpc, runner: Runner, other: Runner) -> None:
    runner.converge()
    before = facts_of(vpc)
    wanted = desired_hosts(other.spec, other.outputs)(HOST)
    script = converge_script(wanted, diff(wanted, before)) + "exec 9>/run/edgewrap-network.lock; flock 9; sleep 1000"
    vpc.on(HOST, f"sh -c {quote(with_rollback(script, 'ubuntu', at_most_s=2, rollback_s=LONG_S))} || [ $? = 137 ]")
    assert ended(vpc) == "rolled back: it was not confirmed in time"
    assert facts_of(vpc) == before


def test_cut_off(vpc: Vpc, make_runner: Callable[..., Runner], tmp_path: Path) -> None:
    """An operator behind a pool of addresses closes SSH to all but the address of the connection that does it. The host
    opens it again; the others, reached from one address, are changed."""
    make_runner().converge()
    before = facts_of(vpc)
    pool = [f"198.51.100.{number}" for number in (201, 202, 203, 204)]  # plan, apply's look, change, confirmation
    vpc.sh("".join(f"ip address add {address}/32 dev lo\n" for address in pool))
    one = vpc.outputs.hosts[HOST].private_address
    command = f"case {{host}} in {one}) set -- {' '.join(pool)} ;; *) set -- {pool[0]} ;; esac; "
    runner = make_runner(
        **{"from": ["192.0.2.0/24"]},
        proxy_command=f"{command} exec {sys.executable} {nat_pool.__file__} {{host}} {tmp_path} $*",
    )
    seen = runner.observe()
    with vpc.inside():
        plane = HostsPlane(runner.spec, runner.events.append, rollback_s=3)
        context = Context(runner.outputs, wait_s=10)
        done = plane.apply(plane.plan(seen, context), context)
    assert done.failures.keys() == {HOST}
    failure = done.failures[HOST]
    assert failure.what == f"{HOST}: the change cut SSH off; the host rolled it back and is as before"
    assert failure.cause.startswith("no new SSH connection within 3 s after the change")
    assert "ssh.from" in failure.advice
    assert facts_of(vpc) == before
    reports = plane.reports(done, context)
    assert {key for key, report in reports.items() if report.ready} == vpc.outputs.hosts.keys() - {HOST}
    assert ended(vpc) == "rolled back: it was not confirmed in time"

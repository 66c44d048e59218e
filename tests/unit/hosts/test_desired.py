"""From spec and outputs to the picture of a host, and from there to its files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgewrap.hosts.authorized_keys import BLOCK_BEGIN, BLOCK_END
from edgewrap.hosts.desired import DesiredHost, Firewall, Group, bridge_mtu, desired_hosts, zones_of
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.render.files import GLOBAL_SYSCTLS, host_files, script
from edgewrap.hosts.render.nftables import firewall_table
from edgewrap.hosts.script import converge_script, failed_step
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.spec.models import Spec
from tests.unit.hosts.recorded import outputs, spec, wanted


def _zones(host: DesiredHost) -> dict[str, int]:
    return dict(zones_of(host.blocks, host.blocked_destinations[0]))


def test_an_entry_host() -> None:
    host = wanted("host-0")
    assert (host.bridge_mac, host.gateway_mac) == ("02:ee:0a:00:00:0a", "02:ed:0a:00:00:0a")
    assert host.groups[1] == Group(
        "group-1", 1, "0e:00:00:00:00:02", "10.0.128.128", "10.0.128.128/25", router="10.0.0.1"
    )
    assert (host.groups[1].table, host.groups[1].priority) == (10002, 1002)
    assert len(host.groups[1].gateways) == 63
    assert (host.groups[1].gateways[0], host.groups[1].gateways[-1]) == ("10.0.128.131", "10.0.128.255")
    assert host.blocks == ("10.0.128.0/25", "10.0.128.128/25")
    assert host.blocked_destinations == ("10.0.0.0/17", "10.0.128.0", "10.0.128.128")


def test_an_elastic_ip_changes_no_host() -> None:
    """Hosts carry every pair of their groups' blocks, whether an Elastic IP uses it or not."""
    one = outputs().eips["eip-0"]
    more = {"eip-2": replace(one, key="eip-2", private_address="10.0.128.4", gateway="10.0.128.5")}
    for eips in ({}, more, {**outputs().eips, **more}):
        desired = desired_hosts(spec(), replace(outputs(), eips=eips))
        for key in outputs().hosts:
            assert host_files(desired(key)) == host_files(wanted(key))
            assert desired(key) == wanted(key)


def test_the_smallest_block_holds_one_pair() -> None:
    group = replace(outputs().groups["group-0"], block="10.0.128.0/30")
    host = desired_hosts(spec(), replace(outputs(), groups={group.key: group}))("host-0")
    assert host.groups[0].gateways == ("10.0.128.3",)
    assert _zones(host) == {"10.0.128.2": 2}


def test_a_host_without_groups_has_its_own_macs_and_all_blocks() -> None:
    host = wanted("host-1")
    assert (host.bridge_mac, host.gateway_mac) == ("02:ee:0a:00:00:0b", "02:ed:0a:00:00:0b")
    assert host.groups == ()
    assert host.blocks == wanted("host-0").blocks
    assert host.blocked_destinations == wanted("host-0").blocked_destinations
    assert "ether daddr" not in _file("/etc/edgewrap/edge.nft", "host-1")


def _file(path: str, key: str = "host-0") -> str:
    return next(file.text for file in host_files(wanted(key)) if file.path == path)


def test_the_data_of_the_network_script() -> None:
    lines = _file("/etc/edgewrap/network.conf").splitlines()
    assert lines[1:6] == [f"sysctl {name} {value}" for name, value in GLOBAL_SYSCTLS.items()]
    assert lines[6:] == [
        "bridge 02:ee:0a:00:00:0a 02:ed:0a:00:00:0a 10.0.0.10 16000000",
        "table 10000 1000",
        "group 0 0e:00:00:00:00:01 10.0.128.0 10.0.128.0/25 10.0.0.1 10001 1001",
        "group 1 0e:00:00:00:00:02 10.0.128.128 10.0.128.128/25 10.0.0.1 10002 1002",
        "block 10.0.128.0/25",
        "block 10.0.128.128/25",
        "accept INPUT -s 10.0.0.0/17 -d 10.0.0.10",
        "accept FORWARD -i gw-edge",
        "accept FORWARD -o gw-edge",
        "accept FORWARD -m physdev --physdev-is-bridged --physdev-in vx-edge --physdev-out gw-port",
        "accept FORWARD -m physdev --physdev-is-bridged --physdev-in gw-port --physdev-out vx-edge",
    ]


def test_the_filter_never_touches_what_is_not_ours() -> None:
    table = _file("/etc/edgewrap/edge.nft")
    assert "flush ruleset" not in table
    assert "policy drop" not in table
    assert "ct state invalid" not in table
    assert {line.split()[2] for line in table.splitlines() if line.startswith(("table", "delete"))} >= {"edge"}
    assert "ip daddr { 10.0.0.0/17, 10.0.128.0, 10.0.128.128 } counter drop" in table


@pytest.mark.parametrize("path", ["/etc/edgewrap/network.conf", "/etc/edgewrap/edge.nft"])
def test_a_text_with_an_unknown_mac_has_an_unknown_checksum(path: str) -> None:
    host = desired_hosts(spec(), outputs(mac=UNKNOWN))("host-0")
    assert next(file for file in host_files(host) if file.path == path).sha256 == UNKNOWN
    operations = diff(host, HostFacts())
    change = next(operation.change for operation in operations if operation.change.key == f"host-0/file/{path}")
    assert change.after["sha256"] == UNKNOWN


@pytest.mark.parametrize("name", ["network.sh", "facts.sh", "frr.sh", "rollback.sh", "block.sh"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_scripts_are_shell(name: str, shell: str) -> None:
    subprocess.run([shell, "-n"], input=script(name), text=True, check=True)


def test_the_step_that_failed_is_the_last_one_announced() -> None:
    assert failed_step("##edgewrap:step files\nx\n##edgewrap:step write /etc/a b\n") == "write /etc/a b"
    assert failed_step("") == "start"


OWN = "ssh-ed25519 AAAA own\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOArIgnsQuBtihEr9vV269zuAjyWK06tYxrSy2R9U8ir ada@example.org"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OWN, OWN),
        (f"{OWN}{BLOCK_BEGIN}\nold\n{BLOCK_END}\n", OWN),
        (f"{BLOCK_BEGIN}\nold\n{BLOCK_END}\n{OWN}", OWN),
        (f"{BLOCK_BEGIN}\n{OWN}", OWN),
        (f"{BLOCK_END}\n{OWN}", f"{BLOCK_END}\n{OWN}"),
        (f"{BLOCK_BEGIN}\nlost\n{BLOCK_BEGIN}\nold\n{BLOCK_END}\n{OWN}", f"lost\n{OWN}"),
        (OWN.strip(), OWN),
    ],
    ids=["none", "after", "before", "no end", "no begin", "begun twice", "no line end"],
)
def test_only_our_block_of_keys_is_replaced(tmp_path: Path, before: str, after: str) -> None:
    """The shell that edits the file, run on a file of the test's own."""
    host = wanted("host-1", authorized_keys=[KEY])
    operations = [operation for operation in diff(host, HostFacts()) if operation.change.kind == "authorized keys"]
    lines = converge_script(host, operations).replace('getent passwd "$1"', f"echo :::::{tmp_path}")
    keys = tmp_path / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text(before)
    keys.chmod(0o640)
    for _ in range(2):
        subprocess.run(["sh"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
        assert keys.read_text() == f"{after}{BLOCK_BEGIN}\n{KEY}\n{BLOCK_END}\n"
    assert keys.stat().st_mode & 0o777 == 0o640
    assert list(keys.parent.iterdir()) == [keys]


@pytest.mark.parametrize("character", ["\v", "\f", "\r", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_key_never_becomes_two_lines(character: str) -> None:
    """The spec refuses such a comment. Were one let through, the host would still have one key, within our markers."""
    key = f"{KEY}{character}{BLOCK_END}{character}{KEY}"
    ssh = spec().ssh.model_copy(update={"authorized_keys": (key,)})
    host = desired_hosts(spec().model_copy(update={"ssh": ssh}), outputs())("host-0")
    assert host.authorized_keys == (key,)


def test_the_ssh_library_is_imported_only_when_it_is_used() -> None:
    code = "import sys, edgewrap.hosts.plane, edgewrap.hosts.ssh.connection; sys.exit('asyncssh' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _moved(mac: str = "0e:00:00:00:00:01") -> tuple[Outputs, Outputs]:
    """AWS before and after group-1 moves from host-0 to host-1 while host-0 is retired."""
    before = outputs(mac)
    group = replace(before.groups["group-1"], host="host-1")
    after = replace(
        before,
        hosts={"host-1": before.hosts["host-1"]},
        groups={**before.groups, "group-1": group},
    )
    return before, after


def test_during_a_move_both_hosts_have_the_group() -> None:
    before, after = _moved()
    leaving, coming = (desired_hosts(spec(), after, before)(key) for key in ("host-0", "host-1"))
    assert [group.key for group in leaving.groups] == ["group-0", "group-1"]
    assert leaving.incoming_groups == ()
    assert coming.groups == ()
    assert [group.key for group in coming.incoming_groups] == ["group-1"]
    network = next(file.text for file in host_files(coming) if file.path == "/etc/edgewrap/network.conf")
    assert "group 1 0e:00:00:00:00:02 " in network
    paths = {file.path for file in host_files(coming)}
    assert "/etc/systemd/network/05-edgewrap-groups.network" in paths


def test_a_group_without_an_interface_is_configured_by_the_converge() -> None:
    before, after = _moved()
    unmade = replace(before.groups["group-1"], mac=UNKNOWN)
    host = desired_hosts(spec(), after, replace(before, groups={**before.groups, "group-1": unmade}))("host-1")
    assert host.incoming_groups == ()


@pytest.mark.parametrize(("underlay", "mtu"), [(9001, 1500), (1550, 1500), (1549, 1499), (1500, 1450), (0, 1500)])
def test_the_mtu_of_the_bridge(underlay: int, mtu: int) -> None:
    assert bridge_mtu(underlay) == mtu


def test_a_vms_conntrack_zone_depends_on_its_address_alone() -> None:
    zones = _zones(wanted("host-0"))
    assert (zones["10.0.128.2"], zones["10.0.128.130"]) == (2, 66)
    _, after = _moved()
    assert _zones(desired_hosts(spec(), after)("host-1")) == zones


def test_the_firewall_opens_consoles_to_the_networks_of_the_spec_only() -> None:
    firewall = Firewall(("192.0.2.0/24",), "10.0.0.0/17", vnc_from=("192.0.2.9/32", "198.51.100.0/24"))
    rule = "ip saddr { 192.0.2.9/32, 198.51.100.0/24 } tcp dport 5900-65535 accept"
    assert rule in firewall_table(firewall, "10.0.0.10")
    assert "5900" not in firewall_table(replace(firewall, vnc_from=()), "10.0.0.10")


def test_without_a_firewall_there_is_no_firewall_table() -> None:
    document = spec().model_dump(mode="json", by_alias=True)
    document["hosts"]["firewall"] = False
    host = desired_hosts(Spec.model_validate(document), outputs())("host-0")
    assert host.firewall is None
    assert not any("firewall" in file.path for file in host_files(host))
    assert "ip saddr { 192.0.2.0/24 } tcp dport 22 accept" in _firewall("192.0.2.0/24")
    assert "{  }" not in _firewall()


def _with_public(before: Outputs, **addresses: str) -> Outputs:
    """The same with these public addresses of hosts (`host_0`)."""
    given = {key.replace("_", "-"): address for key, address in addresses.items()}
    hosts = {key: replace(host, public_address=given.get(key, "")) for key, host in before.hosts.items()}
    return replace(before, hosts=hosts)


def test_the_firewall_lets_in_the_public_addresses_of_all_hosts_and_of_no_vm() -> None:
    now = _with_public(outputs(), host_0="198.51.100.10", host_1="198.51.100.11")
    for key in now.hosts:
        text = _text(now, key)
        assert "ip saddr { 198.51.100.10, 198.51.100.11 } tcp dport { 22, 49152-49215 } accept" in text
        assert not any(eip.public_address in text for eip in now.eips.values())
    assert "tcp dport { 22, 49152-49215 }" not in _text(outputs())  # none has one


def _text(now: Outputs, key: str = "host-0") -> str:
    host = desired_hosts(spec(), now)(key)
    return next(file.text for file in host_files(host) if file.path == "/etc/edgewrap/firewall.nft")


def test_an_unknown_public_address_gives_an_unknown_checksum() -> None:
    host = desired_hosts(spec(), _with_public(outputs(), host_0="198.51.100.10", host_1=UNKNOWN))("host-0")
    assert next(file for file in host_files(host) if file.path == "/etc/edgewrap/firewall.nft").sha256 == UNKNOWN


def test_while_aws_replaces_a_host_the_firewall_has_its_old_address_and_no_unknown_one() -> None:
    before = _with_public(outputs(), host_0="198.51.100.10", host_1="198.51.100.11")
    after = _with_public(outputs(), host_0="198.51.100.10", host_1=UNKNOWN)
    now, meanwhile = (desired_hosts(spec(), *each)("host-0").firewall for each in ((before,), (after, before)))
    assert now is not None
    assert now == meanwhile
    assert now.public_addresses == ("198.51.100.10", "198.51.100.11")


def _firewall(*networks: str) -> str:
    host = wanted("host-0", **{"from": networks, "proxy_command": "x"})
    return next(file.text for file in host_files(host) if file.path == "/etc/edgewrap/firewall.nft")

"""Hosts by the names that OpenNebula uses, with SSH closed to everybody else: copies, migrations, the front-end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgewrap.lab.vms.migration import FrontEndLogin
from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.e2e.test_security_groups_and_migration import KEY, STALL_S, elsewhere, vm
from tests.support.packets import pings

FRONT_END = "one.example"


def names(edge: Edge) -> dict[str, str]:
    """The hosts' names in OpenNebula, by key."""
    return {key: host["name"] for key, host in edge.outputs["hosts"].items()}


def as_oneadmin(edge: Edge, source: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a host as the front-end's drivers do: by its name, with the agent forwarded."""
    directory = edge.lab.directory / "frontend"
    login = FrontEndLogin(directory / "id_ed25519", directory / "known_hosts")
    return edge.lab.run("sh", "-c", login.command(names(edge)[source], command), check=False)


def test_names_lead_outside_to_the_public_address_and_inside_to_the_private_one(edge: Edge) -> None:
    for host in edge.outputs["hosts"].values():
        assert host["name"] == f"ec2-{host['public_address'].replace('.', '-')}.eu-west-3.compute.amazonaws.com"
        lookup = ("getent", "-s", "dns", "ahostsv4", host["name"])
        assert edge.lab.run(*lookup).stdout.split()[0] == host["public_address"]
        assert edge.lab.run(*lookup, place="host-0").stdout.split()[0] == host["private_address"]
        assert (
            edge.lab.run("getent", "-s", "files", "hosts", host["name"], place="host-1").stdout.split()[0]
            == (host["private_address"])
        )
    pool = edge.lab.one("one.hostpool.info")
    assert all(f"<NAME>{name}</NAME>" in pool for name in names(edge).values())


@pytest.mark.parametrize("source", ["host-0", "host-1", "host-2"])
def test_every_host_reaches_every_host_over_ssh_by_its_name(edge: Edge, source: str) -> None:
    """By the private address that the name has on hosts, and by the public one that a name server outside gives."""
    hosts = edge.outputs["hosts"].values()
    for target in (text for host in hosts for text in (host["name"], host["public_address"])):
        done = as_oneadmin(edge, source, f"ssh -o BatchMode=yes -o ConnectTimeout=3 {target} hostname")
        assert done.returncode == 0, (target, done.stderr)


def test_a_disk_is_copied_from_host_to_host_as_a_cold_migration_does(edge: Edge) -> None:
    here, there = "host-1", "host-2"
    disks = "mkdir -p datastores/100/7 && echo disk >datastores/100/7/disk.0"
    copy = "tar -C datastores/100 --sparse -cf - 7 | ssh {} 'mkdir -p datastores/101; tar -C datastores/101 -xf -'"
    done = as_oneadmin(edge, here, f"set -e; {disks}; {copy.format(names(edge)[there])}; rm -r datastores")
    assert done.returncode == 0, done.stderr
    assert as_oneadmin(edge, there, "cat datastores/101/7/disk.0; rm -r datastores").stdout == "disk\n"


@contextmanager
def without_migration_host(edge: Edge, host: str) -> Iterator[None]:
    """A host that its peers do not know by the name that it has itself, as people name their machines."""
    own = edge.lab.run("hostname", place=host).stdout.strip()
    edge.lab.run("sh", "-c", "sed -i /migration_host/d /etc/libvirt/qemu.conf; hostname edge-7", place=host)
    try:
        yield
    finally:
        edge.lab.run("hostname", own, place=host)


def test_a_live_migration_needs_the_address_that_apply_gives_to_libvirt(edge: Edge) -> None:
    entry, there = edge.entry(KEY), elsewhere(edge)
    with vm(edge, KEY, entry, "--ip", edge.private(KEY)), without_migration_host(edge, there):
        refused = edge.lab.tool("lab", "vm", "move", KEY, "--host", there, check=False)
        assert refused.returncode != 0
        assert "unable to connect to server at 'edge-7:49152'" in refused.stdout + refused.stderr
        planned = edge.edgewrap("plan", "--only", "hosts")[1]
        assert f"+ {there}  (migrations /etc/libvirt/qemu.conf)  (drift: missing)" in planned
        edge.apply("--only", "hosts")
        edge.lab.tool("lab", "vm", "move", KEY, "--host", there)
    assert edge.apply("--only", "hosts")[1].startswith("hosts: nothing to do")


@pytest.fixture
def front_end(edge: Edge) -> Iterator[Path]:
    """The spec, with the front-end's name."""
    kept = edge.spec.read_text()
    edge.spec.write_text(f"{kept}opennebula: {{ front_end: {{ name: {FRONT_END} }} }}\n")
    yield edge.spec
    edge.spec.write_text(kept)
    edge.apply("--only", "hosts")


def test_hosts_copy_back_to_the_front_ends_name(edge: Edge, front_end: Path) -> None:
    """What `onevm stop` and `undeploy` do; status and preflight say beforehand whether it works."""
    seen = edge.edgewrap("status")[1]
    assert f"from host-0, host-1, host-2, {FRONT_END}: its name cannot be resolved" in seen
    assert "set opennebula.front_end.address, then apply" in seen
    front_end.write_text(front_end.read_text().replace(FRONT_END, f"{FRONT_END}, address: 192.0.2.2"))
    assert f"192.0.2.2 {FRONT_END}" in edge.apply("--only", "hosts")[1]
    assert FRONT_END not in edge.edgewrap("status")[1]
    found = json.loads(edge.edgewrap("preflight", "--only", "hosts", "--json")[1])
    text = f"{FRONT_END} answers host-0, host-1, host-2 at the ports 22 and 4124"
    assert text in [one["text"] for one in found["findings"]]
    copy = f"echo disk >disk.0; tar -cf - disk.0 | ssh {FRONT_END} 'tar -xOf -; id -un'; rm disk.0"
    done = as_oneadmin(edge, "host-2", copy)
    assert done.stdout == "disk\noneadmin\n", done.stderr


@pytest.mark.full
def test_a_front_end_of_6_10_opens_the_consoles_of_vms_on_the_hosts(edge: Edge) -> None:
    """AWS's security group and the host's own firewall both let it in, and nobody else."""
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 5907), 1)"

    def tried(place: str = "") -> str:
        address = edge.outputs["hosts"]["host-0"]["public_address"]
        return edge.lab.run(sys.executable, "-c", connect, address, place=place, check=False).stderr.strip()

    assert tried().endswith("timed out")
    kept = edge.spec.read_text()
    edge.spec.write_text(f"{kept}opennebula: {{ vnc_from: [192.0.2.2/32] }}\n")
    try:
        assert "hosts-ingress-vnc-192.0.2.2/32" in edge.apply()[1]
        assert "Connection refused" in tried()  # nothing listens there
        assert tried("internet").endswith("timed out")
    finally:
        edge.spec.write_text(kept)
        edge.apply()
    assert tried().endswith("timed out")


@pytest.mark.full
def test_a_cluster_of_an_earlier_edgewrap_is_renamed_under_a_running_vm(edge: Edge) -> None:
    """Its hosts are named by their addresses, know no names, and its VPC has no DNS hostnames."""
    with edge.lab.network():
        edge.lab.ec2.modify_vpc_attribute(VpcId=edge.outputs["vpc_id"], EnableDnsHostnames={"Value": False})
    pool = ElementTree.fromstring(edge.lab.one("one.hostpool.info"))  # noqa: S314
    ids = {found.findtext("NAME"): int(found.findtext("ID") or "") for found in pool}
    for host in edge.outputs["hosts"].values():
        edge.lab.one("one.host.rename", ids[host["name"]], host["public_address"])
        edge.lab.run("sed", "-i", "/edgewrap: begin/,/edgewrap: end/d", "/etc/hosts", place=host["private_address"])
    with vm(edge, KEY, edge.entry(KEY), "--ip", edge.private(KEY)):
        with pings(edge.lab, "internet", edge.public(KEY), interval_s=0.05) as pinged:
            applied = edge.apply()[1]
        edge.lab.tool("lab", "vm", "move", KEY, "--host", elsewhere(edge))
    assert "enable_dns_hostnames: 'false' -> 'true'" in applied
    for host in edge.outputs["hosts"].values():
        assert f"NAME: '{host['public_address']}' -> '{host['name']}'" in applied
    assert pinged.longest_s < STALL_S
    assert edge.apply() == (0, NOTHING_TO_DO)


def test_hosts_keep_the_lines_of_others(edge: Edge) -> None:
    edge.lab.run("sh", "-c", "echo 192.0.2.77 own.example >>/etc/hosts; sed -i /compute/d /etc/hosts", place="host-0")
    changed = edge.apply("--only", "hosts")[1]
    assert "+ host-0  (names /etc/hosts)  (drift: missing)" in changed
    hosts = edge.lab.run("cat", "/etc/hosts", place="host-0").stdout
    assert "192.0.2.77 own.example" in hosts.splitlines()
    assert all(f"{host['private_address']} {host['name']}" in hosts for host in edge.outputs["hosts"].values())
    edge.lab.run("sed", "-i", "/own.example/d", "/etc/hosts", place="host-0")

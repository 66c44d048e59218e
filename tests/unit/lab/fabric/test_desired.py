"""From the snapshot of AWS to the desired state of the fabric."""

from __future__ import annotations

from edgewrap.lab.fabric.desired import desired_vpcs
from edgewrap.lab.fabric.rules import public_routes
from tests.support.snapshots import INSTANCE, OTHER, address, interface, rule, snapshot

NAMESPACES = {INSTANCE: f"{INSTANCE}.1"}


def test_only_interfaces_of_running_hosts_are_ports() -> None:
    cloud = snapshot(interface(10), interface(11, OTHER), interface(12, ""), interface(13, index=2))
    (vpc,) = desired_vpcs(cloud, NAMESPACES)
    assert [(port.nic, port.primary, port.namespace) for port in vpc.ports] == [
        ("ens5", "10.0.0.10", f"{INSTANCE}.1"),
        ("ens7", "10.0.0.13", f"{INSTANCE}.1"),
    ]


def test_a_vpc_without_hosts_is_left_out() -> None:
    assert desired_vpcs(snapshot(interface(10)), {}) == ()


def test_vpcs_with_the_same_cidr_are_separate() -> None:
    cloud = snapshot(interface(10), interface(11, OTHER, subnet_id="subnet-2"))
    first, second = desired_vpcs(cloud, {**NAMESPACES, OTHER: "other"})
    assert [port.primary for port in first.ports] == ["10.0.0.10"]
    assert [port.primary for port in second.ports] == ["10.0.0.11"]
    assert (first.cidr, second.cidr) == ("10.0.0.0/16", "10.0.0.0/16")
    assert [port.router for port in (*first.ports, *second.ports)] == ["10.0.0.1", "10.0.64.1"]


def test_a_reboot_makes_a_new_port_and_a_secondary_address_does_not() -> None:
    plain = interface(10)
    grown = interface(10, secondary_addresses=("10.0.0.20",))
    wires = [
        desired_vpcs(snapshot(which), {INSTANCE: boot})[0].ports[0].wire
        for which, boot in ((plain, "boot-1"), (grown, "boot-1"), (plain, "boot-2"))
    ]
    assert wires[0] == wires[1] != wires[2]


def test_names_of_ports_are_short_enough_for_the_kernel_and_unique() -> None:
    (vpc,) = desired_vpcs(snapshot(interface(10), interface(11, index=1)), NAMESPACES)
    names = {port.name for port in vpc.ports}
    assert len(names) == 2
    assert all(len(name) <= 15 for name in names)


def test_public_addresses_belong_to_interfaces_of_the_vpc() -> None:
    group = interface(128, index=1, secondary_addresses=("10.0.0.130",))
    elsewhere = interface(11, OTHER, subnet_id="subnet-2")
    cloud = snapshot(
        group,
        elsewhere,
        addresses=(
            address("203.0.113.1", group, "10.0.0.130"),
            address("203.0.113.2", elsewhere),
            address("203.0.113.3", group).model_copy(update={"interface_id": "", "private_address": ""}),
        ),
    )
    (vpc,) = desired_vpcs(cloud, NAMESPACES)
    assert vpc.public == {"10.0.0.130": "203.0.113.1"}
    assert public_routes([vpc]) == {"203.0.113.1": "vpc-1"}


def test_members_of_a_peer_group_are_all_its_interfaces_attached_or_not() -> None:
    cloud = snapshot(
        interface(10),
        interface(30, "", security_groups=("sg-peer",), secondary_addresses=("10.0.0.31",)),
        rules=(rule(cidr="", peer_group="sg-peer"), rule("sg-unused", cidr="", peer_group="sg-hosts")),
    )
    (vpc,) = desired_vpcs(cloud, NAMESPACES)
    assert vpc.members == {"sg-peer": ("10.0.0.30", "10.0.0.31")}
    assert [each.group_id for each in vpc.rules] == ["sg-hosts"]

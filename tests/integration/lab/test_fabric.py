"""The fabric follows AWS: real packets, and boto3 alone."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.integration.lab.conftest import Pair
from tests.support.lab_cloud import Instance, rule, wait_until

_BLOCKS = itertools.count(128, 8)
SOON_S = 1.0


class Group:
    """An interface with one VM address, an Elastic IP on it, and a server behind it that returns its host's name."""

    def __init__(self, pair: Pair) -> None:
        base = next(_BLOCKS)
        self.primary, self.address = f"10.0.0.{base}", f"10.0.0.{base + 2}"
        self.interface = pair.cloud.make_interface(pair.network, self.primary, self.address)
        self.allocation, self.public = pair.cloud.make_eip()
        pair.cloud.associate(self.allocation, self.interface, self.address)
        self._cloud = pair.cloud

    def detach(self) -> None:
        """Detach the interface from where it is."""
        found = self._cloud.call("describe_network_interfaces", NetworkInterfaceIds=[self.interface])
        attachment = found["NetworkInterfaces"][0].get("Attachment", {})
        if attachment.get("Status") == "attached":
            self._cloud.call("detach_network_interface", AttachmentId=attachment["AttachmentId"])

    def release(self) -> None:
        """Give the Elastic IP back."""
        address = self._cloud.call("describe_addresses", AllocationIds=[self.allocation])["Addresses"][0]
        if "AssociationId" in address:
            self._cloud.call("disassociate_address", AssociationId=address["AssociationId"])
        self._cloud.call("release_address", AllocationId=self.allocation)


@pytest.fixture
def group(pair: Pair) -> Iterator[Group]:
    made = Group(pair)
    yield made
    made.detach()
    made.release()


def attach(pair: Pair, group: Group, host: Instance, index: int = 1) -> str:
    """Attach the group and wait until cloud-init has put its addresses on the NIC."""
    attachment = pair.cloud.attach(group.interface, host, index)
    wait_until(lambda: group.address in pair.cloud.on(host, "ip -br address"))
    return attachment


def answers(pair: Pair, group: Group) -> bool:
    return pair.cloud.opens(group.public, 22).startswith("open SSH")


def whose(pair: Pair, address: str) -> str:
    """The name of the host that answers; a connection that was opened before a change may hang, and is tried again."""
    return pair.cloud.ssh(address, "hostname", options=("-o", "ConnectTimeout=1")).stdout.strip()


def test_an_eip_reaches_the_host_of_its_interface(pair: Pair, group: Group) -> None:
    assert pair.cloud.opens(group.public, 22) == "silent"
    attachment = attach(pair, group, pair.first)
    assert whose(pair, group.public) == "ip-10-0-0-10"
    pair.cloud.call("detach_network_interface", AttachmentId=attachment)
    wait_until(lambda: pair.cloud.opens(group.public, 22) == "silent", SOON_S)
    assert "ens6" not in pair.cloud.on(pair.first, "ip -br link")
    attach(pair, group, pair.second)
    assert whose(pair, group.public) == "ip-10-0-0-11"


def test_an_attached_nic_has_its_mac_and_the_vpcs_mtu(pair: Pair, group: Group) -> None:
    attach(pair, group, pair.first, 3)
    described = pair.cloud.call("describe_network_interfaces", NetworkInterfaceIds=[group.interface])
    mac = described["NetworkInterfaces"][0]["MacAddress"]
    link = pair.cloud.on(pair.first, "ip link show ens8")
    assert mac in link
    assert "mtu 9001" in link


def test_a_reassociated_eip_reaches_the_new_host_at_once(pair: Pair, group: Group) -> None:
    other = Group(pair)
    other.release()
    attach(pair, group, pair.first)
    attach(pair, other, pair.second)
    assert whose(pair, group.public) == "ip-10-0-0-10"
    pair.cloud.associate(group.allocation, other.interface, other.address)
    wait_until(lambda: whose(pair, group.public) == "ip-10-0-0-11", SOON_S + 2)
    association = pair.cloud.call("describe_addresses", AllocationIds=[group.allocation])["Addresses"][0]
    pair.cloud.call("disassociate_address", AssociationId=association["AssociationId"])
    wait_until(lambda: pair.cloud.opens(group.public, 22) == "silent", SOON_S)
    other.detach()


def test_a_revoked_rule_closes_a_port_for_the_next_connection(pair: Pair, group: Group) -> None:
    own = pair.cloud.make_group(pair.network.vpc, f"own-{group.primary}", rule("tcp", 22))
    pair.cloud.call("modify_network_interface_attribute", NetworkInterfaceId=group.interface, Groups=[own])
    attach(pair, group, pair.first)
    wait_until(lambda: answers(pair, group), SOON_S)
    before = pair.cloud.dropped()["denied_ingress"]
    pair.cloud.revoke(own, rule("tcp", 22))
    wait_until(lambda: pair.cloud.opens(group.public, 22) == "silent", SOON_S)
    assert pair.cloud.dropped()["denied_ingress"] > before
    pair.cloud.allow(own, rule("tcp", 22, "192.0.2.1/32"))
    wait_until(lambda: pair.cloud.opens(group.public, 22, place="internet").startswith("open"), SOON_S)
    assert pair.cloud.opens(group.public, 22) == "silent"  # from 192.0.2.2


def test_a_security_group_as_source_means_its_members_private_addresses(pair: Pair, group: Group) -> None:
    own = pair.cloud.make_group(pair.network.vpc, f"peer-{group.primary}")
    pair.cloud.allow(own, {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": pair.network.hosts_group}]})
    pair.cloud.call("modify_network_interface_attribute", NetworkInterfaceId=group.interface, Groups=[own])
    attach(pair, group, pair.first)
    knock = "timeout 1 bash -c '</dev/tcp/{}/22' && echo open || echo closed"
    assert pair.cloud.on(pair.second, knock.format(group.address)) == "open\n"
    assert pair.cloud.on(pair.second, knock.format(group.public)) == "closed\n"  # comes from its public address
    pair.cloud.allow(own, rule("tcp", 22, f"{pair.second.public}/32"))
    wait_until(lambda: pair.cloud.on(pair.second, knock.format(group.public)) == "open\n", 5)


def test_an_established_connection_survives_the_removal_of_its_rule(pair: Pair, group: Group) -> None:
    own = pair.cloud.make_group(pair.network.vpc, f"live-{group.primary}", rule("tcp", 22))
    pair.cloud.call("modify_network_interface_attribute", NetworkInterfaceId=group.interface, Groups=[own])
    attach(pair, group, pair.first)
    wait_until(lambda: answers(pair, group), SOON_S)
    script = "echo here; for i in 1 2 3 4; do sleep 0.5; done; echo still here"
    revoking = threading.Timer(0.7, pair.cloud.revoke, (own, rule("tcp", 22)))
    revoking.start()
    assert pair.cloud.ssh(group.public, script).stdout == "here\nstill here\n"
    revoking.join()
    assert pair.cloud.opens(group.public, 22) == "silent"


def test_a_foreign_source_is_dropped_and_counted(pair: Pair, group: Group) -> None:
    attach(pair, group, pair.first)
    before = pair.cloud.dropped()["foreign_source"]
    ping = "ping -c 3 -i 0.2 -W 1 -I {} {} >/dev/null && echo through || echo lost"
    assert pair.cloud.on(pair.first, ping.format("10.0.0.10", "10.0.0.11")) == "through\n"
    assert pair.cloud.dropped()["foreign_source"] == before
    pair.cloud.on(pair.first, "ip address add 10.0.0.99/32 dev ens5")
    assert pair.cloud.on(pair.first, ping.format("10.0.0.99", "10.0.0.11")) == "lost\n"
    # An address of another interface of the same host is foreign too.
    pair.cloud.on(pair.first, f"ip rule add pref 1 from {group.address} to 10.0.0.11 lookup 7")
    pair.cloud.on(pair.first, "ip route add 10.0.0.11 dev ens5 table 7")
    assert pair.cloud.on(pair.first, ping.format(group.address, "10.0.0.11")) == "lost\n"
    assert pair.cloud.dropped()["foreign_source"] == before + 6
    pair.cloud.call(
        "modify_network_interface_attribute",
        NetworkInterfaceId=pair.first.interface,
        SourceDestCheck={"Value": False},
    )
    wait_until(lambda: pair.cloud.on("fabric", "nft list set ip lab checked").count("p-") == 2, SOON_S)
    pair.cloud.call(
        "modify_network_interface_attribute", NetworkInterfaceId=pair.first.interface, SourceDestCheck={"Value": True}
    )
    pair.cloud.on(pair.first, "ip rule del pref 1; ip address del 10.0.0.99/32 dev ens5")


def test_a_host_without_a_public_address_has_no_internet_access(pair: Pair, group: Group) -> None:
    attach(pair, group, pair.first)
    ping = "ping -c 1 -W 1 -I {} 192.0.2.1 >/dev/null && echo through || echo lost"
    assert pair.cloud.on(pair.first, ping.format(group.address)) == "through\n"
    before = pair.cloud.dropped()["no_public_address"]
    assert pair.cloud.on(pair.first, ping.format(group.primary)) == "lost\n"
    assert pair.cloud.dropped()["no_public_address"] == before + 1


def test_source_addresses_are_translated_outwards_and_kept_inwards(pair: Pair) -> None:
    seen = pair.cloud.ssh(pair.first.public, "echo $SSH_CLIENT").stdout.split()[0]
    assert seen == "192.0.2.2"
    with pair.cloud.entered("internet"):
        listener = socket.create_server(("192.0.2.1", 8080))
    with listener:
        pair.cloud.on(pair.first, "timeout 2 bash -c '</dev/tcp/192.0.2.1/8080'")
        _, peer = listener.accept()
    assert peer[0] == pair.first.public


def test_the_vpc_carries_jumbo_frames_and_the_gateway_does_not(pair: Pair) -> None:
    ping = "ping -c 1 -W 1 -M do -s {} {} 2>&1 || true"
    assert " 0% packet loss" in pair.cloud.on(pair.first, ping.format(8973, "10.0.0.11"))
    assert " 0% packet loss" in pair.cloud.on(pair.first, ping.format(1472, "192.0.2.1"))
    pair.cloud.on(pair.first, "ip route flush cache")
    assert "mtu = 1500" in pair.cloud.on(pair.first, ping.format(1473, "192.0.2.1")).lower().replace("mtu=", "mtu = ")


def test_unassigned_addresses_do_not_answer(pair: Pair) -> None:
    assert pair.cloud.opens("203.0.113.250", 80) == "silent"  # nobody's public address
    assert pair.cloud.opens("10.0.0.10", 22) in ("Network is unreachable", "No route to host")
    assert pair.cloud.opens("8.8.8.8", 53) in ("Network is unreachable", "No route to host")
    knock = "timeout 1 bash -c '</dev/tcp/{}/80' 2>&1 || echo $?"
    assert pair.cloud.on(pair.first, knock.format("169.254.169.253")) == "124\n"
    assert pair.cloud.on(pair.first, knock.format("10.0.1.77")) == "124\n"


def test_two_vpcs_with_the_same_cidr_are_isolated(pair: Pair) -> None:
    network = pair.cloud.make_network()
    other = pair.cloud.launch(network, 0, "other")
    pair.cloud.ready(other)
    assert other.private == pair.first.private
    assert other.public != pair.first.public
    pair.cloud.on(other, "hostname other")
    assert whose(pair, other.public) == "other"
    assert whose(pair, pair.first.public) == "ip-10-0-0-10"
    pair.cloud.call("terminate_instances", InstanceIds=[other.id])
    wait_until(lambda: network.vpc not in pair.cloud.status()["vpcs"])


def test_the_fabric_changes_only_what_differs(pair: Pair, group: Group) -> None:
    ports = pair.cloud.on("fabric", "ip -o link")
    pair.cloud.call("create_tags", Resources=[pair.first.id], Tags=[{"Key": "a", "Value": "b"}])
    pair.cloud.associate(group.allocation, group.interface, group.address)
    attach(pair, group, pair.second)
    assert [line for line in ports.splitlines() if line not in pair.cloud.on("fabric", "ip -o link")] == []


def test_lab_status_shows_all_counters_from_the_start(pair: Pair) -> None:
    assert set(pair.cloud.dropped()) == {
        *("foreign_source", "denied_egress", "denied_ingress"),
        *("no_route_to_gateway", "no_public_address", "not_associated"),
    }
    assert pair.cloud.status()["trouble"] == ""

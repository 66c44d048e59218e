"""What cloud-init and netplan make of a host's interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.lab.hosts.cloud_init import Nic, netplan_of, network_updates, networkd_files

PRIMARY = Nic("ens5", 0, "02:00:00:00:00:0a", "10.0.0.0/24", "10.0.0.1", ("10.0.0.10",))
GROUP = Nic("ens6", 1, "02:00:00:00:00:80", "10.0.0.0/24", "10.0.0.1", ("10.0.0.128", "10.0.0.130"))


def test_the_primary_interface_has_its_address_and_the_default_route() -> None:
    files = networkd_files(netplan_of([PRIMARY]))
    assert files == {
        "10-netplan-ens5.network": "[Match]\nMACAddress=02:00:00:00:00:0a\n\n[Network]\nLinkLocalAddressing=no\n"
        "IPv6AcceptRA=no\nAddress=10.0.0.10/24\n\n[Route]\nDestination=0.0.0.0/0\nGateway=10.0.0.1\nMetric=100\n"
    }


def test_a_further_interface_has_all_addresses_a_second_default_route_and_a_table() -> None:
    text = networkd_files(netplan_of([GROUP, PRIMARY]))["10-netplan-ens6.network"]
    assert "Address=10.0.0.128/24\nAddress=10.0.0.130/24\n" in text
    assert "Gateway=10.0.0.1\nMetric=200\n" in text
    assert "Gateway=10.0.0.1\nTable=101\n" in text
    assert "[RoutingPolicyRule]\nFrom=10.0.0.130\nTable=101\n" in text


@pytest.mark.parametrize("netplan", [{}, {"network": None}, {"network": {"version": 2}}])
def test_a_netplan_without_interfaces_generates_no_files(netplan: dict[str, Any]) -> None:
    assert networkd_files(netplan) == {}


@pytest.mark.parametrize(
    ("configuration", "reacts"),
    [
        ([], True),
        ([{"preserve_hostname": True}], True),
        ([{"network": {"config": "disabled"}}], False),
        ([{"updates": {"network": {"when": []}}}], False),
        ([{"updates": {"network": {"when": ["boot-new-instance"]}}}], False),
        ([{"updates": {"network": {"when": ["boot", "hotplug"]}}}], True),
        ([{"updates": {"network": {"when": []}}}, {"updates": {"network": {"when": ["hotplug"]}}}], True),
    ],
)
def test_cloud_init_hot_plug_setting(configuration: list[dict[str, Any]], reacts: bool) -> None:
    assert network_updates(configuration) is reacts

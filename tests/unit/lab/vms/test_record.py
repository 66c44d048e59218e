"""What the drivers read from a VM's record."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.lab.vms.record import Nic, read_record

NIC = {
    "NIC_ID": "0",
    "VN_MAD": "fw",
    "TARGET": "one-7-0",
    "BRIDGE": "br-edge",
    "MAC": "02:00:0a:00:80:02",
    "IP": "10.0.128.2",
    "NETWORK": "public",
    "SECURITY_GROUPS": "0,100",
    "FILTER_MAC_SPOOFING": "yes",
    "PHYDEV": None,
}
PRIVATE = {
    "NIC_ID": "1",
    "VN_MAD": "vxlan",
    "TARGET": "one-7-1",
    "BRIDGE": "onebr3",
    "MAC": "02:00:c0:a8:32:0a",
    "IP": "192.168.50.10",
    "NETWORK": "tenant",
    "SECURITY_GROUPS": None,
    "PHYDEV": "ens5",
    "VLAN_ID": "5",
    "MTU": "8950",
    "VXLAN_MODE": "evpn",
    "VXLAN_TEP": "dev",
    "IP_LINK_CONF": "nolearning=, dstport=4789",
}


def test_nics_rules_and_context() -> None:
    rule = {"PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND", "SECURITY_GROUP_ID": "0", "RANGE": None}
    context = {"ETH0_IP": "10.0.128.2", "ETH0_DNS": None}
    found = read_record(7, {"NIC": [NIC, PRIVATE], "SECURITY_GROUP_RULE": [rule, rule], "CONTEXT": context})
    assert found.nics == (
        Nic(
            id=0,
            driver="fw",
            port="one-7-0",
            bridge="br-edge",
            mac="02:00:0a:00:80:02",
            address="10.0.128.2",
            network="public",
            security_groups=("0", "100"),
            filters_mac=True,
            filters_address=False,
        ),
        Nic(
            id=1,
            driver="vxlan",
            port="one-7-1",
            bridge="onebr3",
            mac="02:00:c0:a8:32:0a",
            address="192.168.50.10",
            network="tenant",
            security_groups=(),
            filters_mac=False,
            filters_address=False,
            physical="ens5",
            vlan_id="5",
            mtu=8950,
            vxlan_mode="evpn",
            vxlan_endpoint="dev",
            link_options=("nolearning", "dstport", "4789"),
        ),
    )
    assert found.rules == ({"PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND", "SECURITY_GROUP_ID": "0"},) * 2
    assert found.context == {"ETH0_IP": "10.0.128.2"}


@pytest.mark.parametrize("template", [{"NIC": NIC}, {"NIC": NIC, "SECURITY_GROUP_RULE": {"PROTOCOL": "ALL"}}])
def test_a_single_value_is_not_a_list(template: dict[str, Any]) -> None:
    found = read_record(7, template)
    assert [nic.port for nic in found.nics] == ["one-7-0"]
    assert len(found.rules) == len(template) - 1
    assert found.context == {}

"""A guest's context, and its announcement after a migration."""

from __future__ import annotations

import pytest

from edgewrap.lab.vms.guest import announcement, contextualize


@pytest.mark.parametrize(
    ("context", "commands"),
    [
        ({}, []),
        ({"ETH0_MAC": "02:00:00:00:00:01"}, ["link set eth0 up"]),
        (
            {
                "ETH0_MAC": "02:00:0a:00:00:82",
                "ETH0_IP": "10.0.0.130",
                "ETH0_MASK": "255.255.255.254",
                "ETH0_GATEWAY": "10.0.0.131",
                "ETH0_MTU": "1450",
                "ETH0_DNS": "1.1.1.1",
                "ETH1_MAC": "02:00:c0:a8:32:0a",
                "ETH1_IP": "192.168.50.10",
            },
            [
                "link set eth0 mtu 1450",
                "address add 10.0.0.130/31 dev eth0",
                "link set eth0 up",
                "route add default via 10.0.0.131 dev eth0",
                "address add 192.168.50.10/24 dev eth1",
                "link set eth1 up",
            ],
        ),
    ],
)
def test_a_guest_configures_itself_from_its_context(context: dict[str, str], commands: list[str]) -> None:
    assert contextualize(context) == commands


def test_the_announcement_is_the_same_as_qemus() -> None:
    frame = announcement("02:00:0a:00:80:02").hex()
    mac = "02000a008002"
    assert frame == f"ffffffffffff{mac}8035" + f"0001080006040003{mac}00000000{mac}00000000" + "00" * 18

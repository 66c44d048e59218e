"""How cloud-init leaves a host's interfaces: as on AWS, or tidy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.lab import Lab
from tests.support.lab_cloud import Instance, LabCloud, Network, wait_until

BLOCK = ("10.0.0.128", "10.0.0.130", "10.0.0.132")
OFF = "cat >/etc/cloud/cloud.cfg.d/99-off.cfg <<E\nupdates: { network: { when: [] } }\nE"


@dataclass(frozen=True)
class Plugged:
    """A host with an interface plugged in after its boot, and one plugged in while it booted."""

    cloud: LabCloud
    network: Network
    host: Instance


@pytest.fixture(scope="module", params=["untidy", "tidy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def plugged(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugged]:
    lab = Lab(tmp_path_factory.mktemp(mode) / "lab")
    lab.up("--cloud-init", mode)
    cloud = LabCloud(lab)
    network = cloud.make_network()
    host = cloud.launch(network, 0)
    cloud.attach(cloud.make_interface(network, *BLOCK), host)
    cloud.ready(host)
    yield Plugged(cloud, network, host)
    lab.down()


def addresses(plugged: Plugged, nic: str) -> list[str]:
    return plugged.cloud.on(plugged.host, f"ip -br -4 address show {nic}").split()[2:]


def test_the_primary_interface_is_configured(plugged: Plugged) -> None:
    assert addresses(plugged, "ens5") == ["10.0.0.10/24"]
    assert "default via 10.0.0.1 dev ens5" in plugged.cloud.on(plugged.host, "ip route")


def test_the_groups_addresses_are_on_the_nic_unless_cloud_init_is_tidy(plugged: Plugged, mode: str) -> None:
    routes = "ip rule; ip route; ip route show table 101 2>/dev/null || true"
    if mode == "untidy":
        wait_until(lambda: addresses(plugged, "ens6") == [f"{address}/24" for address in BLOCK])
        found = plugged.cloud.on(plugged.host, routes)
        assert all(f"from {address} lookup 101" in found for address in BLOCK)
        assert "default via 10.0.0.1 dev ens6 proto static metric 200" in found
        assert "default via 10.0.0.1 dev ens6 proto static \n" in found
    else:
        assert addresses(plugged, "ens6") == []
        found = plugged.cloud.on(plugged.host, routes)
        assert "lookup 101" not in found
        assert "ens6" not in found
        assert "state DOWN" in plugged.cloud.on(plugged.host, "ip link show ens6")


def test_cloud_inits_network_configuration_is_restored_at_boot(plugged: Plugged, mode: str) -> None:
    plugged.cloud.call("reboot_instances", InstanceIds=[plugged.host.id])
    wait_until(lambda: plugged.cloud.host(plugged.host)["boots"] == 2)
    plugged.cloud.ready(plugged.host)
    wait_until(lambda: len(addresses(plugged, "ens6")) == (3 if mode == "untidy" else 0))


def test_an_unmanaged_nic_is_not_configured(plugged: Plugged) -> None:
    mac = plugged.cloud.on(plugged.host, "cat /sys/class/net/ens6/address").strip()
    plugged.cloud.on(
        plugged.host,
        f"printf '[Match]\\nMACAddress={mac}\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/05-bare.network",
    )
    plugged.cloud.call("reboot_instances", InstanceIds=[plugged.host.id])
    wait_until(lambda: plugged.cloud.host(plugged.host)["boots"] == 3)
    plugged.cloud.ready(plugged.host)
    assert "unmanaged" in plugged.cloud.on(plugged.host, "networkctl --no-legend list ens6")
    assert addresses(plugged, "ens6") == []


def test_hot_plug_handling_can_be_turned_off(plugged: Plugged) -> None:
    plugged.cloud.on(plugged.host, OFF)
    plugged.cloud.attach(plugged.cloud.make_interface(plugged.network, "10.0.0.160", "10.0.0.162"), plugged.host, 2)
    wait_until(lambda: "ens7" in plugged.cloud.on(plugged.host, "ip -br link"))
    plugged.cloud.on(plugged.host, "sleep 1; networkctl reload")
    assert addresses(plugged, "ens7") == []

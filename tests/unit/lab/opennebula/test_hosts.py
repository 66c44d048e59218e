"""Hosts, datastores and clusters beyond the recordings."""

from __future__ import annotations

import pytest

from tests.support.lab_opennebula import Bench


def host(bench: Bench, name: str = "198.51.100.10") -> int:
    number: int = bench.value("one.host.allocate", name, "kvm", "kvm", 0)
    return number


def state(bench: Bench, number: int) -> str | None:
    return bench.tree("one.host.info", number).findtext("STATE")


def test_an_enabled_dummy_host_is_monitored_by_itself(bench: Bench) -> None:
    number = host(bench)
    assert state(bench, number) == "0"
    bench.pass_time()
    assert state(bench, number) == "2"


ENABLE, DISABLE, OFFLINE = range(3)


@pytest.mark.parametrize(
    ("codes", "at_once", "later"),
    [
        ((DISABLE,), "4", "4"),
        ((DISABLE, ENABLE), "2", "2"),
        ((OFFLINE,), "8", "8"),
        ((OFFLINE, ENABLE), "0", "2"),
        ((OFFLINE, DISABLE), "4", "4"),
        ((OFFLINE, DISABLE, ENABLE), "0", "2"),
        ((ENABLE,), "0", "2"),
    ],
)
def test_the_state_of_a_monitored_host(bench: Bench, codes: tuple[int, ...], at_once: str, later: str) -> None:
    """From OpenNebula's sources (Host::enable, alike in 6.10 to 7.4): a disabled host of known capacity is MONITORED at
    once, any other shows INIT, an enabled one too."""
    number = host(bench)
    bench.pass_time()
    for code in codes:
        bench.value("one.host.status", number, code)
    assert state(bench, number) == at_once
    capacity = bench.tree("one.host.info", number).findtext("HOST_SHARE/TOTAL_CPU")
    assert (capacity == "0") == (OFFLINE in codes)
    bench.pass_time()
    assert state(bench, number) == later


def test_a_dummy_host_without_a_driver_is_not_monitored_until_it_has_one_and_is_enabled(bench: Bench) -> None:
    number = bench.value("one.host.allocate", "198.51.100.10", "none", "kvm", 0)
    bench.pass_time()
    assert state(bench, number) == "0"
    bench.value("one.host.status", number, 2)
    bench.value("one.host.update", number, 'IM_MAD = "kvm"', 1)
    bench.value("one.host.status", number, 0)
    bench.pass_time()
    assert state(bench, number) == "2"


def test_a_replaced_template_keeps_monitoring_values(bench: Bench) -> None:
    number = host(bench)
    bench.pass_time()
    assert state(bench, number) == "2"
    bench.value("one.host.update", number, 'ONLY = "this"', 0)
    shown = bench.tree("one.host.info", number).find("TEMPLATE")
    assert [item.tag for item in shown or ()] == ["IM_MAD", "ONLY", "VM_MAD"]
    bench.pass_time()
    template = bench.tree("one.host.info", number).find("TEMPLATE")
    assert template is not None
    assert (template.findtext("ONLY"), template.findtext("HOSTNAME")) == ("this", "198.51.100.10")


def test_a_host_moves_between_clusters(bench: Bench) -> None:
    number = host(bench)
    cluster = bench.value("one.cluster.allocate", "edge")
    bench.value("one.cluster.addhost", cluster, number)
    assert bench.tree("one.host.info", number).findtext("CLUSTER") == "edge"
    assert [item.text for item in bench.tree("one.cluster.info", cluster).iterfind("HOSTS/ID")] == [str(number)]
    bench.value("one.cluster.delhost", cluster, number)
    assert bench.tree("one.host.info", number).findtext("CLUSTER") == "default"
    bench.value("one.cluster.delete", cluster)


@pytest.mark.parametrize(("member", "word"), [("datastore", "datastores"), ("vnet", "vnets")])
def test_a_cluster_with_members_cannot_be_deleted(bench: Bench, member: str, word: str) -> None:
    cluster = bench.value("one.cluster.allocate", "edge")
    network = bench.network('NAME = "n"\nVN_MAD = "bridge"')
    number = 1 if member == "datastore" else network
    bench.value(f"one.cluster.add{member}", cluster, number)
    text = f"Cannot delete cluster. Cluster {cluster} is not empty, it contains 1 {word}."
    assert bench.refusal("one.cluster.delete", cluster) == (0x800, f"[one.cluster.delete] {text}")
    bench.value(f"one.cluster.del{member}", cluster, number)
    bench.value("one.cluster.delete", cluster)


def test_a_replaced_datastore_template_keeps_the_type_and_drivers(bench: Bench) -> None:
    number = bench.value("one.datastore.allocate", 'NAME = "i"\nTYPE = "IMAGE_DS"\nDS_MAD = "fs"\nTM_MAD = "ssh"', 0)
    bench.value("one.datastore.update", number, 'NOTE = "mine"', 0)
    template = bench.tree("one.datastore.info", number).find("TEMPLATE")
    assert template is not None
    shown = {item.tag: item.text for item in template}
    assert {"NOTE": "mine", "TYPE": "IMAGE_DS", "DS_MAD": "fs", "TM_MAD": "ssh"}.items() <= shown.items()
    assert bench.refusal("one.datastore.update", number, 'TM_MAD = "nope"', 1)[0] == 0x2000


def test_changing_the_type_of_a_datastore(bench: Bench) -> None:
    number = bench.value("one.datastore.allocate", 'NAME = "s"\nTYPE = "SYSTEM_DS"\nTM_MAD = "ssh"', 0)
    before = bench.value("one.datastore.info", number)
    bench.value("one.datastore.update", number, 'TYPE = "FILE_DS"', 1)
    found = bench.tree("one.datastore.info", number)
    assert [found.findtext(name) for name in ("TYPE", "DS_MAD", "TEMPLATE/SHARED")] == ["2", "-", None]
    bench.value("one.datastore.update", number, 'TYPE = "SYSTEM_DS"', 1)
    assert bench.value("one.datastore.info", number) == before


def test_changing_the_drivers_of_a_host(bench: Bench) -> None:
    number = host(bench)
    bench.value("one.host.update", number, 'IM_MAD = "lxc"', 1)
    found = bench.tree("one.host.info", number)
    assert [found.findtext(name) for name in ("IM_MAD", "VM_MAD", "TEMPLATE/IM_MAD")] == ["lxc", "kvm", "lxc"]


def test_system_datastores_are_not_protected(bench: Bench) -> None:
    bench.value("one.datastore.delete", 0)
    assert bench.refusal("one.datastore.info", 0)[0] == 0x400


def test_a_cluster_counts_a_deleted_network_for_a_moment(bench: Bench) -> None:
    """Measured on 7.4.0: up to 40 ms after one.vn.info says that the network is not there."""
    cluster = bench.value("one.cluster.allocate", "edge")
    number = bench.network('NAME = "n"\nVN_MAD = "bridge"', cluster)
    bench.value("one.vn.delete", number)
    bench.pass_time(1.01)  # its deletion takes 1 s
    assert bench.refusal("one.vn.info", number)[0] == 0x400
    code, text = bench.refusal("one.cluster.delete", cluster)
    assert (code, text.endswith("is not empty, it contains 1 vnets.")) == (0x800, True)
    bench.pass_time(0.05)
    assert bench.value("one.cluster.delete", cluster) == cluster

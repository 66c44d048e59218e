"""Networks beyond the recordings: states, updates, leases, reservations, templates."""

from __future__ import annotations

import pytest

from tests.support.lab_opennebula import Bench, Benches

RANGE = 'AR = [ TYPE = "IP4", IP = "10.0.128.{}", SIZE = "{}", EDGEWRAP_KEY = "{}" ]'
NETWORK = 'NAME = "public"\nVN_MAD = "fw"\nBRIDGE = "br-edge"\nEDGEWRAP = [ KEY = "public" ]\n'


def test_a_network_is_ready_after_some_time(benches: Benches) -> None:
    bench = benches(settle=0.5)
    number = bench.value("one.vn.allocate", NETWORK + RANGE.format(2, 1, "eip-0"))
    assert bench.tree("one.vn.info", number).findtext("STATE") == "2"
    bench.pass_time(0.4)
    assert bench.refusal("one.vn.hold", number, 'LEASES = [ IP = "10.0.128.2" ]')[0] == 0x800
    bench.pass_time(0.2)
    found = bench.tree("one.vn.info", number)
    assert (found.findtext("STATE"), found.findtext("AR_POOL/AR/MAC")) == ("1", "02:00:0a:00:80:02")
    bench.value("one.vn.delete", number)
    found = bench.tree("one.vn.info", number)
    assert (found.findtext("STATE"), found.findtext("PREV_STATE")) == ("3", "3")
    assert bench.refusal("one.vn.delete", number)[1].endswith("wrong state LOCK_DELETE")
    bench.pass_time(0.6)
    assert bench.refusal("one.vn.info", number) == (0x400, f"[one.vn.info] Error getting virtual network [{number}].")


def test_an_update_keeps_attributes_that_it_leaves_out(bench: Bench) -> None:
    number = bench.network(NETWORK + RANGE.format(2, 1, "eip-0"))
    bench.value("one.vn.update", number, 'NOTE = "mine"\nBRIDGE = "br-other"\n' + RANGE.format(4, 1, "eip-1"), 0)
    found = bench.tree("one.vn.info", number)
    shown = {item.tag for item in found.find("TEMPLATE") or ()}
    assert shown == {
        "BRIDGE", "BRIDGE_TYPE", "NOTE", "OUTER_VLAN_ID", "PHYDEV", "SECURITY_GROUPS", "VLAN_ID", "VN_MAD",
    }  # fmt: skip
    assert (found.findtext("BRIDGE"), found.findtext("VN_MAD")) == ("br-other", "fw")
    assert [item.text for item in found.iterfind("AR_POOL/AR/EDGEWRAP_KEY")] == ["eip-0"]


@pytest.mark.parametrize(
    ("tag", "bridge"),
    [
        ('AUTOMATIC_VLAN_ID = "YES"', "onebr0"),
        ('VLAN_ID = "77"', "onebr.77"),
        ('VLAN_ID = "77"\nBRIDGE = "br"', "br"),
        ('VLAN_ID = "77"\nAUTOMATIC_VLAN_ID = "YES"', "onebr.77"),
    ],
)
def test_the_bridge_of_a_private_network(bench: Bench, tag: str, bridge: str) -> None:
    number = bench.network(f'NAME = "p"\nVN_MAD = "vxlan"\nPHYDEV = "ens5"\n{tag}')
    found = bench.tree("one.vn.info", number)
    assert (found.findtext("BRIDGE"), found.findtext("VLAN_ID")) == (bridge, "77" if "77" in tag else "2")


def test_ids_of_ranges_are_not_used_twice(bench: Bench) -> None:
    number = bench.network(NETWORK + RANGE.format(2, 1, "eip-0"))
    bench.value("one.vn.add_ar", number, RANGE.format(4, 1, "eip-1"))
    bench.value("one.vn.rm_ar", number, 1)
    bench.value("one.vn.add_ar", number, RANGE.format(6, 1, "eip-2"))
    assert [item.text for item in bench.tree("one.vn.info", number).iterfind("AR_POOL/AR/AR_ID")] == ["0", "2"]


def test_holding_addresses(bench: Bench) -> None:
    number = bench.network(NETWORK + RANGE.format(2, 2, "eip-0"))
    lease = 'LEASES = [ IP = "10.0.128.3" ]'
    bench.value("one.vn.hold", number, lease)
    assert [item.text for item in bench.tree("one.vn.info", number).iterfind(".//LEASE/VM")] == ["-1"]
    assert bench.refusal("one.vn.hold", number, lease)[0] == 0x2000
    assert bench.refusal("one.vn.hold", number, 'LEASES = [ IP = "10.0.128.4" ]')[0] == 0x2000
    for _ in range(2):  # it does not say that nothing was held
        bench.value("one.vn.release", number, lease)
    assert bench.tree("one.vn.info", number).findtext("USED_LEASES") == "0"


def test_a_vms_address_is_not_released(bench: Bench) -> None:
    number = bench.network(NETWORK + RANGE.format(2, 1, "eip-0"))
    bench.value("one.vm.allocate", f"CPU = 1\nMEMORY = 64\nNIC = [ NETWORK_ID = {number} ]")
    bench.value("one.vn.release", number, 'LEASES = [ IP = "10.0.128.2" ]')
    assert bench.tree("one.vn.info", number).findtext("USED_LEASES") == "1"


# From OpenNebula's sources, alike in 6.10 to 7.4.
REFUSED = [
    ("hold", "NOTE = 1", 0x2000, "Empty lease description."),
    ("hold", "LEASES = [ AR_ID = 0 ]", 0x2000, "Missing MAC, IP or IP6."),
    ("release", 'LEASES = [ IP = "10.0.128.2", MAC = "02:00:0a:00:80:02" ]', 0x2000,
     "Only one attribute MAC, IP or IP6 can be set."),
    ("reserve", 'NAME = "a"', 0x800, "Reservation SIZE must be a greater than 0"),
    ("reserve", "SIZE = 1", 0x800, "NAME for reservation has to be set"),
    ("reserve", 'SIZE = 1\nNAME = "a"\nIP = "10.0.128.2"', 0x800,
     "AR_ID must be specified for IP/MAC based reservations"),
    ("reserve", "SIZE = 1\nNETWORK_ID = 0", 0x800, "Cannot add a reservation from the same network"),
    ("reserve", "SIZE = 1\nNETWORK_ID = 1", 0x800, "Cannot add reservations to a non-reservation VNET"),
    ("reserve", "SIZE = 1\nNETWORK_ID = 2", 0x800,
     "New reservations for virtual network 2 have to be from network 1"),
    ("reserve", 'SIZE = 5\nNAME = "a"', 0x800, "Not enough free addresses in an address range"),
    ("reserve", 'SIZE = 1\nNAME = "a"\nAR_ID = 7', 0x800,
     "Not enough free addresses in address range 7, or it does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text", "code", "reason"), REFUSED)
def test_refused_holds_and_reservations(bench: Bench, call: str, text: str, code: int, reason: str) -> None:
    number = bench.network(NETWORK + RANGE.format(2, 2, "eip-0"))
    other = bench.network(NETWORK.replace('"public"', '"other"', 1) + RANGE.format(8, 2, "eip-0"))
    child = bench.value("one.vn.reserve", other, 'SIZE = 1\nNAME = "child"')
    assert (number, other, child) == (0, 1, 2)
    assert bench.refusal(f"one.vn.{call}", number, text) == (code, f"[one.vn.{call}] {reason}")


@pytest.mark.parametrize("version", ["7.0.2", "7.4.0"])
def test_a_reservation_inherits_the_mark_and_holds_its_addresses(benches: Benches, version: str) -> None:
    bench = benches(version)
    number = bench.network(NETWORK + RANGE.format(2, 10, "eip-0"))
    child = bench.value("one.vn.reserve", number, 'SIZE = "3"\nNAME = "tenant"')
    found = bench.tree("one.vn.info", child)
    assert found.findtext("PARENT_NETWORK_ID") == str(number)
    assert found.findtext("TEMPLATE/EDGEWRAP/KEY") == "public"
    assert bench.value("one.vn.reserve", number, f'SIZE = "2"\nNETWORK_ID = "{child}"') == child
    assert [item.text for item in bench.tree("one.vn.info", child).iterfind("AR_POOL/AR/IP")] == [
        "10.0.128.2",
        "10.0.128.5",
    ]
    assert bench.refusal("one.vn.reserve", number, 'SIZE = "6"\nNAME = "other"')[0] == 0x800
    assert bench.refusal("one.vn.reserve", child, 'SIZE = "1"\nNAME = "other"')[0] == 0x800
    bench.value("one.vn.free_ar", child, 0)
    assert bench.tree("one.vn.info", number).findtext("USED_LEASES") == "2"
    bench.value("one.vn.delete", child)
    assert bench.tree("one.vn.info", number).findtext("USED_LEASES") == "0"


def test_networks_from_a_template(bench: Bench) -> None:
    cluster = bench.value("one.cluster.allocate", "edge")
    template = bench.value(
        "one.vntemplate.allocate",
        f'NAME = "private"\nVN_MAD = "vxlan"\nPHYDEV = "ens5"\nAUTOMATIC_VLAN_ID = "YES"\nCLUSTER_IDS = "{cluster}"\n'
        'EDGEWRAP = [ KEY = "private" ]',
    )
    first, second = (bench.value("one.vntemplate.instantiate", template, name, "") for name in ("a", ""))
    bench.pass_time()
    found = bench.tree("one.vn.info", first)
    assert [item.text for item in found.iterfind("CLUSTERS/ID")] == [str(cluster)]
    assert found.findtext("TEMPLATE/EDGEWRAP/KEY") == "private"
    assert found.findtext("TEMPLATE/TEMPLATE_ID") == str(template)
    other = bench.tree("one.vn.info", second)
    assert other.findtext("NAME") == f"private-{template}"
    assert (found.findtext("VLAN_ID"), other.findtext("VLAN_ID")) == ("2", "3")


WRONG = [
    ('VN_MAD = "vxlan"\nPHYDEV = "ens5"', "VLAN_ID (or AUTOMATIC_VLAN_ID) is mandatory for driver vxlan"),
    ('VN_MAD = "802.1Q"\nVLAN_ID = "5"', "PHYDEV is mandatory for driver 802.1Q"),
    ('VN_MAD = "Bridge"', 'VN_MAD named "Bridge" is not defined in oned.conf'),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_invalid_networks_are_refused(bench: Bench, text: str, message: str) -> None:
    assert bench.refusal("one.vn.allocate", f'NAME = "n"\n{text}', -1) == (0x2000, f"[one.vn.allocate] {message}")


def test_pages_and_ids_of_a_pool(bench: Bench) -> None:
    for number in range(5):
        bench.network(f'NAME = "n{number}"\nVN_MAD = "bridge"')

    def shown(start: int, end: int) -> list[str | None]:
        return [item.findtext("ID") for item in bench.tree("one.vnpool.info", -2, start, end)]

    assert shown(-1, -1) == ["4", "3", "2", "1", "0"]
    assert shown(1, 2) == ["2", "1"]
    assert shown(3, -1) == ["4", "3"]
    assert shown(0, -2) == ["4", "3"]
    assert shown(2, -2) == ["2", "1"]

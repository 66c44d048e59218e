"""Which user action calls an IPAM driver, and what the front-end makes of its reply. No processes."""

from __future__ import annotations

import pytest

from edgewrap.lab.opennebula.driver_calls import ALLOCATE, FREE, GET, REGISTER, UNREGISTER, Reply
from tests.support.ipam import (
    LEASE,
    LOCK_CREATE,
    MACHINE,
    NETWORK,
    RANGE,
    READY,
    answering,
    as_template,
    leases,
    network_with_range,
    settle,
    state,
    with_drivers,
)
from tests.support.lab_opennebula import Bench, Benches, tree


@pytest.mark.parametrize("version", ["7.0.2", "7.4.0"])
def test_a_reply_replaces_the_whole_range(benches: Benches, version: str) -> None:
    bench = benches(version)
    reply = {"TYPE": "IP4", "IP": "10.9.7.2", "SIZE": "2", "IPAM_MAD": "edgewrap", "NEW": "x"}
    with_drivers(bench, answering(REGISTER, as_template("AR", reply)))
    number = bench.value("one.vn.allocate", NETWORK.format("n") + RANGE.format(9, "edgewrap"), -1)
    assert state(bench, number) == LOCK_CREATE
    settle(bench)
    bench.value("one.vn.add_ar", number, as_template("AR", {"IPAM_MAD": "edgewrap", "ONLY": "asked"}))
    ranges = bench.tree("one.vn.info", number).findall("AR_POOL/AR")
    assert [(found.findtext("IP"), found.findtext("SIZE"), found.findtext("NEW")) for found in ranges] == [
        ("10.9.7.2", "2", "x")
    ] * 2
    assert all(found.find("ONLY") is None for found in ranges)


def test_a_reply_without_ipam_mad_ends_the_drivers_part(bench: Bench) -> None:
    drivers = with_drivers(bench, answering(REGISTER, 'AR = [ TYPE = "IP4", IP = "10.9.1.2", SIZE = "1" ]'))
    number = network_with_range(bench)
    bench.value("one.vn.hold", number, LEASE.format(2))
    bench.value("one.vn.release", number, LEASE.format(2))
    bench.value("one.vn.rm_ar", number, 0)
    assert drivers.actions == [REGISTER]


@pytest.mark.parametrize(
    ("of_network", "of_range", "called"),
    [
        ("edgewrap", "", True),
        ("edgewrap", "internal", False),
        ("", "edgewrap", True),
        ("", "dummy", False),
        ("dummy", "", False),
        ("", "", False),
    ],
)
def test_a_range_inherits_its_networks_driver(bench: Bench, of_network: str, of_range: str, called: bool) -> None:
    drivers = with_drivers(bench)
    given = {"TYPE": "IP4", "IP": "10.9.1.2", "SIZE": "1"} | ({"IPAM_MAD": of_range} if of_range else {})
    text = NETWORK.format("n") + (f'IPAM_MAD = "{of_network}"\n' if of_network else "") + as_template("AR", given)
    number = bench.value("one.vn.allocate", text, -1)
    settle(bench)
    bench.value("one.vn.add_ar", number, as_template("AR", given))
    assert state(bench, number) == READY
    assert drivers.actions == [REGISTER] * 2 * called
    assert all("<IPAM_MAD><![CDATA[edgewrap]]>" in request.data for request in drivers.requests)


def test_which_action_calls_what(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench, 3)

    def calls(method: str, *params: object) -> list[tuple[str, str]]:
        drivers.requests.clear()
        bench.value(method, *params)
        settle(bench)
        return [(request.action, request.data.partition("<ADDRESS>")[2]) for request in drivers.requests]

    first = "<MAC>02:00:0a:09:01:02</MAC><IP>10.9.1.2</IP><SIZE>1</SIZE></ADDRESS></IPAM_DRIVER_ACTION_DATA>"
    second, third = (first.replace("1:02", f"1:0{n}").replace("1.2", f"1.{n}") for n in (3, 4))
    empty = "<MAC/><IP/><IP6_GLOBAL/><IP6_ULA/><IP6/><SIZE/></ADDRESS></IPAM_DRIVER_ACTION_DATA>"

    def any_of(size: int) -> str:
        return f"<SIZE>{size}</SIZE></ADDRESS></IPAM_DRIVER_ACTION_DATA>"

    assert calls("one.vn.hold", number, LEASE.format(3)) == [(ALLOCATE, second)]
    assert calls("one.vn.release", number, LEASE.format(3)) == [(FREE, second)]
    assert calls("one.vm.allocate", MACHINE.format(number, "")) == [(GET, any_of(1))]
    assert calls("one.vm.action", "terminate", 0) == [(FREE, first)]
    assert calls("one.vm.allocate", MACHINE.format(number, ', IP = "10.9.1.4"')) == [(ALLOCATE, third)]
    assert calls("one.vm.action", "terminate", 1) == [(FREE, third)]
    assert calls("one.vn.reserve", number, 'SIZE = "2"\nNAME = "child"') == [(GET, any_of(2))]
    assert calls("one.vn.delete", 1) == [(FREE, first), (FREE, second)]
    assert calls("one.vn.reserve", number, 'SIZE = "2"\nNAME = "child"\nIP = "10.9.1.3"\nAR_ID = "0"') == [
        (ALLOCATE, second.replace("<SIZE>1", "<SIZE>2"))
    ]
    assert calls("one.vm.allocate", MACHINE.format(2, "")) == []  # a reservation's range has no driver
    assert calls("one.vm.action", "terminate", 2) == []
    assert calls("one.vn.free_ar", 2, 0) == [(FREE, second), (FREE, third)]
    assert calls("one.vn.update_ar", number, 'AR = [ AR_ID = "0", NOTE = "x" ]') == []
    assert calls("one.vn.rm_ar", number, 0) == [(UNREGISTER, empty)]
    assert calls("one.vn.add_ar", number, RANGE.format(1, "edgewrap")) == [(REGISTER, empty)]
    assert calls("one.vn.delete", number) == [(UNREGISTER, empty)]


def test_two_addresses_of_one_vm(bench: Bench) -> None:
    """The second request already shows the first lease, although neither is stored before both are granted."""
    addresses = iter(("10.9.1.2", "10.9.1.3"))
    drivers = with_drivers(bench)
    number = network_with_range(bench, 2)
    drivers.play = lambda request: Reply(ok=True, text=as_template("ADDRESS", {"IP": next(addresses)}))
    bench.value("one.vm.allocate", MACHINE.format(number, "") + f'\nNIC = [ NETWORK_ID = "{number}" ]')
    used = [tree(request.data).findtext("AR/USED_LEASES") for request in drivers.requests[1:]]
    assert used == ["0", "1"]
    assert leases(bench, number) == "2"


def test_a_running_vm_ends_after_its_address_is_freed(bench: Bench) -> None:
    cluster = bench.value("one.cluster.allocate", "edge")
    host = bench.value("one.host.allocate", "192.0.2.10", "dummy", "dummy", cluster)
    bench.value("one.datastore.allocate", 'NAME = "s"\nTM_MAD = "ssh"\nTYPE = "SYSTEM_DS"', cluster)
    drivers = with_drivers(bench)
    number = bench.value("one.vn.allocate", NETWORK.format("n") + RANGE.format(1, "edgewrap"), cluster)
    settle(bench)
    machine = bench.value("one.vm.allocate", MACHINE.format(number, ""))
    bench.value("one.vm.deploy", machine, host, False, -1)
    settle(bench)
    bench.value("one.vm.action", "terminate-hard", machine)
    bench.pass_time()
    assert bench.tree("one.vm.info", machine).findtext("STATE") == "3"  # a call that reads does not run the driver
    assert FREE not in drivers.actions
    settle(bench)
    assert drivers.actions[-1] == FREE
    assert (bench.tree("one.vm.info", machine).findtext("STATE"), leases(bench, number)) == ("6", "0")


def test_networks_wait_for_drivers_that_were_asked_before(bench: Bench) -> None:
    drivers = with_drivers(bench)
    drivers.accepted = 2
    first = bench.value("one.vn.allocate", NETWORK.format("plain"), -1)
    driven = bench.value("one.vn.allocate", NETWORK.format("driven") + RANGE.format(1, "edgewrap"), -1)
    last = bench.value("one.vn.allocate", NETWORK.format("last"), -1)
    bench.pass_time()
    assert state(bench, first) == LOCK_CREATE
    drivers.finished = 1
    assert state(bench, first) == LOCK_CREATE
    drivers.finished = 2
    assert [state(bench, number) for number in (first, driven, last)] == [READY, LOCK_CREATE, LOCK_CREATE]
    settle(bench)
    assert [state(bench, number) for number in (driven, last)] == [READY, READY]


def test_the_configuration_lists_the_drivers(benches: Benches) -> None:
    bench = benches("7.4.0")
    without = bench.value("one.system.config")
    with_drivers(bench).listed = ("dummy", "aws", "equinix", "vultr", "scaleway")
    assert bench.value("one.system.config") == without
    with_drivers(bench)
    found = bench.tree("one.system.config").find("IPAM_MAD")
    assert found is not None
    assert {item.tag: item.text for item in found} == {"ARGUMENTS": "-t 1 -i dummy,edgewrap", "EXECUTABLE": "one_ipam"}


def test_the_driver_chooses_the_address_and_a_full_range_is_not_asked(benches: Benches) -> None:
    bench = benches("7.4.0")
    drivers = with_drivers(bench)
    number = network_with_range(bench, 2)
    bench.value("one.vm.allocate", MACHINE.format(number, ""))
    assert bench.tree("one.vn.info", number).findtext("AR_POOL/AR/NEXT_INDEX") == "0"  # only an internal range counts
    bench.value("one.vn.hold", number, LEASE.format(3))
    bench.refusal("one.vm.allocate", MACHINE.format(number, ""))
    assert drivers.actions == [REGISTER, GET, ALLOCATE]

"""IPAM drivers that fail, and objects that change while one runs. No processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgewrap.lab.opennebula.driver_calls import ALLOCATE, FREE, GET, REGISTER, UNREGISTER, Reply, Request
from edgewrap.lab.opennebula.ipam import reason
from edgewrap.lab.opennebula.records import Network
from tests.support.ipam import (
    ERROR,
    LEASE,
    MACHINE,
    NETWORK,
    RANGE,
    READY,
    answering,
    echo,
    failing,
    leases,
    network_with_range,
    settle,
    with_drivers,
)
from tests.support.lab_opennebula import Bench

NO_LEASE = "[one.vm.allocate] Cannot get IP/MAC lease from virtual network 0."
NOT_FREE = "[one.vn.hold] Address is not part of the address range or in use."


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(ok=False, text="no address left"), "no address left"),
        (Reply(ok=False), ""),
        (Reply(ok=True), "AR not found in IPAM driver response"),
        (Reply(ok=True, text='ADDRESS = [ IP = "10.9.1.2" ]'), "AR not found in IPAM driver response"),
        (Reply(ok=True, text='AR = [ TYPE = "IP4", SIZE = "1" ]'), "Wrong or empty IP attribute"),
        (Reply(ok=True, text='AR = [ IP = "10.9.1.2", SIZE = "1" ]'), "Unknown or missing address range TYPE."),
        (Reply(ok=True, text="= what"), "Parse error: syntax error, unexpected EQUAL, expecting VARIABLE"),
    ],
)
def test_a_range_that_is_not_registered(bench: Bench, reply: Reply, text: str) -> None:
    with_drivers(bench, lambda request: reply)
    number = network_with_range(bench)
    found = bench.tree("one.vn.info", number)
    assert found.findtext("STATE") == ERROR
    assert f" : {text}" in found.findtext("TEMPLATE/ERROR", "")
    assert found.find("AR_POOL/AR") is None

    other = bench.network(NETWORK.format("other"))
    code, message = bench.refusal("one.vn.add_ar", other, RANGE.format(1, "edgewrap"))
    assert (code, message[: len(text) + 16]) == (0x2000, f"[one.vn.add_ar] {text}")
    assert bench.tree("one.vn.info", other).find("AR_POOL/AR") is None

    bench.value("one.vn.delete", number)
    settle(bench)
    assert bench.refusal("one.vn.info", number)[0] == 0x400


def test_without_drivers_a_range_with_one_is_refused(bench: Bench) -> None:
    number = bench.network(NETWORK.format("n"))
    assert bench.refusal("one.vn.add_ar", number, RANGE.format(1, "edgewrap")) == (0x2000, "[one.vn.add_ar] ")


@pytest.mark.parametrize(
    ("method", "params", "play", "refused"),
    [
        ("one.vn.hold", (0, LEASE.format(2)), failing(ALLOCATE), NOT_FREE),
        ("one.vm.allocate", (MACHINE.format(0, ', IP = "10.9.1.2"'),), failing(ALLOCATE), NO_LEASE),
        ("one.vm.allocate", (MACHINE.format(0, ""),), failing(GET), NO_LEASE),
        ("one.vm.allocate", (MACHINE.format(0, ""),), answering(GET, ""), NO_LEASE),
        ("one.vm.allocate", (MACHINE.format(0, ""),), answering(GET, 'ADDRESS = [ IP = "10.9.9.9" ]'), NO_LEASE),
        ("one.vn.rm_ar", (0, 0), failing(UNREGISTER, text="in use at AWS"), "[one.vn.rm_ar] in use at AWS"),
        ("one.vn.delete", (0,), failing(UNREGISTER, text="lost"), "[one.vn.delete] Cannot delete virtual network. "),
    ],
)
def test_a_driver_that_refuses(
    bench: Bench, method: str, params: tuple[object, ...], play: Callable[[Request], Reply], refused: str
) -> None:
    drivers = with_drivers(bench)
    assert network_with_range(bench) == 0
    before = bench.value("one.vn.info", 0)
    drivers.play = play
    assert bench.refusal(method, *params)[1] == refused
    assert bench.value("one.vn.info", 0) == before


def test_an_address_that_is_in_use_is_not_taken_from_the_driver(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench, 2)
    bench.value("one.vn.hold", number, LEASE.format(2))
    assert bench.refusal("one.vm.allocate", MACHINE.format(number, ""))[1] == NO_LEASE
    assert drivers.actions == [REGISTER, ALLOCATE, GET]
    assert bench.refusal("one.vn.hold", number, LEASE.format(2))[1] == NOT_FREE
    assert drivers.actions == [REGISTER, ALLOCATE, GET]


def test_force_removes_a_range_whose_driver_fails_and_its_leases(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench)
    bench.value("one.vn.hold", number, LEASE.format(2))
    drivers.play = failing(UNREGISTER)
    assert bench.refusal("one.vn.rm_ar", number, 0, False)[1] == "[one.vn.rm_ar] Address Range has leases in use"
    bench.value("one.vn.rm_ar", number, 0, True)
    assert drivers.actions[-1] == UNREGISTER
    assert bench.tree("one.vn.info", number).find("AR_POOL/AR") is None


def test_a_failed_free_is_ignored_and_the_lease_remains(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench, 2)
    drivers.play = failing(FREE)
    bench.value("one.vn.hold", number, LEASE.format(3))
    bench.value("one.vn.release", number, LEASE.format(3))
    machine = bench.value("one.vm.allocate", MACHINE.format(number, ""))
    bench.value("one.vm.action", "terminate", machine)
    assert bench.tree("one.vm.info", machine).findtext("STATE") == "6"
    assert drivers.actions[-4:] == [ALLOCATE, FREE, GET, FREE]
    assert leases(bench, number) == "2"


def test_release_of_a_vms_address_answers_yes_and_the_vm_keeps_it(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench)
    bench.value("one.vm.allocate", MACHINE.format(number, ""))
    assert bench.value("one.vn.release", number, LEASE.format(2)) == number
    assert drivers.actions[-1] == FREE
    assert leases(bench, number) == "1"


def test_a_delete_that_fails_halfway_keeps_what_it_has_removed(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench)
    for address in ("10.9.2.2", "10.9.3.2"):
        bench.value("one.vn.add_ar", number, RANGE.format(1, "edgewrap").replace("10.9.1.2", address))
    drivers.play = lambda request: Reply(ok="10.9.2.2" not in request.data)
    bench.refusal("one.vn.delete", number)
    found = bench.tree("one.vn.info", number)
    assert (found.findtext("STATE"), [item.text for item in found.iterfind("AR_POOL/AR/AR_ID")]) == (READY, ["1", "2"])
    drivers.play = echo
    bench.value("one.vn.delete", number)
    settle(bench)
    assert bench.refusal("one.vn.info", number)[0] == 0x400


def test_a_network_that_is_deleted_while_its_driver_runs(bench: Bench) -> None:
    """The network is read again: nothing that the driver answers brings it back."""
    drivers = with_drivers(bench)
    number = bench.network(NETWORK.format("n"))

    def deletes(request: Request) -> Reply:
        with bench.one.store.transaction():
            found = bench.one.store.get(Network, request.network_id)
            assert found is not None
            bench.one.store.drop(found)
        return echo(request)

    drivers.play = deletes
    assert bench.refusal("one.vn.add_ar", number, RANGE.format(1, "edgewrap"))[0] == 0x400
    created = network_with_range(bench)
    assert bench.refusal("one.vn.info", created)[0] == 0x400
    assert bench.one.reserved == {}


def test_what_changed_while_the_driver_ran_is_kept(bench: Bench) -> None:
    drivers = with_drivers(bench)
    number = network_with_range(bench, 2)

    def leases_the_other(request: Request) -> Reply:
        if len(drivers.requests) == 2:
            with bench.one.store.transaction():
                found = bench.one.store.get(Network, number)
                assert found is not None
                bench.one.store.put(found.model_copy(update={"name": "renamed"}))
        return echo(request)

    drivers.play = leases_the_other
    bench.value("one.vn.hold", number, LEASE.format(2))
    assert (bench.tree("one.vn.info", number).findtext("NAME"), leases(bench, number)) == ("renamed", "1")


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ("", ""),
        ("one line\n", "one line"),
        ("first\nsecond\n", "firstsecond"),
        ("ERROR: for the log\nfor the user\nERROR: log\n", "for the user"),
        (" ERROR: with a blank\n", " ERROR: with a blank"),
    ],
)
def test_the_reason_of_a_failure(errors: str, text: str) -> None:
    assert reason(errors) == text

"""Who may log in, and who may do what."""

from __future__ import annotations

import pytest

from tests.support.lab_opennebula import AUTH, Bench

GUEST = "guest:guestpass"
NETWORK = 'NAME = "n"\nVN_MAD = "bridge"\nAR = [ TYPE = "IP4", IP = "10.0.0.1", SIZE = "2" ]'
VM = 'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK = "n", NETWORK_UNAME = "oneadmin" ]'


@pytest.fixture
def guest(bench: Bench) -> int:
    """A user of the group users."""
    number: int = bench.value("one.user.allocate", "guest", "guestpass", "core")
    return number


@pytest.mark.parametrize("session", ["", "oneadmin", "oneadmin:", "oneadmin:a secret", "nobody:x", "serveradmin:"])
def test_invalid_sessions_are_refused(bench: Bench, session: str) -> None:
    text = "[one.system.version] User couldn't be authenticated, aborting call."
    assert bench.answer("one.system.version", auth=session) == [False, text, 0x100, -1, -1]


def test_a_password_with_a_colon(bench: Bench) -> None:
    assert AUTH.count(":") == 2
    assert bench.value("one.system.version") == "7.0.2"


def test_user_id_minus_one_is_the_caller(bench: Bench, guest: int) -> None:
    mine = bench.tree("one.user.info", -1, auth=GUEST)
    assert (mine.findtext("ID"), mine.findtext("NAME"), mine.findtext("GNAME")) == (str(guest), "guest", "users")
    assert bench.tree("one.user.info", -1).findtext("ID") == "0"
    assert "guestpass" not in bench.value("one.user.info", guest)


REFUSED = [
    ("one.cluster.allocate", ("x",), "CREATE CLUSTER"),
    ("one.host.allocate", ("192.0.2.1", "kvm", "kvm", 0), "CREATE HOST"),
    ("one.datastore.allocate", ('NAME = "x"', 0), "CREATE DATASTORE"),
    ("one.vn.allocate", (NETWORK, 0), "CREATE NET"),
    ("one.vntemplate.allocate", ('NAME = "x"',), "CREATE VNTEMPLATE"),
    ("one.user.allocate", ("x", "y", "core"), "CREATE USER"),
    ("one.user.chgrp", (2, 0), "MANAGE USER [2]"),
    ("one.cluster.info", (0,), "USE CLUSTER [0]"),
    ("one.cluster.update", (0, 'A = "1"', 1), "MANAGE CLUSTER [0]"),
    ("one.vn.info", (0,), "USE NET [0]"),
    ("one.vn.hold", (0, 'LEASES = [ IP = "10.0.0.1" ]'), "MANAGE NET [0]"),
    ("one.vn.delete", (0,), "MANAGE NET [0]"),
    ("one.datastore.delete", (1,), "MANAGE DATASTORE [1]"),
]


@pytest.mark.parametrize(("method", "params", "what"), REFUSED)
def test_what_a_user_may_not_do(bench: Bench, guest: int, method: str, params: tuple[object, ...], what: str) -> None:
    bench.network(NETWORK)
    expected = f"[{method}] User [{guest}] : Not authorized to perform {what}."
    assert bench.refusal(method, *params, auth=GUEST) == (0x200, expected)


@pytest.mark.parametrize("pool", ["clusterpool", "hostpool", "datastorepool"])
def test_a_user_sees_empty_pools(bench: Bench, guest: int, pool: str) -> None:
    bench.value("one.host.allocate", "192.0.2.1", "kvm", "kvm", 0)
    assert len(bench.tree(f"one.{pool}.info", auth=GUEST)) == 0
    assert len(bench.tree(f"one.{pool}.info")) > 0


def test_a_network_opened_to_others_is_seen_and_used(bench: Bench, guest: int) -> None:
    bench.network(NETWORK)
    assert bench.refusal("one.vm.allocate", VM, auth=GUEST)[0] == 0x200
    bench.value("one.vn.chmod", 0, -1, -1, -1, -1, -1, -1, 1, -1, -1)
    assert [found.findtext("NAME") for found in bench.tree("one.vnpool.info", -2, -1, -1, auth=GUEST)] == ["n"]
    vm = bench.value("one.vm.allocate", VM, auth=GUEST)
    assert bench.tree("one.vm.info", vm, auth=GUEST).findtext("UID") == str(guest)
    assert bench.refusal("one.vm.deploy", vm, 0, auth=GUEST)[0] in (0x200, 0x400)


def test_a_user_in_the_group_oneadmin_may_do_everything(bench: Bench, guest: int) -> None:
    bench.value("one.user.chgrp", guest, 0)
    assert bench.value("one.cluster.allocate", "theirs", auth=GUEST) == 100
    network = bench.value("one.vn.allocate", NETWORK, 100, auth=GUEST)
    found = bench.tree("one.vn.info", network)
    owner = [found.findtext(name) for name in ("UID", "UNAME", "GNAME")]
    assert owner == [str(guest), "guest", "oneadmin"]


def test_networks_of_two_owners_may_have_the_same_name(bench: Bench, guest: int) -> None:
    bench.value("one.user.chgrp", guest, 0)
    bench.network(NETWORK)
    assert bench.value("one.vn.allocate", NETWORK, -1, auth=GUEST) == 1
    assert bench.refusal("one.vn.allocate", NETWORK, -1)[1].endswith("NAME is already taken by NET 0.")


def test_an_object_given_to_another_user(bench: Bench, guest: int) -> None:
    bench.network(NETWORK)
    bench.value("one.vn.chown", 0, guest, 1)
    assert bench.value("one.vn.hold", 0, 'LEASES = [ IP = "10.0.0.1" ]', auth=GUEST) == 0
    assert [len(bench.tree("one.vnpool.info", flag, -1, -1, auth=GUEST)) for flag in (-1, -2, -3, -4)] == [1, 1, 1, 1]
    assert [len(bench.tree("one.vnpool.info", flag, -1, -1)) for flag in (-1, -2, -3, -4, guest)] == [0, 1, 0, 0, 1]
    assert bench.refusal("one.vn.chown", 0, 99)[0] == 0x400


def test_changing_a_password(bench: Bench, guest: int) -> None:
    bench.value("one.user.passwd", -1, "new", auth=GUEST)
    assert bench.value("one.system.version", auth="guest:new") == "7.0.2"
    assert bench.refusal("one.system.version", auth=GUEST)[0] == 0x100
    bench.value("one.user.delete", guest)
    assert bench.refusal("one.system.version", auth="guest:new")[0] == 0x100

"""Locks, as OpenNebula's sources have them: no recording has one."""

from __future__ import annotations

import pytest

from tests.support.lab_opennebula import AUTH, Bench

GUEST = "guest:guestpass"


@pytest.fixture
def network(bench: Bench) -> int:
    """A network with one range."""
    return bench.network('NAME = "n"\nVN_MAD = "bridge"\nAR = [ TYPE = "IP4", IP = "10.0.0.1", SIZE = "2" ]')


def test_the_lock_is_shown_with_its_owner_time_and_level(bench: Bench, network: int) -> None:
    bench.value("one.vn.lock", network, 2, False)
    for found in (bench.tree("one.vn.info", network, False), bench.tree("one.vnpool.info", -2, -1, -1).find("VNET")):
        assert found is not None
        assert found.findtext("LOCK/LOCKED") == "2"
        assert found.findtext("LOCK/OWNER") == "0"
        assert found.findtext("LOCK/TIME") == str(int(bench.time))
        assert [child.tag for child in found][6] == "LOCK"  # right after NAME
    bench.value("one.vn.unlock", network)
    assert bench.tree("one.vn.info", network, False).find("LOCK") is None


@pytest.mark.parametrize(
    ("level", "used", "managed", "administered"),
    [(1, False, False, False), (2, True, False, False), (3, True, True, False), (4, False, False, False)],
)
def test_a_level_forbids_what_needs_a_right_of_its_own_or_above(
    bench: Bench, network: int, level: int, used: bool, managed: bool, administered: bool
) -> None:
    """The group oneadmin is not exempt."""
    bench.value("one.vn.lock", network, level)
    vm = f'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK_ID = "{network}" ]'
    assert bench.answer("one.vm.allocate", vm)[0] is used
    assert bench.answer("one.vn.update", network, 'NOTE = "x"', 1)[0] is managed
    assert bench.answer("one.vn.rm_ar", network, 7)[2] == (0x2000 if administered else 0x200)
    assert bench.answer("one.cluster.addvnet", 0, network)[0] is administered
    bench.value("one.vn.info", network, False)


def test_the_message_of_a_refusal(bench: Bench, network: int) -> None:
    bench.value("one.vn.lock", network, 1)
    assert bench.refusal("one.vn.delete", network) == (
        0x200,
        f"[one.vn.delete] User [0] : NET is locked. [{network}].",
    )
    template = bench.value("one.vntemplate.allocate", 'NAME = "t"\nVN_MAD = "bridge"')
    bench.value("one.vntemplate.lock", template, 1)
    assert bench.refusal("one.vntemplate.delete", template) == (
        0x200,
        f"[one.vntemplate.delete] User [0] : VNTEMPLATE is locked. [{template}].",
    )


def test_an_invalid_level_and_a_test_lock(bench: Bench, network: int) -> None:
    assert bench.refusal("one.vn.lock", network, 5) == (0x800, "[one.vn.lock] Wrong lock level specified")
    bench.value("one.vn.lock", network, 1, True)
    assert bench.refusal("one.vn.lock", network, 2, True) == (0x800, f"[one.vn.lock] {int(bench.time)}")


def test_a_lock_of_another_user(bench: Bench) -> None:
    """A user outside the group oneadmin cannot remove the lock of another user."""
    guest = bench.value("one.user.allocate", "guest", "guestpass", "core")
    datastore = bench.value("one.datastore.allocate", 'NAME = "d"\nTYPE = "IMAGE_DS"\nDS_MAD = "fs"\nTM_MAD = "ssh"')
    image = bench.value("one.image.allocate", 'NAME = "i"\nTYPE = "DATABLOCK"\nSIZE = "8"', datastore, False)
    bench.value("one.image.chown", image, guest, -1)
    bench.value("one.image.lock", image, 1)
    refused = bench.refusal("one.image.unlock", image, auth=GUEST)
    assert refused == (0x800, "[one.image.unlock] Cannot unlock: Lock is owned by another user")
    assert bench.refusal("one.image.lock", image, 1, auth=GUEST)[1].endswith("Error trying to lock the resource.")
    assert "Not authorized to perform MANAGE IMAGE" in bench.refusal("one.image.delete", image, auth=GUEST)[1]
    bench.value("one.image.unlock", image, auth=AUTH)
    bench.value("one.image.delete", image, auth=GUEST)

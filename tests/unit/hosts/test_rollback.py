"""The rollback around a change: the script, what the host reports of it, and that it covers all files of ours."""

from __future__ import annotations

import base64
import pwd
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgewrap.hosts import desired, facts
from edgewrap.hosts.render import files
from edgewrap.hosts.rollback import NO_ROLLBACK, RollbackFacts, parse_rollback, with_rollback
from edgewrap.hosts.scripts import snapshot
from tests.unit.hosts.recorded import wanted

CONFIRMED = "2026-11-22T13:55:03Z confirmed by 192.0.2.2"
UNDONE = "2026-11-22T13:59:53Z undone: it was not confirmed in time"


def test_every_file_of_ours_is_remembered() -> None:
    for file in files.host_files(wanted()):
        assert any(fnmatch(file.path, pattern) for pattern in snapshot.FILES), file.path
    links = [f"{files.UNITS}/multi-user.target.wants/{unit}" for unit in files.UNIT_NAMES]
    assert all(any(fnmatch(link, pattern) for pattern in snapshot.FILES) for link in links)


def test_rollback_uses_the_same_names() -> None:
    assert (snapshot.BRIDGE, snapshot.GATEWAY, snapshot.PORT, snapshot.VXLAN) == (
        desired.BRIDGE, desired.GATEWAY, desired.PORT, desired.VXLAN,
    )  # fmt: skip
    assert snapshot.OWN_TABLES == desired.OWN_TABLES
    assert (snapshot.BLOCK_BEGIN, snapshot.BLOCK_END) == (facts.BLOCK_BEGIN, facts.BLOCK_END)
    assert snapshot.NETWORK_DATA == files.NETWORK_DATA


@pytest.mark.parametrize(
    ("lines", "told", "taken_back"),
    [
        ([], NO_ROLLBACK, ""),
        (["pending"], RollbackFacts(pending=True), ""),
        ([CONFIRMED], RollbackFacts(last=CONFIRMED), ""),
        (["pending", UNDONE], RollbackFacts(pending=True, last=UNDONE), UNDONE),
    ],
)
def test_the_hosts_answer_is_parsed(lines: list[str], told: RollbackFacts, taken_back: str) -> None:
    assert parse_rollback(lines) == told
    assert told.taken_back == taken_back


def test_a_change_is_armed_before_and_timed_after() -> None:
    script = with_rollback("do the change", "ubuntu", at_most_s=180, rollback_s=30)
    places = [script.index(words) for words in ('rollback.sh" arm 180 ubuntu $$', "trap ", "do the change", "ready 30")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        (
            "1 10.0.128.2 dev gw-edge table 10000 proto 3 scope 253 linkdown ",
            "unicast 10.0.128.2 dev gw-edge table 10000 proto 3 scope 253",
        ),
        ("6 10.0.128.9 table 10000 proto 3 scope 0 ", "blackhole 10.0.128.9 table 10000 proto 3 scope 0"),
    ],
)
def test_routes_are_converted_from_ip_output_to_arguments(shown: str, given: str) -> None:
    assert snapshot.route(shown) == given


def test_rules_are_converted_from_ip_output_to_arguments() -> None:
    shown = "1001:\tfrom 10.0.128.0/25 iif gw-edge [detached] lookup 10001 proto 2"
    assert snapshot.rule(shown) == "priority 1001 from 10.0.128.0/25 iif gw-edge lookup 10001 proto 2"


@pytest.mark.parametrize("others", ["", "ssh-rsa AAAA a\n", "ssh-rsa AAAA a\nssh-rsa AAAA b"])
def test_our_block_of_keys_is_separated_from_the_others(others: str) -> None:
    block = f"{facts.BLOCK_BEGIN}\nssh-ed25519 AAAA ada\n{facts.BLOCK_END}\n"
    assert snapshot.parted(block + others) == (others, block)
    assert snapshot.parted(others) == (others, "")


def test_foreign_keys_are_restored_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their line ends, and what is not UTF-8, included."""
    others = b"ssh-rsa AAAA windows\r\nssh-rsa AAAA old\rmac\nssh-rsa AAAA latin-1 \xe9\xe2\x80\xa8\n"
    block = f"{facts.BLOCK_BEGIN}\nssh-ed25519 AAAA ada\n{facts.BLOCK_END}\n".encode()
    file = tmp_path / ".ssh" / "authorized_keys"
    file.parent.mkdir()
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_dir=str(tmp_path)))
    file.write_bytes(others + block)
    before = snapshot.keys("ubuntu")
    file.write_bytes(others)
    snapshot.restore_keys(before)
    assert file.read_bytes() == others + block


def test_groups_are_read_from_a_damaged_file() -> None:
    text = b"group 0 0e:00:00:00:00:01 10.0.128.0\n\xff\xe2\x80\xa8group 0 0e:00:00:00:00:99 x\n"
    content = base64.b64encode(text).decode()
    assert snapshot.group_macs({snapshot.NETWORK_DATA: {"content": content}}) == {"0e:00:00:00:00:01"}

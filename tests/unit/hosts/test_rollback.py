"""The rollback around a change: the script, what the host reports of it, and that it covers all files of ours."""

from __future__ import annotations

import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from edgewrap.hosts.authorized_keys import BLOCK_BEGIN, BLOCK_END, keys_functions
from edgewrap.hosts.render import files
from edgewrap.hosts.rollback import SAVED_PATHS, RollbackFacts, parse_rollback, with_rollback
from tests.unit.hosts.recorded import wanted

CONFIRMED = "2026-11-22T13:55:03Z confirmed by 192.0.2.2"
ROLLED_BACK = "2026-11-22T13:59:53Z rolled back: it was not confirmed in time"


def test_every_file_of_ours_is_saved() -> None:
    for file in files.host_files(wanted()):
        assert any(fnmatch(file.path, pattern) for pattern in SAVED_PATHS), file.path
    links = [f"{files.WANTS}/{unit}" for unit in files.UNIT_NAMES]
    assert SAVED_PATHS.keys() >= {*links, "/var/lib/edgewrap/operators"}


@pytest.mark.parametrize(
    "path",
    [
        "/etc/edgewrap/old.nft",
        "/etc/systemd/network/05-edgewrap-group-9.network",
        "/etc/systemd/system/edgewrap-old.service",
        "/etc/sysctl.d/99-zz-edgewrap.conf",
        "/etc/frr/frr.conf",
    ],
)
def test_a_file_of_an_older_version_is_found(path: str) -> None:
    assert any(fnmatch(path, pattern) for pattern in files.OWN_PATHS)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/systemd/network/10-netplan-ens5.network",
        "/etc/systemd/system/nftables.service.d/other.conf",
        "/etc/frr/vtysh.conf",
        "/etc/sysctl.d/99-sysctl.conf",
        "/etc/cloud/cloud.cfg.d/90_dpkg.cfg",
    ],
)
def test_a_file_of_others_is_not_ours(path: str) -> None:
    assert not any(fnmatch(path, pattern) for pattern in (*files.OWN_PATHS, *SAVED_PATHS))


@pytest.mark.parametrize(
    ("path", "reload"),
    [
        ("/etc/systemd/network/05-edgewrap-group-9.network", files.Reload.NETWORKD),
        ("/etc/systemd/system/edgewrap-old.service", files.Reload.SYSTEMD),
        ("/etc/frr/frr.conf", files.Reload.FRR),
        ("/etc/edgewrap/firewall.nft", None),
    ],
)
def test_what_is_reloaded_after_a_file_was_removed_or_restored(path: str, reload: files.Reload | None) -> None:
    assert files.reload_of(path) is reload


@pytest.mark.parametrize(
    ("lines", "facts", "rolled_back"),
    [
        ([], RollbackFacts(), ""),
        (["pending"], RollbackFacts(pending=True), ""),
        ([CONFIRMED], RollbackFacts(last=CONFIRMED), ""),
        (["pending", ROLLED_BACK], RollbackFacts(pending=True, last=ROLLED_BACK), ROLLED_BACK),
    ],
)
def test_the_hosts_answer_is_parsed(lines: list[str], facts: RollbackFacts, rolled_back: str) -> None:
    assert parse_rollback(lines) == facts
    assert facts.rolled_back == rolled_back


def test_a_change_is_armed_before_and_timed_after() -> None:
    script = with_rollback("do the change", "ubuntu", at_most_s=180, rollback_s=30)
    places = [
        script.index(words) for words in ('rollback.sh" arm 180 ubuntu $$', "trap 'case", "do the change", "ready 30")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("others", ["", "ssh-rsa AAAA a\n", "ssh-rsa AAAA a\nssh-rsa AAAA b\n"])
def test_our_block_of_keys_and_the_others(tmp_path: Path, others: str) -> None:
    file = tmp_path / "authorized_keys"
    file.write_text(f"{BLOCK_BEGIN}\nssh-ed25519 AAAA ada\n{BLOCK_END}\n{others}")
    assert keys(f"block_of {file} own") == b"ssh-ed25519 AAAA ada\n"
    assert keys(f"block_of {file} others") == others.encode()


def test_other_peoples_keys_stay_byte_for_byte(tmp_path: Path) -> None:
    """Their line ends, and what is not UTF-8, included."""
    others = b"ssh-rsa AAAA windows\r\nssh-rsa AAAA old\rmac\nssh-rsa AAAA latin-1 \xe9\xe2\x80\xa8\n"
    block = f"{BLOCK_BEGIN}\nssh-ed25519 AAAA ada\n{BLOCK_END}\n".encode()
    file, own = tmp_path / "authorized_keys", tmp_path / "own"
    file.write_bytes(others)
    file.chmod(0o640)
    own.write_text("ssh-ed25519 AAAA ada\n")
    keys(f"set_block {file} {own}")
    assert file.read_bytes() == others + block
    own.write_text("")
    keys(f"set_block {file} {own}")
    assert file.read_bytes() == others
    assert file.stat().st_mode & 0o777 == 0o640


def keys(command: str) -> bytes:
    """What a command prints that uses the functions for keys."""
    script = f"set -eu; export LC_ALL=C\n{keys_functions()}{command}\n"
    return subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True).stdout

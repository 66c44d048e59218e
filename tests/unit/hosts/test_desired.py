"""From spec and outputs to the picture of a host, and from there to its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgewrap.hosts.converge import converge_script, failed_step
from edgewrap.hosts.desired import Address, Group, desired_host
from edgewrap.hosts.diff import NOTHING, diff
from edgewrap.hosts.facts import BLOCK_BEGIN, BLOCK_END
from edgewrap.hosts.files import host_files, script
from edgewrap.outputs import UNKNOWN
from tests.unit.hosts.recorded import outputs, spec, wanted


def test_an_entry_host() -> None:
    host = wanted("host-0")
    assert (host.bridge_mac, host.gateway_mac) == ("02:ee:0a:00:00:0a", "02:ed:0a:00:00:0a")
    assert host.groups[1] == Group(
        "group-1", 1, "0e:00:00:00:00:02", "10.0.128.128", "10.0.128.128/25", router="10.0.0.1"
    )
    assert (host.groups[1].table, host.groups[1].priority) == (10002, 1002)
    assert host.addresses == (Address("10.0.128.2", "10.0.128.3", 0), Address("10.0.128.130", "10.0.128.131", 1))
    assert host.closed == ("10.0.0.0/17", "10.0.128.0", "10.0.128.128")


def test_a_host_without_groups_has_its_own_macs_and_no_addresses() -> None:
    host = wanted("host-1")
    assert (host.bridge_mac, host.gateway_mac) == ("02:ee:0a:00:00:0b", "02:ed:0a:00:00:0b")
    assert (host.groups, host.addresses) == ((), ())
    assert host.closed == wanted("host-0").closed
    assert "ether daddr" not in _file("/etc/edgewrap/edge.nft", "host-1")


def _file(path: str, key: str = "host-0") -> str:
    return next(file.text for file in host_files(wanted(key)) if file.path == path)


def test_the_data_of_the_network_script() -> None:
    lines = _file("/etc/edgewrap/network.conf").splitlines()
    assert lines[1:] == [
        "bridge 02:ee:0a:00:00:0a 02:ed:0a:00:00:0a 10.0.0.10 16000000",
        "table 10000 1000",
        "group 0 0e:00:00:00:00:01 10.0.128.0 10.0.128.0/25 10.0.0.1 10001 1001",
        "group 1 0e:00:00:00:00:02 10.0.128.128 10.0.128.128/25 10.0.0.1 10002 1002",
        "address 10.0.128.2 10.0.128.3 0",
        "address 10.0.128.130 10.0.128.131 1",
        "vm 10.0.128.2",
        "vm 10.0.128.130",
    ]


def test_the_filter_never_touches_what_is_not_ours() -> None:
    table = _file("/etc/edgewrap/edge.nft")
    assert "flush ruleset" not in table
    assert "policy drop" not in table
    assert "ct state invalid" not in table
    assert {line.split()[2] for line in table.splitlines() if line.startswith(("table", "delete"))} >= {"edge"}
    assert "ip daddr { 10.0.0.0/17, 10.0.128.0, 10.0.128.128 } counter drop" in table


@pytest.mark.parametrize("path", ["/etc/edgewrap/network.conf", "/etc/edgewrap/edge.nft"])
def test_a_text_with_a_mac_still_unknown_has_an_unknown_checksum(path: str) -> None:
    host = desired_host(spec(), outputs(mac=UNKNOWN), "host-0")
    assert next(file for file in host_files(host) if file.path == path).sha256 == UNKNOWN
    operations = diff(host, NOTHING)
    change = next(operation.change for operation in operations if operation.change.key == f"host-0/file/{path}")
    assert change.after["sha256"] == UNKNOWN


@pytest.mark.parametrize("name", ["network.sh", "facts.sh", "frr.sh"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_scripts_are_shell(name: str, shell: str) -> None:
    subprocess.run([shell, "-n"], input=script(name), text=True, check=True)


def test_the_step_that_failed_is_the_last_one_announced() -> None:
    assert failed_step("##edgewrap:step files\nx\n##edgewrap:step write /etc/a b\n") == "write /etc/a b"
    assert failed_step("") == "start"


OWN = "ssh-ed25519 AAAA own\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOArIgnsQuBtihEr9vV269zuAjyWK06tYxrSy2R9U8ir ada@example.org"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OWN, OWN),
        (f"{OWN}{BLOCK_BEGIN}\nold\n{BLOCK_END}\n", OWN),
        (f"{BLOCK_BEGIN}\nold\n{BLOCK_END}\n{OWN}", OWN),
        (f"{BLOCK_BEGIN}\n{OWN}", OWN),
        (f"{BLOCK_END}\n{OWN}", f"{BLOCK_END}\n{OWN}"),
        (f"{BLOCK_BEGIN}\nlost\n{BLOCK_BEGIN}\nold\n{BLOCK_END}\n{OWN}", f"lost\n{OWN}"),
        (OWN.strip(), OWN),
    ],
    ids=["none", "after", "before", "no end", "no begin", "begun twice", "no line end"],
)
def test_only_our_block_of_keys_is_replaced(tmp_path: Path, before: str, after: str) -> None:
    """The shell that edits the file, run on a file of the test's own."""
    host = wanted("host-1", authorized_keys=[KEY])
    operations = [operation for operation in diff(host, NOTHING) if operation.change.kind == "authorized keys"]
    lines = converge_script(host, operations).replace("getent passwd ubuntu", f"echo :::::{tmp_path}")
    keys = tmp_path / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text(before)
    keys.chmod(0o640)
    for _ in range(2):
        subprocess.run(["sh"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
        assert keys.read_text() == f"{after}{BLOCK_BEGIN}\n{KEY}\n{BLOCK_END}\n"
    assert keys.stat().st_mode & 0o777 == 0o640
    assert list(keys.parent.iterdir()) == [keys]


def test_the_ssh_library_is_imported_only_when_it_is_used() -> None:
    code = "import sys, edgewrap.hosts.plane, edgewrap.hosts.ssh; sys.exit('asyncssh' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

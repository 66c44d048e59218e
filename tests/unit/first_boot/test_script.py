"""The set-up's script, run for real in a directory of its own; only what would change the machine is played."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewrap.first_boot.files import KEY_FINGERPRINT, setup_files
from tests.support.aws_plane import PUBLIC_KEY, make_spec

# `apt-get` and `apt-helper` do what the file `next` says, a line per call; the last line is repeated.
PLAYED = """#!/bin/sh
echo "$0 $*" >>"{directory}/calls"
line=$(head -n 1 "{directory}/next")
[ "$(wc -l <"{directory}/next")" = 1 ] || sed -i 1d "{directory}/next"
eval "$line"
"""
COMMANDS = {
    "getent": 'echo "oneadmin:x:9869:9869::{directory}/home:/bin/bash"',
    "setpriv": 'shift 3; exec "$@"',
    "systemctl": "exit 4",
}


@dataclass
class Host:
    """A host in a directory: the script with its places moved there."""

    directory: Path
    script: Path

    def next(self, *lines: str) -> None:
        """What the calls of apt do, in order."""
        (self.directory / "next").write_text("".join(f"{line}\n" for line in lines))

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(["sh", str(self.script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self) -> tuple[int, str]:
        """Run it; gives its exit status and what it printed."""
        with self.start() as process:
            output, errors = process.communicate(timeout=60)
        assert errors == ""
        return process.returncode, output

    def read(self, name: str) -> str:
        file = self.directory / name
        return file.read_text() if file.exists() else ""

    @property
    def calls(self) -> list[str]:
        """The calls of apt: program and first word that is not an option."""
        words = [line.split() for line in self.read("calls").splitlines()]
        return [next(word for word in line[1:] if word in ("download-file", "update", "install")) for line in words]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    commands = tmp_path / "bin"
    for folder in (commands, tmp_path / "home", tmp_path / "apt" / "sources.list.d"):
        folder.mkdir(parents=True)
    played = {name: f"#!/bin/sh\n{line.format(directory=tmp_path)}\n" for name, line in COMMANDS.items()}
    played |= dict.fromkeys(("apt-get", "apt-helper"), PLAYED.format(directory=tmp_path))
    for name, text in played.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    spec = make_spec(opennebula={"oneadmin_public_key": f"{PUBLIC_KEY} '$(touch /x)'"}, hosts={"hypervisor": "lxc"})
    for file in setup_files(spec, "7.0"):
        (tmp_path / Path(file.path).name).write_text(file.text)
    script = tmp_path / "setup.sh"
    text = script.read_text()
    for old, new in {
        "/var/lib/edgewrap": str(tmp_path),
        "/etc/apt": str(tmp_path / "apt"),
        "/usr/lib/apt/apt-helper": "apt-helper",
        "PATH=": f"PATH={commands}:",
        "5 10 20 40 60 0": "0.01 0.01 0.01 0",
        ". /etc/os-release": "ID=ubuntu VERSION_ID=24.04",
    }.items():
        assert old in text
        text = text.replace(old, new)
    script.write_text(text)
    return Host(tmp_path, script)


def test_it_ends_done(host: Host) -> None:
    host.next(f"touch {host.directory}/apt/keyrings/opennebula.asc", "true")
    assert host.run() == (0, "")
    assert host.read("setup-done") == host.read("setup.conf")
    assert host.read("setup-failed") == ""
    assert host.calls == ["download-file", "update", "install"]
    keyring = host.directory / "apt/keyrings/opennebula.asc"
    assert host.read("apt/sources.list.d/opennebula.list") == (
        f"deb [signed-by={keyring},{KEY_FINGERPRINT}] "
        "https://downloads.opennebula.io/repo/7.0/Ubuntu/24.04 stable opennebula\n"
    )
    assert "opennebula-node-lxc frr frr-pythontools nftables python3" in host.read("calls")


def test_twice_is_as_good_as_once(host: Host) -> None:
    host.next(f"touch {host.directory}/apt/keyrings/opennebula.asc", "true")
    (host.directory / "home/.ssh").mkdir()
    (host.directory / "home/.ssh/authorized_keys").write_text("ssh-rsa AAAA without-a-line-end")
    assert [host.run()[0], host.run()[0]] == [0, 0]
    assert host.read("home/.ssh/authorized_keys") == f"ssh-rsa AAAA without-a-line-end\n{host.read('oneadmin.pub')}"


def test_what_may_pass_by_itself_is_tried_again(host: Host) -> None:
    touch = f"touch {host.directory}/apt/keyrings/opennebula.asc"
    host.next("exit 100", touch, "echo 'E: Could not get lock'; exit 100", "true")
    assert host.run() == (0, "")
    assert host.calls == ["download-file", "download-file", "update", "update", "install"]


@pytest.mark.parametrize(
    "line",
    [
        "E: The repository 'x' does not have a Release file.",
        "E: The repository 'x' is not signed.",
        "E: Unable to locate package opennebula-node-lxc",
    ],
)
def test_missing_units_are_not_waited_for(host: Host, line: str) -> None:
    host.next(f"touch {host.directory}/apt/keyrings/opennebula.asc", f'echo "{line}"; exit 100')
    status, output = host.run()
    assert status == 1
    assert line in output
    assert host.calls == ["download-file", "update"]
    assert host.read("setup-failed") == "package lists failed with status 1\n"
    assert host.read("setup-done") == ""


def test_it_gives_up_after_retries_and_can_run_again(host: Host) -> None:
    host.next("echo 'E: Temporary failure resolving'; exit 100")
    assert host.run()[0] == 1
    assert host.calls == ["download-file"] * 4
    assert host.read("setup-failed").startswith("repository of OpenNebula 7.0 for Ubuntu/24.04 failed")
    host.next(f"touch {host.directory}/apt/keyrings/opennebula.asc", "true")
    assert host.run() == (0, "")
    assert host.read("setup-failed") == ""


def test_another_system_is_refused(host: Host) -> None:
    host.script.write_text(host.script.read_text().replace("ID=ubuntu VERSION_ID=24.04", "ID=rocky PRETTY_NAME=Rocky"))
    status, output = host.run()
    assert status == 1
    assert "OpenNebula has no packages for Rocky" in output
    assert host.calls == []


def test_a_signal_is_a_failure(host: Host) -> None:
    host.next("kill -TERM $PPID; sleep 0.2")
    with host.start() as process:
        process.communicate(timeout=30)
    assert host.read("setup-failed") == "repository of OpenNebula 7.0 for Ubuntu/24.04 failed with status 143\n"


def test_two_runs_wait_for_each_other(host: Host) -> None:
    touch = f"touch {host.directory}/apt/keyrings/opennebula.asc"
    host.next(f"{touch}; sleep 0.5", "true", "true", touch, "true")
    with host.start() as first:
        deadline = time.monotonic() + 10
        while not host.calls and time.monotonic() < deadline:
            time.sleep(0.01)
        second = host.start()
        assert (first.wait(30), second.wait(30)) == (0, 0)
        second.communicate()
    assert host.calls == ["download-file", "update", "install"] * 2


def test_no_child_inherits_the_lock(host: Host) -> None:
    host.next(
        f"touch {host.directory}/apt/keyrings/opennebula.asc; sleep 30 >/dev/null 2>&1 & echo $! >{host.directory}/pid",
        "true",
    )
    try:
        assert host.run() == (0, "")
        subprocess.run(["flock", "--nonblock", str(host.directory / "setup.lock"), "true"], check=True)
    finally:
        os.kill(int(host.read("pid")), signal.SIGKILL)

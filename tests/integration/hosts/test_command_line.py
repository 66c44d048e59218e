"""The command line on a VPC's hosts, with a front-end beside it: who may be trusted as a host, and `edgewrap ssh`."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edgewrap.events import discard
from edgewrap.opennebula.plane import OpenNebulaPlane
from edgewrap.outputs import HostPin, HostReport
from edgewrap.spec.load import load_spec
from tests.integration.hosts.vpc import Vpc
from tests.support.front_end import apply
from tests.support.front_end_process import FrontEndProcess
from tests.support.lab import EDGEWRAP
from tests.support.state import output_values, write_state

NOWHERE = "http://127.0.0.1:1/RPC2"
PASSWORD = "the-session-password"
SPEC = """\
apiVersion: edgewrap/v1
name: edge-test
aws: {{ region: eu-west-3 }}
opennebula: {{ endpoint: "{url}" }}
evpn: {{ password: "${{env:PASSWORD}}" }}
ssh: {{ public_key: "{key}", proxy_command: {proxy} }}
"""
COUNTER = "table ip seen { chain output { type filter hook output priority 0; tcp dport 22 counter; }; }"


@dataclass
class CommandLine:
    """edgewrap in the VPC, with a spec and a state of its own."""

    vpc: Vpc
    directory: Path
    front_end: FrontEndProcess

    @property
    def spec(self) -> Path:
        return self.directory / "edge.yaml"

    def write_spec(self, *, url: str = "", proxy: str = "null", key: str = "") -> None:
        """The spec; by default with the running front-end and the key that the hosts let in."""
        key = key or f"{self.vpc.private_key}.pub"
        self.spec.write_text(SPEC.format(url=url or self.front_end.url, key=key, proxy=proxy))

    def run(self, command: str, *arguments: str, login: str = "") -> tuple[int, str]:
        """One run: its exit status, and all that it said."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PASSWORD": PASSWORD,
            "ONE_AUTH": login or str(self.front_end.login),
        }
        words = [EDGEWRAP, command, "--file", str(self.spec), *arguments]
        with self.vpc.inside():
            done = subprocess.run(
                words,
                cwd=self.directory,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        return done.returncode, done.stdout + done.stderr

    def packets_to_hosts(self) -> int:
        """Packets to port 22 since the counter was set."""
        found = re.search(r"packets (\d+)", self.vpc.sh("nft list table ip seen"))
        assert found is not None
        return int(found[1])

    def told_the_password(self) -> list[str]:
        """The hosts that know the EVPN password."""
        look = f"cat /etc/frr/frr.conf 2>/dev/null | grep -c {PASSWORD} || :"
        return [key for key in self.vpc.outputs.hosts if self.vpc.on(key, look).strip() != "0"]

    def pin(self) -> None:
        """Pin the hosts' keys at the front-end, as an apply does."""
        reports = {}
        for key, host in self.vpc.outputs.hosts.items():
            line = self.vpc.on(key, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
            reports[key] = HostReport(key, True, HostPin(host.instance_id, " ".join(line)), "eth0", 9001)
        with self.vpc.inside():
            plane = OpenNebulaPlane(load_spec(self.spec, {"PASSWORD": PASSWORD}), self.front_end.as_user(), discard)
            apply(plane, plane.observe(), self.vpc.outputs, reports)


def values_of(vpc: Vpc) -> dict[str, Any]:
    """The outputs in the state. Without public addresses: edgewrap runs inside the VPC."""
    hosts = {key: replace(host, public_address="") for key, host in vpc.outputs.hosts.items()}
    return output_values(replace(vpc.outputs, hosts=hosts))


@pytest.fixture(scope="module")
def front_end(vpc: Vpc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEndProcess]:
    """A front-end on the router's loopback."""
    process = FrontEndProcess(tmp_path_factory.mktemp("front-end"))
    with vpc.inside():
        process.start()
    yield process
    process.stop()


@pytest.fixture
def line(vpc: Vpc, front_end: FrontEndProcess, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line; packets to hosts are counted."""
    made = CommandLine(vpc, tmp_path, front_end)
    made.write_spec()
    write_state(made.spec, values_of(vpc))
    vpc.sh("nft -f -", text=COUNTER)
    yield made
    vpc.sh("nft delete table ip seen")


@pytest.mark.parametrize("why", ["nothing listens there", "wrong password"])
def test_an_apply_stops_if_the_pinned_keys_cannot_be_read(line: CommandLine, why: str) -> None:
    login = ""
    if why == "wrong password":
        login = "oneadmin:not-the-password"
    else:
        line.write_spec(url=NOWHERE)
    status, text = line.run("apply", "--only", "hosts", "--auto-approve", login=login)
    assert status == 1, text
    assert "Error: the pinned host keys cannot be read: " in text
    assert "no host was contacted and nothing was changed" in text
    assert line.packets_to_hosts() == 0
    assert line.told_the_password() == []


def test_plan_continues_with_a_warning_and_sends_no_secret(line: CommandLine) -> None:
    line.write_spec(url=NOWHERE)
    status, text = line.run("plan", "--only", "hosts")
    assert status == 0, text
    assert "hosts: warning: host keys: the front-end could not be read" in text
    assert "anyone may answer as a host" in text
    assert line.packets_to_hosts() > 0
    assert line.told_the_password() == []


PROXY = "'echo {instance_id} >/dev/null; exec nc {host} 22'"


@pytest.mark.parametrize("proxy", ["null", pytest.param(PROXY, marks=pytest.mark.full)])
def test_ssh_runs_the_given_command(line: CommandLine, proxy: str) -> None:
    line.write_spec(proxy=proxy)
    line.pin()
    status, text = line.run("ssh", "host-1", "--", "ip", "-4", "-o", "address")
    assert (status, "inet 10.0.0.11/16" in text) == (0, True), text
    words = ("echo", "-l", "'a  b'", "--", "-oProxyCommand=x")
    assert line.run("ssh", "host-1", "--", *words) == (0, "-l a  b -- -oProxyCommand=x\n")
    assert line.run("ssh", "host-1", "--", "exit 7")[0] == 7


def test_ssh_without_a_key_file(line: CommandLine) -> None:
    """A path that is too long for the system names no file: ssh then tries what the agent has."""
    line.write_spec(key=f"{line.directory}/{'k' * 300}.pub")
    line.pin()
    status, text = line.run("ssh", "host-1", "--", "hostname")
    assert (status, "Permission denied" in text, "Traceback" in text) == (255, True, False), text


HOSTILE = {
    "option": "-oProxyCommand=touch mark",
    "substitution": "$(touch mark)",
    "backquotes": "`touch mark`",
    "second command": "10.0.0.11; touch mark; :",
    "second line": "10.0.0.11\ntouch mark",
    "user": "root@10.0.0.11",
}


@pytest.mark.parametrize("field", ["public_address", "private_address", "instance_id"])
@pytest.mark.parametrize("written", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("arguments", [("ssh", "host-1", "--", "hostname"), ("plan", "--only", "hosts")], ids=" ".join)
def test_a_value_in_the_state_is_not_run(
    line: CommandLine, arguments: tuple[str, ...], written: str, field: str
) -> None:
    line.pin()
    line.write_spec(proxy="null" if written == HOSTILE["option"] else PROXY)
    values = values_of(line.vpc)
    values["hosts"]["host-1"][field] = written
    if field == "private_address":
        values["hosts"]["host-1"]["public_address"] = ""
    write_state(line.spec, values)
    status, text = line.run(*arguments)
    assert not (line.directory / "mark").exists(), text
    assert status == 1, text
    assert f"hosts.host-1.{field}: must be " in text
    assert f'(value: "{written}")'.replace("\n", "\\n") in text
    assert line.packets_to_hosts() == 0

"""Logging in: keys, host keys, waiting, and each kind of failure with its cause."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgewrap.errors import HostKeyError, HostUnreachableError, ToolError
from edgewrap.events import EventKind
from edgewrap.hosts import plane as plane_module
from edgewrap.hosts.ssh import connection as ssh_module
from edgewrap.outputs import UNKNOWN, HostPin
from edgewrap.plane import Context
from edgewrap.spec.models import Origin, Spec
from tests.integration.hosts.conftest import Runner

RELAY = """
import os, select, socket, sys
there = socket.create_connection((sys.argv[1], 22))
while True:
    for end in select.select([0, there], [], [])[0]:
        data = os.read(0, 65536) if end == 0 else there.recv(65536)
        if not data:
            sys.exit()
        there.sendall(data) if end == 0 else os.write(1, data)
"""


@pytest.fixture
def host(runner: Runner) -> Runner:
    """host-2 alone."""
    return runner.only("host-2")


def _failure(runner: Runner) -> tuple[type[Exception], str]:
    seen = runner.observe()
    assert seen.facts == {}
    (error,) = seen.failures.values()
    return type(error), error.cause


def test_a_host_key_is_trusted_on_first_use_and_pinned(host: Runner) -> None:
    pin = host.observe().pins["host-2"]
    assert pin.instance_id == "i-2"
    assert pin.host_key.startswith("ssh-ed25519 AAAA")
    host = replace(host, pins={"host-2": pin})
    assert host.observe().pins["host-2"] == pin


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "blank"])
def test_another_key_than_the_pinned_one_is_refused(host: Runner, runner: Runner, kind: str) -> None:
    other = {
        "ssh-ed25519": runner.only("host-1").observe().pins["host-1"].host_key,
        "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256 AAAA",
        "ssh-rsa": "ssh-rsa AAAA",
        "blank": " ",
    }[kind]
    pinned = replace(host, pins={"host-2": HostPin("i-2", other)})
    error, cause = _failure(pinned)
    assert error is HostKeyError
    assert "replaced" in cause


def test_a_pin_of_the_other_algorithm_is_honoured(host: Runner) -> None:
    line = host.vpc.on("host-2", "cat /etc/ssh/ssh_host_ecdsa_key.pub").strip()
    pinned = replace(host, pins={"host-2": HostPin("i-2", line)})
    assert pinned.observe().pins["host-2"].host_key == " ".join(line.split()[:2])


def test_a_pin_of_another_instance_is_void(host: Runner) -> None:
    pinned = replace(host, pins={"host-2": HostPin("i-old", "ssh-ed25519 AAAA")})
    assert pinned.observe().pins["host-2"].instance_id == "i-2"


def test_the_users_ssh_files_are_not_read_or_written(
    host: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / ".ssh"
    own.mkdir()
    (own / "config").write_text("Host *\n  Port 2222\n  User nobody\n")
    (own / "known_hosts").write_text(f"{host.outputs.hosts['host-2'].address} ssh-ed25519 AAAA\n")
    before = {path: path.read_text() for path in own.iterdir()}
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not host.observe().failures
    assert {path: path.read_text() for path in own.iterdir()} == before


def test_the_key_is_found_below_home(host: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(host.vpc.directory))
    below_home = replace(host, spec=host.vpc.spec(public_key="~/id_ed25519.pub"))
    assert not below_home.observe().failures


def test_a_relative_key_begins_at_the_spec(host: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = host.vpc.spec(public_key="id_ed25519.pub").model_dump(mode="json", by_alias=True)
    spec = Spec.model_validate(document, context=Origin({}, host.vpc.directory))
    assert not replace(host, spec=spec).observe().failures


def test_the_agent_has_the_key(host: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the public key lies there; the agent also holds more keys than sshd would let us try."""
    public = tmp_path / "id_ed25519.pub"
    public.write_text(Path(f"{host.vpc.private_key}.pub").read_text())
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        for number in range(7):
            other = tmp_path / f"other-{number}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
            subprocess.run(["ssh-add", "-q", other], check=True)
        with_agent = replace(host, spec=host.vpc.spec(public_key=str(public)))
        with pytest.raises(ToolError, match="no private key"):
            with_agent.observe()
        subprocess.run(["ssh-add", "-q", host.vpc.private_key], check=True)
        assert not with_agent.observe().failures
    finally:
        agent.terminate()
        agent.wait()


def test_a_proxy_command_carries_the_connection(make_runner: Callable[..., Runner], tmp_path: Path) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(RELAY)
    log = tmp_path / "called"
    command = f"echo '{{instance_id}}' >'{log}' && exec {sys.executable} '{relay}' {{host}}"
    proxied = make_runner(proxy_command=command).only("host-2")
    assert not proxied.observe().failures
    assert log.read_text() == "i-2\n"


def test_a_failing_proxy_command_is_reported_with_its_output(make_runner: Callable[..., Runner]) -> None:
    proxied = make_runner(proxy_command="echo 'TargetNotConnected: {instance_id}' >&2; exit 255").only("host-2")
    assert _failure(proxied) == (
        HostUnreachableError,
        "ssh.proxy_command failed: the host is not registered with SSM; it is still booting, or has no profile for it "
        "(TargetNotConnected: i-2)",
    )


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("10.0.0.1", "the connection was refused"),
        ("10.0.0.99", "no answer"),
        ("192.0.2.9", "no route"),
        ("no-such-host.invalid", "its name cannot be resolved"),
    ],
)
def test_each_connection_failure_has_its_cause(
    host: Runner, monkeypatch: pytest.MonkeyPatch, name: str, cause: str
) -> None:
    monkeypatch.setattr(ssh_module, "CONNECT_TIMEOUT_S", 0.5)
    host.vpc.sh("ip address replace 10.0.0.1/32 dev lo; ip route replace 10.0.0.99/32 dev p-host-2")
    there = replace(host.outputs.hosts["host-2"], private_address=name)
    silent = replace(host, outputs=replace(host.outputs, hosts={"host-2": there}))
    error, words = _failure(silent)
    assert error is HostUnreachableError
    assert words.startswith(cause)


def test_a_refused_login_has_its_cause(make_runner: Callable[..., Runner]) -> None:
    error, cause = _failure(make_runner(user="nobody").only("host-2"))
    assert error is HostUnreachableError
    assert cause.startswith("the host refused the login")


def test_sudo_with_a_password_is_reported(host: Runner) -> None:
    host.vpc.on("host-2", "mv /etc/sudoers.d/90-cloud-init-users /tmp/sudoers")
    try:
        seen = host.observe()
        assert "NOPASSWD" in seen.failures["host-2"].advice
    finally:
        host.vpc.on("host-2", "mv /tmp/sudoers /etc/sudoers.d/90-cloud-init-users")


def test_converge_waits_for_sshd_and_reports_the_cause(host: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_module, "RETRY_S", 0.1)
    monkeypatch.setattr(ssh_module, "PROGRESS_S", 0.2)
    vpc = host.vpc
    vpc.sh("ip netns exec host-2 nft add table ip off; ip netns exec host-2 nft -f -", text=_REFUSE)
    opening = threading.Timer(1, vpc.sh, ["ip netns exec host-2 nft delete table ip off"])
    opening.start()
    try:
        done = host.try_converge(plane_module.Observation(), wait_s=20)
    finally:
        opening.join()
    assert not done.failures
    told = [event.text for event in host.events if event.kind is EventKind.STEP_PROGRESS]
    assert any("waiting for SSH" in text and "the connection was refused" in text for text in told)


_REFUSE = """
table ip off {
	chain input { type filter hook input priority -10;
		tcp dport 22 reject with tcp reset
	}
}
"""


def test_one_hosts_failure_does_not_affect_the_others(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_module, "CONNECT_TIMEOUT_S", 0.5)
    hosts = dict(runner.outputs.hosts)
    hosts["host-1"] = replace(hosts["host-1"], state="stopped")
    hosts["host-3"] = replace(hosts["host-2"], key="host-3", private_address="192.0.2.9")
    hosts["host-4"] = replace(hosts["host-2"], key="host-4", name=UNKNOWN, instance_id=UNKNOWN, state=UNKNOWN)
    mixed = replace(runner, outputs=replace(runner.outputs, hosts=hosts))
    done = mixed.try_converge(wait_s=0)
    assert done.facts.keys() == {"host-0", "host-2"}
    assert done.failures.keys() == {"host-1", "host-3"}
    assert "stopped" in done.failures["host-1"].what
    reports = mixed.plane.reports(done, Context(mixed.outputs))
    assert {key: report.ready for key, report in reports.items()} == {"host-0": True, "host-2": True}
    told = {change.key.split("/")[0] for change in mixed.plane.plan(done, Context(mixed.outputs)).changes}
    assert told == {"host-4"}


LIAR = """#!/bin/sh
/usr/sbin/ip "$@" | sed 's/"dev":"eth0"/"dev":"ens5; touch #"/'
"""


def test_a_host_with_a_wrong_answer_fails_alone(runner: Runner) -> None:
    """It names an interface that cannot be one: what it says goes no further."""
    runner.converge()
    runner.vpc.on("host-1", f"cat >/usr/local/sbin/ip <<'END'\n{LIAR}END\nchmod 755 /usr/local/sbin/ip")
    try:
        done = runner.try_converge()
    finally:
        runner.vpc.on("host-1", "rm /usr/local/sbin/ip")
    assert done.failures.keys() == {"host-1"}
    assert done.failures["host-1"].what == 'host-1: the host could not be read: routes: dev is "ens5; touch #"'
    assert "name of a network interface" in done.failures["host-1"].cause
    reports = runner.plane.reports(done, Context(runner.outputs))
    assert {key: (report.ready, report.phydev) for key, report in reports.items()} == {
        "host-0": (True, "eth0"),
        "host-2": (True, "eth0"),
    }


def test_an_impossible_mtu_fails_that_host_only(runner: Runner) -> None:
    runner.vpc.on("host-1", "ip link set eth0 mtu 1000")
    try:
        seen = runner.observe()
    finally:
        runner.vpc.on("host-1", "ip link set eth0 mtu 1500")
    assert seen.facts.keys() == {"host-0", "host-2"}
    assert seen.failures["host-1"].what == "host-1: the host could not be read: links: mtu of eth0 is 1000"
    assert seen.failures["host-1"].cause == "must be a whole number from 1280 to 9216"


def test_a_missing_interface_is_named(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_module, "INTERFACE_WAIT_S", 0.3)
    monkeypatch.setattr(plane_module, "SETTLE_S", 0.1)
    alone = runner.only("host-1")
    runner.vpc.detach("group-3")
    try:
        done = alone.try_converge()
        assert "group-3" in done.failures["host-1"].what
        assert "10.0.129.2 " in runner.vpc.on("host-1", "ip route show table edge")
    finally:
        runner.vpc.attach("group-3", "host-1")
    alone.converge()


def test_a_failing_step_is_reported_with_its_output(host: Runner) -> None:
    host.converge()
    host.vpc.on("host-2", "ip link del br-edge; ip link add br-edge type veth peer name other")
    done = host.try_converge()
    assert "'bridge'" in done.failures["host-2"].what
    assert "not supported" in done.failures["host-2"].cause
    assert host.changed == {"host-2"}
    host.vpc.on("host-2", "ip link del br-edge")
    host.converge()
    host.converge()
    assert host.changed == frozenset()


def test_no_script_or_key_is_in_process_arguments(host: Runner) -> None:
    """The scripts travel on standard input: the host's own list of processes shows only the shell."""
    host.vpc.on("host-2", "rm -f /tmp/arguments; mv /usr/bin/getent /usr/bin/getent.real")
    spy = '#!/bin/sh\ncat /proc/[0-9]*/cmdline >/tmp/arguments\nexec /usr/bin/getent.real "$@"\n'
    host.vpc.on("host-2", f"cat >/usr/bin/getent <<'EOF'\n{spy}EOF\nchmod 755 /usr/bin/getent")
    try:
        assert not host.observe().failures
        arguments = host.vpc.on("host-2", "tr '\\0' ' ' </tmp/arguments")
    finally:
        host.vpc.on("host-2", "mv /usr/bin/getent.real /usr/bin/getent")
    assert "sudo -n -- sh -s" in arguments
    assert "edgewrap:section" not in arguments
    assert os.environ["HOME"] not in arguments

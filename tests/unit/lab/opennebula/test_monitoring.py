"""Monitoring by SSH: which hosts it connects to, when, and the result. The SSH itself: see the integration tests."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from edgewrap.lab.opennebula import monitoring
from edgewrap.lab.opennebula.monitoring import Login, Monitor
from tests.support.lab_opennebula import Bench, Benches


class PlayedLogin(Login):
    """A login whose outcome the test decides."""

    reason = ""
    names: tuple[str, ...] = ()

    def attempt(self, name: str) -> str:
        self.names += (name,)
        return self.reason


def login(kind: type[Login], directory: Path) -> Login:
    networks = (IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"))
    return kind(directory / "key", "oneadmin", directory / "known_hosts", networks, lookup=0)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of ssh; the file in which it notes its arguments."""
    notes = tmp_path / "notes"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >>{notes}\necho "@@@ WARNING @@@" >&2\necho "no route" >&2\nexit 255\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return notes


OUTSIDE = ["192.0.2.1", "127.0.0.1", "198.51.101.1"]
NO_ADDRESSES = ["localhost", "198.51.100.1.example", "::1", "-oProxyCommand=x"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_it_does_not_connect_outside_the_lab(ssh: Path, tmp_path: Path, name: str) -> None:
    assert "the lab's front-end connects to nothing else" in login(Login, tmp_path).attempt(name)
    assert not ssh.exists()


@pytest.mark.parametrize("name", NO_ADDRESSES)
def test_without_name_servers_it_knows_addresses_only(ssh: Path, tmp_path: Path, name: str) -> None:
    assert f"Could not resolve hostname {name}" in login(Login, tmp_path).attempt(name)
    assert not ssh.exists()


def test_it_logs_in_by_the_hosts_name(ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = {"ec2.example": "198.51.100.7", "stranger.example": "192.0.2.7"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: [(0, 0, 0, "", (resolved[name], 0))])
    by_name = replace(login(Login, tmp_path), by_name=True)
    assert "connects to nothing else" in by_name.attempt("stranger.example")
    assert by_name.attempt("ec2.example") == "@@@ WARNING @@@ no route"
    assert "oneadmin@ec2.example true" in ssh.read_text()


def test_it_runs_ssh_without_prompts_and_user_configuration(ssh: Path, tmp_path: Path) -> None:
    assert login(Login, tmp_path).attempt("203.0.113.9") == "@@@ WARNING @@@ no route"
    arguments = ssh.read_text()
    for part in (
        "-F none",
        f"-i {tmp_path}/key",
        "BatchMode=yes",
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={tmp_path}/known_hosts",
        "ConnectTimeout=3",
    ):
        assert part in arguments
    assert arguments.rstrip().endswith(" oneadmin@203.0.113.9 true")


def test_ssh_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert login(Login, tmp_path).attempt("203.0.113.9").startswith("ssh could not be run: ")


def test_an_ssh_that_hangs_is_killed(ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "ssh"
    program.write_text(f"#!/bin/sh\n: >{ssh}\nexec /bin/sleep 60\n")
    monkeypatch.setattr(monitoring, "_TIMEOUT", 0.3)
    assert login(Login, tmp_path).attempt("203.0.113.9") == "ssh oneadmin@203.0.113.9: no answer within 0 s"

    monkeypatch.setattr(monitoring, "_TIMEOUT", 30)
    cancelled = login(Login, tmp_path)
    reasons: list[str] = []
    thread = threading.Thread(target=lambda: reasons.append(cancelled.attempt("203.0.113.9")))
    thread.start()
    while thread.is_alive():
        cancelled.cancel()
        thread.join(0.05)
    assert reasons == ["ssh oneadmin@203.0.113.9 ended with status -9"]


@pytest.fixture
def watched(benches: Benches, tmp_path: Path) -> tuple[Bench, Monitor, PlayedLogin]:
    """A front-end that monitors two hosts."""
    bench = benches(monitor="ssh", interval=2.0)
    for number in range(2):
        bench.value("one.host.allocate", f"198.51.100.{10 + number}", "lxc", "lxc", 0)
    played = login(PlayedLogin, tmp_path)
    assert isinstance(played, PlayedLogin)
    return bench, Monitor(bench.one, played), played


def look(monitor: Monitor) -> list[int]:
    due = monitor.take_due()
    for attempt in due:
        monitor.look(attempt)
    return [attempt.host_id for attempt in due]


def host_state(bench: Bench, number: int) -> str | None:
    return bench.tree("one.host.info", number).findtext("STATE")


def test_a_host_is_monitored_only_after_a_login(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, played = watched
    bench.pass_time()
    assert [host.findtext("STATE") for host in bench.tree("one.hostpool.info")] == ["0", "0"]
    assert look(monitor) == [0, 1]
    assert played.names == ("198.51.100.10", "198.51.100.11")
    found = bench.tree("one.host.info", 0)
    assert (found.findtext("STATE"), found.findtext("TEMPLATE/HYPERVISOR")) == ("2", "lxc")
    assert found.findtext("MONITORING/TIMESTAMP") == str(int(bench.time))
    assert len(found.find("HOST_SHARE/PCI_DEVICES") or ()) == 0


def test_a_host_in_error_has_its_reason_and_is_retried_as_late_as_on_a_real_front_end(
    watched: tuple[Bench, Monitor, PlayedLogin],
) -> None:
    bench, monitor, played = watched
    played.reason = "connect to host 198.51.100.10 port 22: Connection refused"
    look(monitor)
    found = bench.tree("one.host.info", 0)
    assert found.findtext("STATE") == "3"
    told = found.findtext("TEMPLATE/ERROR") or ""
    assert told.endswith(f" : Error monitoring Host 198.51.100.10 (0): {played.reason}")
    bench.pass_time(183.0)
    assert look(monitor) == []
    bench.pass_time(13.0)
    assert look(monitor) == [0, 1]
    assert bench.tree("one.host.info", 0).findtext("TEMPLATE/ERROR") == told, "since when it is in error"
    played.reason = ""
    bench.pass_time(196.0)
    look(monitor)
    found = bench.tree("one.host.info", 0)
    assert (found.findtext("STATE"), found.find("TEMPLATE/ERROR")) == ("2", None)


def test_a_healthy_host_is_checked_less_often(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, _ = watched
    look(monitor)
    bench.pass_time(9.0)
    assert look(monitor) == []
    bench.pass_time(1.0)
    assert look(monitor) == [0, 1]


def test_a_healthy_host_is_in_error_after_two_failures(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, played = watched
    look(monitor)
    for fails, seconds, expected in ((True, 10.0, "2"), (False, 2.0, "2"), (True, 10.0, "2"), (True, 2.0, "3")):
        played.reason = "Connection timed out" if fails else ""
        bench.pass_time(seconds)
        assert look(monitor) == [0, 1]
        assert host_state(bench, 0) == expected


def test_an_offline_host_is_not_monitored(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, _ = watched
    bench.value("one.host.status", 1, 2)
    assert look(monitor) == [0, 1], "these attempts were asked for by allocate"
    bench.pass_time(1000.0)
    assert look(monitor) == [0]
    assert [host.findtext("STATE") for host in bench.tree("one.hostpool.info")] == ["8", "2"]


def test_a_disabled_host_is_monitored_and_stays_disabled(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    """Once enabled it is MONITORED at once, though it does not answer."""
    bench, monitor, played = watched
    look(monitor)
    bench.value("one.host.status", 0, 1)
    played.reason = "Connection timed out"
    for seconds in (10.0, 2.0):
        bench.pass_time(seconds)
        assert look(monitor) == [0, 1]
    found = bench.tree("one.host.info", 0)
    assert (found.findtext("STATE"), host_state(bench, 1)) == ("4", "3")
    assert (found.findtext("TEMPLATE/ERROR") or "").endswith(played.reason)
    bench.value("one.host.status", 0, 0)
    assert (host_state(bench, 0), look(monitor)) == ("2", [])
    bench.pass_time(190.0)
    look(monitor)
    bench.pass_time(2.0)
    look(monitor)
    assert host_state(bench, 0) == "3"


def test_the_agent_outlives_a_rename(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    """Until the host is OFFLINE, or the agent no longer answers: then the front-end logs in by the present name."""
    bench, monitor, played = watched
    look(monitor)
    for number in (0, 1):
        bench.value("one.host.rename", number, f"198.51.100.{20 + number}")
    bench.pass_time(10.0)
    look(monitor)
    assert played.names[2:] == ("198.51.100.10", "198.51.100.11")
    assert (host_state(bench, 0), host_state(bench, 1)) == ("2", "2")
    bench.value("one.host.status", 0, 2)
    bench.value("one.host.status", 0, 0)
    look(monitor)
    assert played.names[4:] == ("198.51.100.20",)
    played.reason = "Connection timed out"
    for seconds in (10.0, 2.0):
        bench.pass_time(seconds)
        look(monitor)
    assert played.names[5:] == ("198.51.100.20", "198.51.100.11", "198.51.100.20", "198.51.100.21")


def test_an_enabled_host_is_monitored_at_once(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, _ = watched
    look(monitor)
    bench.value("one.host.status", 0, 2)
    bench.value("one.host.status", 0, 0)
    assert look(monitor) == [0]


def test_a_login_started_by_allocate_counts_for_the_renamed_host(
    watched: tuple[Bench, Monitor, PlayedLogin],
) -> None:
    bench, monitor, played = watched
    look(monitor)
    number = bench.value("one.host.allocate", "edgewrap-uuid-host-2", "kvm", "kvm", 0)
    bench.value("one.host.status", number, 2)
    bench.value("one.host.rename", number, "198.51.100.12")
    (late,) = monitor.take_due()
    bench.value("one.host.status", number, 0)
    assert look(monitor) == [number], "the one under way does not keep the next one back"
    assert (played.names[-1], host_state(bench, number)) == ("198.51.100.12", "2")

    played.reason = "Could not resolve hostname"
    monitor.look(late)
    assert (played.names[-1], host_state(bench, number)) == ("edgewrap-uuid-host-2", "3")
    told = bench.tree("one.host.info", number).findtext("TEMPLATE/ERROR") or ""
    assert told.endswith(f" : Error monitoring Host 198.51.100.12 ({number}): {played.reason}")
    bench.pass_time(599.0)
    assert number not in look(monitor), "the agent's beacons prevent a retry"
    played.reason = ""
    bench.pass_time(1.0)
    assert number in look(monitor)
    assert host_state(bench, number) == "2"


def test_without_a_driver_nothing_is_monitored(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, played = watched
    look(monitor)
    number = bench.value("one.host.allocate", "edgewrap-uuid-host-2", "none", "kvm", 0)
    bench.pass_time(1000.0)
    assert number not in look(monitor)
    bench.value("one.host.status", number, 2)
    bench.value("one.host.update", number, 'IM_MAD = "kvm"', 1)
    bench.value("one.host.rename", number, "198.51.100.12")
    assert look(monitor) == []
    bench.value("one.host.status", number, 0)
    assert look(monitor) == [number]
    assert set(played.names) == {"198.51.100.10", "198.51.100.11", "198.51.100.12"}
    assert host_state(bench, number) == "2"


def test_enabling_a_host_in_error_starts_nothing(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, played = watched
    played.reason = "Connection refused"
    look(monitor)
    bench.value("one.host.status", 0, 0)
    assert host_state(bench, 0) == "0"
    bench.pass_time(100.0)
    assert look(monitor) == []
    bench.value("one.host.status", 0, 2)
    bench.value("one.host.status", 0, 0)
    played.reason = ""
    assert look(monitor) == [0]
    assert (host_state(bench, 0), host_state(bench, 1)) == ("2", "3")


def test_enabling_a_monitored_host_shows_init_until_its_agents_next_full_report(
    watched: tuple[Bench, Monitor, PlayedLogin],
) -> None:
    bench, monitor, _ = watched
    look(monitor)
    bench.value("one.host.status", 0, 0)
    bench.pass_time(599.0)
    assert look(monitor) == [1]
    assert host_state(bench, 0) == "0"
    bench.pass_time(1.0)
    assert look(monitor) == [0]
    assert host_state(bench, 0) == "2"


def test_a_new_driver_takes_effect_only_after_the_host_was_offline(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, _ = watched
    look(monitor)
    bench.value("one.host.update", 0, 'IM_MAD = "kvm"\nVM_MAD = "kvm"', 1)
    bench.pass_time(10.0)
    assert look(monitor) == [0, 1]
    assert bench.tree("one.host.info", 0).findtext("TEMPLATE/HYPERVISOR") == "lxc", "the old agent continues"
    bench.value("one.host.status", 0, 2)
    bench.value("one.host.status", 0, 0)
    assert look(monitor) == [0]
    assert bench.tree("one.host.info", 0).findtext("TEMPLATE/HYPERVISOR") == "kvm"


def test_a_restarted_front_end_monitors_every_enabled_host(
    watched: tuple[Bench, Monitor, PlayedLogin],
) -> None:
    bench, monitor, played = watched
    look(monitor)
    bench.value("one.host.status", 1, 2)
    assert look(Monitor(bench.one, played)) == [0]


def test_late_monitoring_results_are_discarded(watched: tuple[Bench, Monitor, PlayedLogin]) -> None:
    bench, monitor, _ = watched
    due = monitor.take_due()
    assert monitor.take_due() == [], "one look at a time"
    bench.value("one.host.status", 0, 2)
    bench.value("one.host.delete", 1)
    for attempt in due:
        monitor.look(attempt)
    assert [host.findtext("STATE") for host in bench.tree("one.hostpool.info")] == ["8"]

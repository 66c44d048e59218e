"""Monitoring by SSH: an enabled host is MONITORED once the front-end has logged in to it, in ERROR otherwise.

The front-end connects only to its allowed networks. It logs in when a host is allocated or enabled, with the host's
name at that moment. As on a real front-end, neither a rename nor OFFLINE cancels a login that has started: if it fails
after the host was renamed and enabled, the failure counts for that host. A host in ERROR is retried only after the
front-end's retry time, or after 10 minutes if an agent runs on it all the same.

A MONITORED host has an agent, which continues after a rename until the host is OFFLINE. So the host is checked every
few intervals by the name at which the agent was started. If that fails, the front-end logs in by the present name one
interval later, and the host changes to ERROR if that fails too.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgewrap.lab.opennebula import hosts
from edgewrap.lab.opennebula.frontend import FULL_REPORT_S, Attempt, FrontEnd
from edgewrap.lab.opennebula.records import Host, HostState

_WORKERS = 8
_CONNECT_TIMEOUT = 3  # seconds
_TIMEOUT = 10.0  # seconds, for the whole login
LOOKUP_S = 5.0  # as measured on a real front-end
_SELDOM = 5  # intervals between two checks of a MONITORED host
_WITH_AGENT = (HostState.MONITORED, HostState.DISABLED)


@dataclass(slots=True)
class Login:
    """How the front-end logs in to hosts; `allowed` are the only networks that it connects to. With `by_name` it looks
    names up, otherwise it knows addresses only. A name that does not resolve takes `lookup` seconds to fail."""

    key: Path
    user: str
    known_hosts: Path
    allowed: tuple[IPv4Network, ...]
    port: int = 22
    lookup: float = LOOKUP_S
    by_name: bool = False
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def attempt(self, name: str) -> str:
        """Log in once; the reason why it failed, or nothing."""
        try:
            address = self._address(name)
        except OSError as error:
            self._cancelled.wait(self.lookup)
            return f"ssh: Could not resolve hostname {name}: {error.strerror}"
        if not any(address in network for network in self.allowed):
            return f"{name} is not in {', '.join(map(str, self.allowed))}; the lab's front-end connects to nothing else"
        try:
            return self._ssh(f"{self.user}@{name}")
        except OSError as error:
            return f"ssh could not be run: {error}"

    def _address(self, name: str) -> IPv4Address:
        flags = 0 if self.by_name else socket.AI_NUMERICHOST
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM, flags=flags)
        return IPv4Address(found[0][4][0])

    def cancel(self) -> None:
        """End the running logins."""
        self._cancelled.set()
        for process in tuple(self._running):
            process.kill()

    def _ssh(self, target: str) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
        with subprocess.Popen(
            [*self._command(), target, "true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
        ) as process:
            self._running.add(process)
            try:
                _, told = process.communicate(timeout=_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"ssh {target}: no answer within {_TIMEOUT:.0f} s"
            finally:
                self._running.discard(process)
        if process.returncode == 0:
            return ""
        lines = [line.strip() for line in told.splitlines() if line.strip(" @\r")]
        return " ".join(lines) or f"ssh {target} ended with status {process.returncode}"

    def _command(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "ConnectTimeout": str(_CONNECT_TIMEOUT),
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
        }
        command = ["ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port)]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        return command


@dataclass(slots=True)
class Monitor:
    """Monitors a front-end's hosts until it is stopped. The store's lock guards its attributes."""

    one: FrontEnd
    login: Login
    _next: dict[int, float] | None = None  # when a host is due for a check, by id; None before the first round
    _busy: Counter[int] = field(default_factory=Counter)  # running attempts, by the host's id
    _missed: set[int] = field(default_factory=set)  # MONITORED hosts whose last check failed
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and end all running logins."""
        self._stop.set()
        self.login.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="ssh") as pool:
            while not self._stop.wait(self.one.interval / 4):
                for attempt in self.take_due():
                    pool.submit(self.look, attempt)
            pool.shutdown(cancel_futures=True)

    def take_due(self) -> list[Attempt]:
        """The attempts that start now: those that calls have requested, and the checks that are due. A front-end that
        was just started logs in to every host that is not offline."""
        one = self.one
        with one.store.transaction():
            due, one.starts = one.starts, []
            self._busy.update(attempt.host_id for attempt in due)
            known, unknown = ({}, 0.0) if self._next is None else (self._next, one.clock() + one.retry)
            everyone = one.store.all(Host)
            self._next = {host.id: known.get(host.id, unknown) for host in everyone}
            looks = [
                Attempt(host.id, host.agent_at, host.agent, is_check=True)
                if host.state in _WITH_AGENT and host.agent_at and host.id not in self._missed
                else Attempt(host.id, host.name, host.im_mad)
                for host in everyone
                if hosts.is_watched(host)
                and hosts.has_driver(host)
                and not self._busy[host.id]
                and one.clock() >= max(self._next[host.id], host.due)
            ]
            self._busy.update(attempt.host_id for attempt in looks)
        return due + looks

    def look(self, attempt: Attempt) -> None:
        """Make one attempt. The result counts for the host as it is then, unless it is offline or deleted."""
        reason = "" if self._stop.is_set() else self.login.attempt(attempt.name)
        if self._stop.is_set():
            return
        one = self.one
        with one.store.transaction():
            self._busy[attempt.host_id] -= 1
            current = one.store.get(Host, attempt.host_id)
            if current is None or not hosts.is_watched(current):
                return
            if not reason:
                hosts.seen_well(one, current, attempt.driver, attempt.name)
                pause = one.interval * _SELDOM
                self._missed.discard(current.id)
            elif attempt.is_check:
                pause = one.interval
                self._missed.add(current.id)
            else:
                has_agent = current.state == HostState.MONITORED and current.id not in self._missed
                hosts.seen_ill(one, current, reason)
                pause = FULL_REPORT_S if has_agent else one.retry
                self._missed.discard(current.id)
            self._next = {**(self._next or {}), current.id: one.clock() + pause}

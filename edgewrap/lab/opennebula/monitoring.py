"""Monitoring by SSH: an enabled host is MONITORED once the front-end has logged in at its name, in ERROR otherwise.

The front-end connects only to the networks that it was given. A host that is new or in ERROR is tried again after
every interval; one that is MONITORED is looked at more seldom.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgewrap.lab.opennebula import hosts
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import Host, HostState

_WORKERS = 8
_CONNECT_TIMEOUT = 3  # seconds
_TIMEOUT = 10.0  # seconds, for the whole login
_SELDOM = 5  # intervals between two looks at a host that was well


@dataclass(frozen=True, slots=True)
class Login:
    """How the front-end logs in at hosts."""

    key: Path
    user: str
    known_hosts: Path
    allowed: tuple[IPv4Network, ...]
    port: int = 22

    def attempt(self, name: str) -> str:
        """Log in once; the reason why it failed, or nothing."""
        try:
            address = IPv4Address(name)
        except ValueError:
            return f"{name} is no IPv4 address; the lab's front-end connects to nothing else"
        if not any(address in network for network in self.allowed):
            return f"{name} is not in {', '.join(map(str, self.allowed))}; the lab's front-end connects to nothing else"
        return self._ssh(str(address))

    def _ssh(self, address: str) -> str:
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
        environment = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
        try:
            done = subprocess.run(
                [*command, f"{self.user}@{address}", "true"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"ssh {self.user}@{address}: no answer within {_TIMEOUT:.0f} s"
        if done.returncode == 0:
            return ""
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip(" @\r")]
        return " ".join(lines) or f"ssh {self.user}@{address} ended with status {done.returncode}"


@dataclass(slots=True)
class Monitor:
    """Looks after a front-end's hosts until it is stopped."""

    one: FrontEnd
    login: Login
    _next: dict[int, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; waits for logins that are under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="ssh") as pool:
            while not self._stop.wait(self.one.interval / 4):
                due = self.due()
                for host in due:
                    self._next[host.id] = float("inf")  # until the look is over
                for host in due:
                    pool.submit(self.look, host)

    def due(self) -> Sequence[Host]:
        """The hosts that are to be looked at now."""
        with self.one.store.transaction():
            everyone = self.one.store.all(Host)
        now = self.one.clock()
        known = {host.id for host in everyone}
        self._next = {number: when for number, when in self._next.items() if number in known}
        return [
            host
            for host in everyone
            if hosts.enabled(host) and (now >= self._next.get(host.id, 0.0) or self._is_new(host))
        ]

    def _is_new(self, host: Host) -> bool:
        """Enabled again after its last look: it need not wait for the next one."""
        return host.state == HostState.INIT and self._next.get(host.id, 0.0) > self.one.clock() + self.one.interval

    def look(self, host: Host) -> None:
        """Log in at one host and keep what came of it, unless it was disabled or deleted meanwhile."""
        reason = "the login could not be tried"
        try:
            reason = self.login.attempt(host.name)
        finally:
            with self.one.store.transaction():
                current = self.one.store.get(Host, host.id)
                if current is not None and hosts.enabled(current):
                    if reason:
                        hosts.seen_ill(self.one, current, reason)
                    else:
                        hosts.seen_well(self.one, current)
            pause = self.one.interval * (1 if reason else _SELDOM)
            self._next[host.id] = self.one.clock() + pause

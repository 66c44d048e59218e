"""Monitoring by SSH: an enabled host is MONITORED once the front-end has logged in at its name, in ERROR otherwise.

The front-end connects only to the networks that it was given. A host that is new or in ERROR is tried again after
every interval; one that is MONITORED is looked at more seldom.
"""

from __future__ import annotations

import os
import subprocess
import threading
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


@dataclass(slots=True)
class Login:
    """How the front-end logs in at hosts; `allowed` are the only networks that it connects to."""

    key: Path
    user: str
    known_hosts: Path
    allowed: tuple[IPv4Network, ...]
    port: int = 22
    _running: set[subprocess.Popen[str]] = field(default_factory=set)

    def attempt(self, name: str) -> str:
        """Log in once; the reason why it failed, or nothing."""
        try:
            address = IPv4Address(name)
        except ValueError:
            return f"{name} is no IPv4 address; the lab's front-end connects to nothing else"
        if not any(address in network for network in self.allowed):
            return f"{name} is not in {', '.join(map(str, self.allowed))}; the lab's front-end connects to nothing else"
        try:
            return self._ssh(f"{self.user}@{address}")
        except OSError as error:
            return f"ssh could not be run: {error}"

    def cancel(self) -> None:
        """End the logins that are under way."""
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
    """Looks after a front-end's hosts until it is stopped. The store's lock guards what it remembers."""

    one: FrontEnd
    login: Login
    _next: dict[int, float] = field(default_factory=dict)  # when a host is to be looked at again, by id
    _busy: set[int] = field(default_factory=set)  # hosts that are being looked at
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and with it every login that is under way."""
        self._stop.set()
        self.login.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="ssh") as pool:
            while not self._stop.wait(self.one.interval / 4):
                for host in self.take_due():
                    pool.submit(self.look, host)
            pool.shutdown(cancel_futures=True)

    def take_due(self) -> list[Host]:
        """The enabled hosts that are to be looked at now. One that was just enabled does not wait for its turn."""
        with self.one.store.transaction():
            everyone = self.one.store.all(Host)
            self._next = {host.id: self._next.get(host.id, 0.0) for host in everyone}
            due = [
                host
                for host in everyone
                if hosts.enabled(host)
                and host.id not in self._busy
                and (host.state == HostState.INIT or self.one.clock() >= self._next[host.id])
            ]
            self._busy.update(host.id for host in due)
        return due

    def look(self, host: Host) -> None:
        """Log in at one host and keep what came of it, unless it was disabled or deleted meanwhile."""
        reason = "" if self._stop.is_set() else self.login.attempt(host.name)
        if self._stop.is_set():
            return
        with self.one.store.transaction():
            current = self.one.store.get(Host, host.id)
            if current is not None and hosts.enabled(current):
                if reason:
                    hosts.seen_ill(self.one, current, reason)
                else:
                    hosts.seen_well(self.one, current)
            self._next[host.id] = self.one.clock() + self.one.interval * (1 if reason else _SELDOM)
            self._busy.discard(host.id)

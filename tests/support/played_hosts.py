"""A front-end that monitors by SSH, in this process: only the logins themselves are played."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from edgewrap.lab.opennebula.monitoring import Login, Monitor
from tests.support import front_end
from tests.support.front_end import VERSIONS, Stage

LOOKUP_S = 0.8  # how long it takes to find that a temporary name does not resolve


class PlayedHosts(Login):
    """Every host of the network answers, but those of `down` (by address). `tried` has all names."""

    down: frozenset[str] = frozenset()
    tried: tuple[str, ...] = ()

    def attempt(self, name: str) -> str:
        self.tried += (name,)
        return Login.attempt(self, name)

    def _ssh(self, target: str) -> str:
        return "Connection refused" if target.partition("@")[2] in self.down else ""


@contextmanager
def monitored_stage(directory: Path, *, retry_s: float = 60.0) -> Iterator[tuple[Stage, PlayedHosts]]:
    """A fresh front-end whose hosts are seen within 0.1 s, and looked at every second when they are well."""
    stage = front_end.stage(VERSIONS[-1], directory)
    stage.lab.monitor, stage.lab.interval, stage.lab.retry = "ssh", 0.2, retry_s
    networks = (IPv4Network("198.51.100.0/24"),)
    hosts = PlayedHosts(directory / "key", "oneadmin", directory / "known_hosts", networks, lookup=LOOKUP_S)
    monitor = Monitor(stage.lab, hosts)
    monitor.start()
    try:
        yield stage, hosts
    finally:
        monitor.stop()

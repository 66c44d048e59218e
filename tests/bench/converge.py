"""The hosts plane over ten hosts with nothing to do, and over ten new hosts, relative to one bare SSH command each, in
a lab of its own.

The first is measured as `apply` does it: observe all hosts, compare, find nothing to change. The second
observes and converges hosts as they were launched; between two rounds all of edgewrap's files are deleted and the
hosts rebooted, and the planned changes must be the same as at first. The bare command is `true` over a
connection of asyncssh's, which the plane uses too, on all hosts side by side; OpenSSH's `ssh` is shown beside it. All
hosts of the lab share this machine's processors, so what runs on them counts ten times.

Last line: `converge_ratio EMPTY_FACTS EVERYTHING NOTHING_SECONDS EVERYTHING_SECONDS BARE_SECONDS` (medians).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import asyncssh

from edgewrap.hosts.plane import HostsPlan, HostsPlane
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from tests.support.cluster import hosts_plane, key_file, read_outputs, write_spec
from tests.support.lab import Lab

HOSTS = 10
ROUNDS, FRESH_ROUNDS = 7, 3
WAIT_S = 60
SPEC = f"""
name: edge-bench
aws: {{ region: eu-west-3 }}
hosts: {{ count: {HOSTS} }}
public_network: {{ elastic_ips: {{ count: {HOSTS} }}, groups: {HOSTS} }}
"""
_KEEP = "cp -a /etc/frr /var/tmp/frr"
# Ends with the host's end: what is in its kernel goes with it.
_RENEW = """
set -e
rm -rf "$@" /var/lib/edgewrap /etc/frr
cp -a /var/tmp/frr /etc/frr
rm -f /etc/systemd/system/multi-user.target.wants/edgewrap-*.service
systemctl disable --quiet frr.service
systemctl --no-block reboot
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Ten hosts."""

    lab: Lab
    plane: HostsPlane
    outputs: Outputs

    def look(self) -> HostsPlan:
        """What the hosts need."""
        context = Context(self.outputs)
        observation = self.plane.observe(context)
        for error in observation.failures.values():
            raise error
        return self.plane.plan(observation, context)

    def need_nothing(self) -> None:
        """What an apply does with hosts that need nothing: it only plans."""
        if changes := self.look().changes:
            sys.exit(f"{len(changes)} changes on hosts that should need none, the first {changes[0]}")

    def need_everything(self) -> None:
        """What an apply does with new hosts."""
        result = self.plane.apply(self.look(), Context(self.outputs, wait_s=WAIT_S))
        for error in result.failures.values():
            raise error

    def by_asyncssh(self) -> None:
        """The bare command: `true` on each host, side by side."""
        asyncio.run(self._true_everywhere())

    def by_openssh(self) -> None:
        """The same by processes of `ssh`."""
        options = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o")
        running = [
            subprocess.Popen(
                ["ssh", *options, "LogLevel=ERROR", "-i", str(key_file(self.lab)), f"ubuntu@{host.name}", "true"],
                stdin=subprocess.DEVNULL,
            )
            for host in self.outputs.hosts.values()
        ]
        statuses = [process.wait() for process in running]
        if any(statuses):
            sys.exit("ssh failed")

    def renew(self, files: Mapping[str, list[str]]) -> None:
        """Make the hosts what they were at first, and wait until they have booted."""

        def one(host: str) -> None:
            before = self._boot_of(host)
            self.lab.run("sh", "-c", _RENEW, "renew", *files[host], place=host, check=False)
            deadline = time.monotonic() + WAIT_S
            while self._boot_of(host) in ("", before):
                if time.monotonic() > deadline:
                    sys.exit(f"{host} does not boot")
                time.sleep(0.5)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, self.outputs.hosts))

    def _boot_of(self, host: str) -> str:
        """Which boot it is: when its systemd began; empty while it is not all up."""
        states = "systemctl is-system-running --wait >/dev/null; stat -c %Y /proc/1"
        return self.lab.run("sh", "-c", states, place=host, check=False, timeout=WAIT_S).stdout.strip()

    async def _true_everywhere(self) -> None:
        key = asyncssh.read_private_key(key_file(self.lab))

        async def one(name: str) -> None:
            async with asyncssh.connect(
                name, username="ubuntu", client_keys=[key], known_hosts=None, config=None, agent_path=None
            ) as connection:
                await connection.run("true", check=True)

        await asyncio.gather(*(one(host.name) for host in self.outputs.hosts.values()))


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(bench: Bench) -> tuple[list[float], dict[str, list[float]]]:
    """Seconds of hosts that need everything; of those that need nothing and of the bare commands, in turns."""
    for host in bench.outputs.hosts:
        bench.lab.run("sh", "-c", _KEEP, place=host)
    with bench.lab.network():
        at_first = bench.look().changes
    everything: list[float] = []
    while True:
        with bench.lab.network():
            everything.append(seconds(bench.need_everything))
            observation = bench.look().facts
        if len(everything) == FRESH_ROUNDS:
            break
        bench.renew({key: list(facts.files) for key, facts in observation.facts.items()})
        with bench.lab.network():
            now = bench.look().changes
        if differing := {change.key for change in at_first} ^ {change.key for change in now}:
            sys.exit(f"the hosts are not as they were: {sorted(differing)}")
    print(f"{len(at_first)} changes on {HOSTS} hosts that need everything")
    turns = {work.__name__: work for work in (bench.by_asyncssh, bench.by_openssh, bench.need_nothing)}
    times: dict[str, list[float]] = {name: [] for name in turns}
    with bench.lab.network():
        for _ in range(ROUNDS + 1):
            for name, work in turns.items():
                times[name].append(seconds(work))
    return everything, {name: found[1:] for name, found in times.items()}  # the first of each warms up


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            spec = write_spec(lab, Path(directory), SPEC)
            lab.quota(elastic_ips=HOSTS)
            lab.edgewrap("apply", "--file", str(spec), "--auto-approve", "--skip", "hosts")
            everything, times = measure(Bench(lab, hosts_plane(spec), read_outputs(lab, spec)))
        finally:
            lab.down()
    report(everything, times)


def report(everything: list[float], times: dict[str, list[float]]) -> None:
    """Print everything."""
    for name, found in {**times, "need_everything": everything}.items():
        print(f"{name}: {' '.join(f'{value:.2f}' for value in sorted(found))} s")
    bare, nothing = (statistics.median(times[name]) for name in ("by_asyncssh", "need_nothing"))
    full = statistics.median(everything)
    print(f"{os.cpu_count()} cores for all {HOSTS} hosts, {len(times['need_nothing'])} and {len(everything)} rounds")
    print(f"converge_ratio {nothing / bare:.1f} {full / bare:.1f} {nothing:.2f} {full:.2f} {bare:.2f}")


if __name__ == "__main__":
    main()

"""New TCP connections per second to one VM, its host carrying 49 Elastic IPs with their VMs, against 1, in a lab.

49 is what one interface holds. In AWS all of them are there throughout; the host is made to carry 1 or 49 by edgewrap's
own converge, in turns, and the same VM is measured each time: a client on the internet opens connections to its Elastic
IP and resets each at once. The same client and server without any network between them tell how much of the time is
theirs, and how steady the machine is.

Last line: `forwarding_ratio RATIO WITH_49 WITH_1` (medians, connections per second). Ends with 1 below 0.9.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgewrap.hosts.plane import HostsPlane
from edgewrap.lab import control
from edgewrap.lab.directory import lab_directory
from edgewrap.outputs import EipOutput, Outputs
from tests.support.cluster import hosts_plane, read_outputs, write_spec
from tests.support.lab import Lab

BOUND = 0.9
ROUNDS = 3
SLICES = 10
SLICE_S = 0.7
CLIENTS = 2
MOST = 49
MEASURED = "eip-0"
HOST = "host-0"
PORT = 7000
SPEC = f"""
name: edge-bench
aws: {{ region: eu-west-3 }}
hosts: {{ count: 1 }}
evpn: {{ reflectors: 1 }}
public_network: {{ elastic_ips: {{ count: {MOST} }}, groups: 1 }}
"""

_SERVE = f"""
import socket
listener = socket.create_server(("0.0.0.0", {PORT}), backlog=4096)
print("ready", flush=True)
while True:
    listener.accept()[0].close()
"""
# The last connection of a burst waits until the server has accepted it, and so all before it: none is left waiting.
_CONNECT = f"""
import socket, struct, sys, time
BURST, RESET = 32, struct.pack("ii", 1, 0)
for _ in range({SLICES}):
    made, begun = 0, time.monotonic()
    while time.monotonic() - begun < {SLICE_S}:
        for number in range(BURST):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.connect((sys.argv[1], {PORT}))
            if number == BURST - 1:
                connection.recv(1)
            connection.close()
        made += BURST
    print(made / (time.monotonic() - begun))
"""


@dataclass(frozen=True)
class Bench:
    """A host that can carry all Elastic IPs, or only the first ones."""

    lab: Lab
    plane: HostsPlane
    outputs: Outputs
    vms: set[str] = field(default_factory=set)

    def carry(self, count: int) -> None:
        """Make the host carry the first `count` Elastic IPs, each with its VM on it, and no others."""
        wanted = dict(list(self.outputs.eips.items())[:count])
        for key in self.vms - wanted.keys():
            self._ask("vm stop", name=key)
        self._converge(replace(self.outputs, eips=wanted))
        for key in wanted.keys() - self.vms:
            self._start_vm(key, wanted[key])
        self.vms.clear()
        self.vms.update(wanted)

    def rates(self, place: str, address: str) -> list[float]:
        """Connections per second from a place, slice by slice, all clients together."""
        clients = [self.lab.start(sys.executable, "-c", _CONNECT, address, place=place) for _ in range(CLIENTS)]
        columns = [_numbers(client) for client in clients]
        return [sum(rates) for rates in zip(*columns, strict=True)]

    def _converge(self, outputs: Outputs) -> None:
        with self.lab.network():
            result = self.plane.converge(outputs, self.plane.observe(outputs, {}), {}, wait_s=30)
        for error in result.failures.values():
            raise error
        carried = [route for route in result.facts[HOST].routes if route.device == "gw-edge" and route.table == 10000]
        if len(carried) != len(outputs.eips):
            sys.exit(f"the host carries {len(carried)} addresses, not {len(outputs.eips)}")

    def _start_vm(self, key: str, eip: EipOutput) -> None:
        wanted = {"host": HOST, "address": eip.private_address, "network": "", "nics": [], "security_groups": []}
        self._ask("vm start", name=key, **wanted)

    def _ask(self, what: str, **arguments: object) -> None:
        control.ask(lab_directory(None, self.lab.environ), what, **arguments)


def _numbers(client: subprocess.Popen[str]) -> list[float]:
    said, _ = client.communicate(timeout=300)
    if client.returncode:
        sys.exit(f"a client failed: {said}")
    return [float(line) for line in said.split()]


@contextmanager
def _server(lab: Lab) -> Iterator[None]:
    process = lab.start(sys.executable, "-c", _SERVE, place=MEASURED)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        process.communicate()


def measure(bench: Bench) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """The rates with 1 and with 49, and those without a network between."""
    rates: dict[int, list[float]] = {1: [], MOST: []}
    alone: dict[int, list[float]] = {1: [], MOST: []}
    bench.carry(1)
    with _server(bench.lab):
        for count in _turns():
            bench.carry(count)
            alone[count] += bench.rates(MEASURED, "127.0.0.1")
            rates[count] += bench.rates("internet", bench.outputs.eips[MEASURED].public_address)
    return rates, alone


def _turns() -> Iterator[int]:
    """1, 49, 1, 49, 1, …: it begins and ends with 1, so that what changes slowly on the machine harms no side."""
    for _ in range(ROUNDS - 1):
        yield from (1, MOST)
    yield 1


def _spread(rates: list[float]) -> str:
    low, middle, high = (round(value) for value in statistics.quantiles(rates, n=4))
    return f"{middle} (half of all between {low} and {high}, best {max(rates):.0f})"


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            spec = write_spec(lab, Path(directory), SPEC)
            lab.quota(elastic_ips=MOST)
            lab.edgewrap("apply", "--file", str(spec), "--auto-approve")
            rates, alone = measure(Bench(lab, hosts_plane(spec), read_outputs(lab, spec)))
        finally:
            lab.down()
    print(f"{os.cpu_count()} cores, {CLIENTS} clients, slices of {SLICE_S} s; new connections per second, medians")
    for count in rates:
        print(f"with {count} Elastic IPs: {_spread(rates[count])}; without a network between: {_spread(alone[count])}")
    few, many = (statistics.median(rates[count]) for count in (1, MOST))
    print(f"of the bests: {max(rates[MOST]) / max(rates[1]):.2f}")
    print(f"forwarding_ratio {many / few:.2f} {many:.0f} {few:.0f}")
    sys.exit(1 if many / few < BOUND else 0)


if __name__ == "__main__":
    main()

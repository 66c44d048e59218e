"""New TCP connections per second to one VM whose host carries 49 Elastic IPs, against 1, in a lab of its own.

49 is what one interface holds. In AWS all of them are there throughout; the host is made to carry 1 or all of them by
edgewrap's own converge, in turns, and the same VM is measured each time: clients on the internet open connections to
its Elastic IP and reset each at once. The same clients in the VM itself, without a network between, tell how much of
the time is theirs, and how steady the machine is.

At last the other 48 VMs are started on the host as well: what that costs is the two rules a VM that OpenNebula's driver
appends to one chain, which every packet walks. It is shown, and not part of the bound.

Last line: `forwarding_ratio RATIO WITH_49 WITH_1` (medians, connections per second). Ends with 1 below 0.9.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgewrap.hosts.plane import HostsPlane
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from tests.support.cluster import hosts_plane, read_outputs, write_spec
from tests.support.lab import Lab

BOUND = 0.9
MOST = 49
TURNS = (1, MOST, MOST, 1) * 2  # what changes slowly on the machine harms neither side
SLICES, SLICE_S = 8, 0.5
CLIENTS = 2
MEASURED, HOST, PORT = "eip-0", "host-0", 7000
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
# Prints a line a slice: connections per second, and microseconds of this process's time a connection.
_CONNECT = f"""
import socket, struct, sys, time
BURST, RESET = 32, struct.pack("ii", 1, 0)
for _ in range({SLICES}):
    made, begun, used = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begun < {SLICE_S}:
        for number in range(BURST):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.connect((sys.argv[1], {PORT}))
            if number == BURST - 1:
                connection.recv(1)
            connection.close()
        made += BURST
    print(made / (time.monotonic() - begun), 1e6 * (time.process_time() - used) / made)
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """What the clients did together in one slice: connections per second, and the microseconds of processor time that
    one took on their side, where packets are forwarded too: other processes on the machine hardly change that."""

    rate: float
    cost_us: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A host that can carry all Elastic IPs, or only some of them."""

    lab: Lab
    plane: HostsPlane
    outputs: Outputs

    def carry(self, count: int) -> None:
        """Make the host carry the first `count` Elastic IPs and no others."""
        outputs = replace(self.outputs, eips=dict(list(self.outputs.eips.items())[:count]))
        with self.lab.network():
            context = Context(outputs, wait_s=30)
            result = self.plane.apply(self.plane.plan(self.plane.observe(context), context), context)
        for error in result.failures.values():
            raise error
        carried = len(result.facts[HOST].proxies)
        if carried != count:
            sys.exit(f"the host carries {carried} Elastic IPs instead of {count}")

    def start_vms(self, keys: Sequence[str]) -> None:
        """Start the VMs of these Elastic IPs on the host."""
        for key in keys:
            self.lab.tool("lab", "vm", "start", key, "--host", HOST, "--ip", self.outputs.eips[key].private_address)

    def from_internet(self) -> list[Slice]:
        """Connections from the internet to the measured VM."""
        return self._connect("internet", self.outputs.eips[MEASURED].public_address)

    def within_vm(self) -> list[Slice]:
        """Connections from the measured VM to itself."""
        return self._connect(MEASURED, "127.0.0.1")

    def _connect(self, place: str, address: str) -> list[Slice]:
        clients = [self.lab.start(sys.executable, "-c", _CONNECT, address, place=place) for _ in range(CLIENTS)]
        return [
            Slice(sum(rates), statistics.mean(costs))
            for rates, costs in (zip(*slices, strict=True) for slices in zip(*map(_numbers, clients), strict=True))
        ]


def _numbers(client: subprocess.Popen[str]) -> list[tuple[float, float]]:
    said, _ = client.communicate(timeout=300)
    if client.returncode:
        sys.exit(f"a client failed: {said}")
    return [(float(rate), float(cost)) for rate, cost in map(str.split, said.splitlines())]


@contextmanager
def server(lab: Lab) -> Iterator[None]:
    """The server in the measured VM."""
    process = lab.start(sys.executable, "-c", _SERVE, place=MEASURED)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        process.communicate()


def measure(bench: Bench) -> dict[str, list[Slice]]:
    """All slices, by what was measured."""
    slices: dict[str, list[Slice]] = {}
    bench.start_vms([MEASURED])
    with server(bench.lab):
        for count in TURNS:
            bench.carry(count)
            slices.setdefault(_with(count), []).extend(bench.from_internet())
            slices.setdefault(f"{_with(count)}, no network", []).extend(bench.within_vm())
        bench.carry(MOST)
        bench.start_vms([key for key in bench.outputs.eips if key != MEASURED])
        slices[f"{_with(MOST)} and VMs"] = bench.from_internet()
    return slices


def _with(count: int) -> str:
    return f"{count} Elastic IP{'s' if count > 1 else ''}"


def median_rate(slices: Sequence[Slice]) -> float:
    """Connections per second."""
    return statistics.median(slice_.rate for slice_ in slices)


def report(slices: dict[str, list[Slice]]) -> float:
    """Print everything; gives the ratio."""
    print(f"{os.cpu_count()} cores, {CLIENTS} clients; medians of slices of {SLICE_S} s")
    for what, found in slices.items():
        low, _, high = statistics.quantiles([slice_.rate for slice_ in found], n=4)
        cost = statistics.median(slice_.cost_us for slice_ in found)
        spread = f"half of {len(found)} between {low:.0f} and {high:.0f}"
        print(f"{what}: {median_rate(found):.0f} a second ({spread}), {cost:.0f} µs of a client's processor time each")
    few, many = (median_rate(slices[_with(count)]) for count in (1, MOST))
    costs = {what: statistics.median(slice_.cost_us for slice_ in found) for what, found in slices.items()}
    for what in (_with(MOST), f"{_with(MOST)} and VMs"):
        print(f"by processor time, {what}: {costs[_with(1)] / costs[what]:.2f} of 1 Elastic IP")
    print(f"forwarding_ratio {many / few:.2f} {many:.0f} {few:.0f}")
    return many / few


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            spec = write_spec(lab, Path(directory), SPEC)
            lab.quota(elastic_ips=MOST)
            lab.edgewrap("apply", "--file", str(spec), "--auto-approve")
            slices = measure(Bench(lab, hosts_plane(spec), read_outputs(lab, spec)))
        finally:
            lab.down()
    sys.exit(1 if report(slices) < BOUND else 0)


if __name__ == "__main__":
    main()

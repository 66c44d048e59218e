"""XML-RPC calls of a no-op at 3, 30 and 300 hosts, with an Elastic IP for each.

The embedded front-end, as a process, holds the cluster; the OpenNebula plane looks and finds nothing to do. Last line:
`noop_calls CALLS CALLS CALLS`. The bound is 8, and the same number for each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgewrap.events import discard
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.opennebula.plane import OpenNebulaPlane
from tests.support.front_end import apply, changes_in, outputs, report, spec
from tests.support.front_end_process import PASSWORD, FrontEndProcess

SIZES = (3, 30, 300)  # hosts
MOST_CALLS = 8


class CountingWire:
    """The wire over HTTP; counts what it carries."""

    def __init__(self, url: str) -> None:
        self._wire = HttpWire(url)
        self.calls = 0

    def post(self, body: bytes) -> bytes:
        self.calls += 1
        return self._wire.post(body)


def measure(directory: Path, size: int) -> tuple[int, float]:
    """Calls and seconds of a no-op on a cluster of `size` hosts."""
    front_end = FrontEndProcess(directory)
    front_end.start()
    try:
        wire = CountingWire(front_end.url)
        one = FrontEnd(front_end.url, Session(f"oneadmin:{PASSWORD}"), wire=wire)
        plane = OpenNebulaPlane(spec(hosts={"count": size}), one, discard)
        wanted = outputs(hosts=tuple(range(size)), eips=tuple(range(size)))
        reports = {key: report(host.index) for key, host in wanted.hosts.items()}
        apply(plane, plane.observe(), wanted, reports)
        wire.calls = 0
        begun = time.perf_counter()
        changes = changes_in(plane, plane.observe(), wanted, reports)
        seconds = time.perf_counter() - begun
    finally:
        front_end.stop()
    if changes:
        sys.exit(f"{size} hosts: not a no-op: {changes[0]}")
    return wire.calls, seconds


def main() -> None:
    """Measure each size, print, and fail where the bound is not kept."""
    calls = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
            count, seconds = measure(Path(directory), size)
        calls.append(count)
        print(f"{size} hosts, {size} Elastic IPs: {count} calls, {seconds:.2f} s")
    print(f"noop_calls {' '.join(map(str, calls))}")
    if len(set(calls)) > 1 or calls[0] > MOST_CALLS:
        sys.exit(f"more than {MOST_CALLS} calls, or not the same number for each")


if __name__ == "__main__":
    main()

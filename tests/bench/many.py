"""`plan` of many new clusters in one command against as many times `plan` of one, in a lab of its own.

CLUSTERS in the environment is their number (100). While the command runs, its provider processes are counted, and the
memory of it and of all its children is added up (pages that they share count for each, so it is an upper bound).

Last line: `many_ratio RATIO MANY ONE PROVIDERS MIB`: MANY is the whole command in seconds, ONE the median of single
plans, RATIO is MANY / (CLUSTERS * ONE), then the most providers and memory at once. The bounds are a RATIO of 1 and 4
providers, the default of `--parallel`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.lab import EDGEWRAP, Lab

CLUSTERS = int(os.environ.get("CLUSTERS", "100"))
ROUNDS = 3
MOST_PROVIDERS = 4
PROVIDER = "terraform-provider-aws"
PAUSE_S = 0.1
PAGE = os.sysconf("SC_PAGE_SIZE")
SPEC = """
apiVersion: edgewrap/v1
name: edge-{}
aws: {{ region: eu-west-3 }}
hosts: {{ count: 1, address: private }}
public_network: {{ elastic_ips: {{ count: 0 }} }}
"""


@dataclass
class Watch:
    """The most provider processes, and the most MiB of memory, that this process's children had at one time."""

    providers: int = 0
    mib: float = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(PAUSE_S):
            now = list(_descendants(os.getpid()))
            self.providers = max(self.providers, sum(program.startswith(PROVIDER) for program, _ in now))
            self.mib = max(self.mib, sum(memory for _, memory in now) / (1 << 20))


def _descendants(pid: int) -> Iterator[tuple[str, int]]:
    """The program and the resident memory in bytes of each process below this one."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(directory.name))
    left = list(children.get(pid, ()))
    while left:
        one = left.pop()
        left += children.get(one, ())
        with suppress(OSError, IndexError):  # it may have ended
            program = Path(os.readlink(f"/proc/{one}/exe")).name  # noqa: PTH115  a link that leads nowhere here
            yield program, int(Path(f"/proc/{one}/statm").read_text().split()[1]) * PAGE


def seconds(lab: Lab, *arguments: str) -> float:
    """How long a plan takes inside the lab."""
    started = time.perf_counter()
    lab.run(EDGEWRAP, "plan", *arguments, timeout=60 * CLUSTERS)
    return time.perf_counter() - started


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        sites = Path(directory) / "sites"
        sites.mkdir()
        for number in range(CLUSTERS):
            (sites / f"{number}.yaml").write_text(SPEC.format(number))
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            one = statistics.median(seconds(lab, str(sites / "0.yaml")) for _ in range(ROUNDS))
            with Watch() as watch:
                many = seconds(lab, str(sites))
        finally:
            lab.down()
    print(f"{os.cpu_count()} cores, {CLUSTERS} clusters; {CLUSTERS} times one: {CLUSTERS * one:.1f} s")
    print(f"many_ratio {many / (CLUSTERS * one):.2f} {many:.1f} {one:.1f} {watch.providers} {watch.mib:.0f}")
    if not 0 < watch.providers <= MOST_PROVIDERS:
        sys.exit(f"{watch.providers} providers at once; the bound is {MOST_PROVIDERS}")


if __name__ == "__main__":
    main()

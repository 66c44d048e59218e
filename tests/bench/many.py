"""`plan` of 20 new clusters in one command against 20 times `plan` of one, in a lab of its own.

Last line: `many_ratio RATIO MANY ONE` (seconds; ONE is the median of the single plans). The bound is 20.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.lab import EDGEWRAP, Lab

CLUSTERS = 20
ROUNDS = 3
SPEC = """
apiVersion: edgewrap/v1
name: edge-{}
aws: {{ region: eu-west-3 }}
hosts: {{ count: 1, address: private }}
public_network: {{ elastic_ips: {{ count: 0 }} }}
"""


def seconds(lab: Lab, *arguments: str) -> float:
    """How long a plan takes inside the lab."""
    started = time.perf_counter()
    lab.run(EDGEWRAP, "plan", *arguments)
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
            many = {parallel: seconds(lab, str(sites), f"--parallel={parallel}") for parallel in (1, 4)}
        finally:
            lab.down()
    for parallel, took in many.items():
        print(f"--parallel {parallel}: {took:.1f} s")
    print(f"{os.cpu_count()} cores, {CLUSTERS} clusters; {CLUSTERS} times one: {CLUSTERS * one:.1f} s")
    print(f"many_ratio {many[4] / one:.1f} {many[4]:.1f} {one:.1f}")


if __name__ == "__main__":
    main()

"""`edgewrap` against a bare `terraform plan` of the same directory, in turns, in a lab of its own: the `plan` of a new
cluster, and an `apply` with nothing to do.

Then one change is made by hand in each plane, which the next plan must find. Last lines (medians):
`new_plan_ratio RATIO PLAN_SECONDS BARE_SECONDS`, at most 0.9, and `noop_ratio RATIO APPLY_SECONDS BARE_SECONDS`, at
most 0.8. ROUNDS (5) sets how many turns count.
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

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SPEC = "apiVersion: edgewrap/v1\nname: edge-bench\naws: { region: eu-west-3 }\n"


def measure(lab: Lab, *words: str) -> tuple[float, float]:
    """Median seconds of an edgewrap command, and of a bare terraform plan; the first of each warms up."""
    ours, bare = [EDGEWRAP, *words], bare_plan(lab.directory / "runs" / "edge-bench" / "terraform")
    times = [(seconds(lab, ours), seconds(lab, bare)) for _ in range(ROUNDS + 1)][1:]
    mine, theirs = zip(*times, strict=True)
    return statistics.median(mine), statistics.median(theirs)


def bare_plan(module: Path) -> list[str]:
    """What a person would type in that directory."""
    return ["terraform", f"-chdir={module}", "plan", "-input=false"]


def seconds(lab: Lab, command: list[str]) -> float:
    """How long a command takes inside the lab."""
    started = time.perf_counter()
    lab.run(*command)
    return time.perf_counter() - started


def change_by_hand(lab: Lab) -> None:
    """One change in each plane."""
    with lab.network():
        address = lab.ec2.describe_addresses()["Addresses"][0]
        lab.ec2.disassociate_address(AssociationId=address["AssociationId"])
    lab.run("ip", "link", "set", "br-edge", "down", place="host-1")
    lab.one("one.vn.update", 0, 'DNS = "9.9.9.9"', 1)


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        spec = Path(directory) / "edge.yaml"
        spec.write_text(SPEC)
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            lab.edgewrap("plan", "--file", str(spec))  # initializes the module
            new = measure(lab, "plan", "--file", str(spec))
            lab.edgewrap("apply", "--file", str(spec), "--auto-approve")
            noop = measure(lab, "apply", "--file", str(spec), "--auto-approve")
            change_by_hand(lab)
            plan = lab.edgewrap("plan", "--file", str(spec)).stdout
        finally:
            lab.down()
    for head in ("aws: 1 to create", "opennebula: 1 to update", "hosts: 1 to update"):
        if head not in plan:
            sys.exit(f"not found by the plan: {head}\n{plan}")
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds; a change by hand in each plane was found")
    for name, (ours, theirs) in (("new_plan_ratio", new), ("noop_ratio", noop)):
        print(f"{name} {ours / theirs:.2f} {ours:.2f} {theirs:.2f}")


if __name__ == "__main__":
    main()

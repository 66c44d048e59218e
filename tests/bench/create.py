"""A whole create over all three planes against bare `terraform init` and `apply` of the same HCL, in turns, in a lab of
its own. After each, the cluster is destroyed.

Last line: `create_ratio RATIO CREATE_SECONDS BARE_SECONDS` (medians). The bound is 1.25.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.lab import EDGEWRAP, Lab

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SPEC = "apiVersion: edgewrap/v1\nname: edge-bench\naws: { region: eu-west-3 }\n"
BARE = """
set -e
export TF_CLI_CONFIG_FILE=$1
terraform init -input=false >/dev/null
terraform apply -input=false -auto-approve >/dev/null
"""
BARE_DESTROY = "export TF_CLI_CONFIG_FILE=$1; terraform destroy -auto-approve >/dev/null"


def seconds(lab: Lab, *command: str) -> float:
    """How long a command takes inside the lab."""
    started = time.perf_counter()
    lab.run(*command, timeout=600)
    return time.perf_counter() - started


def create(lab: Lab, spec: Path, copy: Path) -> float:
    """Seconds of a create, which is destroyed again. The rendered module is copied."""
    shutil.rmtree(lab.directory / "runs", ignore_errors=True)
    took = seconds(lab, EDGEWRAP, "apply", "--file", str(spec), "--auto-approve")
    module = lab.directory / "runs" / "edge-bench" / "terraform"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(module, copy, ignore=shutil.ignore_patterns(".*", "*.tfstate*"))
    shutil.copy(module / ".edgewrap" / "terraform.rc", copy)
    lab.run(EDGEWRAP, "destroy", "--file", str(spec), "--auto-approve", timeout=600)
    return took


def bare(lab: Lab, copy: Path) -> float:
    """Seconds of bare Terraform with the same module, which is destroyed again."""
    inside = ["env", "-C", str(copy), "sh", "-c"]
    took = seconds(lab, *inside, BARE, "bare", str(copy / "terraform.rc"))
    lab.run(*inside, BARE_DESTROY, "bare", str(copy / "terraform.rc"), timeout=600)
    return took


def main() -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        spec, copy = Path(directory) / "edge.yaml", Path(directory) / "bare"
        spec.write_text(SPEC)
        lab = Lab(Path(directory) / "lab")
        lab.up()
        try:
            times = [(create(lab, spec, copy), bare(lab, copy)) for _ in range(ROUNDS)]
        finally:
            lab.down()
    for one in times:
        print(f"create {one[0]:.1f} s, bare {one[1]:.1f} s")
    ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds")
    print(f"create_ratio {ours / theirs:.2f} {ours:.1f} {theirs:.1f}")


if __name__ == "__main__":
    main()

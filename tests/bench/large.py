"""From the spec to the plan of a cluster of 125, 250 and 500 hosts, the last one with all 3,969 Elastic IPs that a spec
can name: the work of edgewrap itself, without Terraform, SSH and HTTP.

It loads the spec, decides the inputs, renders, reads Terraform's outputs, parses what each host and the front-end
answer (made from recordings), checks health, and plans hosts and OpenNebula, with the origin of each change. Each size
is measured twice, in a process of its own: `equal` (nothing to change) and `differs` (every host and object differs in
most things). Last line: `large SECONDS MIB SECONDS MIB` for 500 hosts, equal and differing: processor time without
imports, and the most memory that the process ever had. The bounds are 2 s and 300 MiB.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import dumps

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

SIZES = (125, 250, 500)
URL = "http://127.0.0.1:2633/RPC2"


def write(size: int, directory: Path, *, differs: bool, groups: int = 63) -> None:
    """Write what the measured process reads."""
    import pyone  # noqa: F401  its bytecode is kept: the measured process does not compile it

    from edgewrap.spec.load import public_document
    from tests.support.large import LargeCluster

    cluster = LargeCluster(size, differs=differs, groups=groups)
    (directory / "edge.yaml").write_text(cluster.spec_text)
    state = {"inputs": cluster.inputs.to_text(), "values": cluster.values, "applied": public_document(cluster.spec)}
    (directory / "state.json").write_text(json.dumps(state))
    for key, answer in cluster.answers():
        (directory / f"{key}.txt").write_text(answer.text)
        (directory / f"{key}.pin").write_text(answer.pin.host_key)
    for method, text in cluster.pools().items():
        (directory / f"{method}.xml").write_text(dumps(([True, text, 0],), methodresponse=True))


class FileWire:
    """A front-end whose answers are files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def post(self, body: bytes) -> bytes:
        found = re.search(rb"<methodName>one\.([a-z.]+)</methodName>", body)
        assert found is not None
        return (self._directory / f"{found[1].decode()}.xml").read_bytes()


def plan(directory: Path) -> dict[str, Any]:
    """Plan: the seconds of each part and of all, and how many files, changes and findings there are."""
    from dataclasses import replace
    from functools import partial
    from types import SimpleNamespace

    import pyone  # noqa: F401  imported ahead, as all that follows

    from edgewrap.aws.facts import AwsState
    from edgewrap.aws.inputs.decide import decide_inputs
    from edgewrap.aws.inputs.lookups import DecidedLookups
    from edgewrap.aws.inputs.model import Inputs
    from edgewrap.aws.outputs import read_outputs
    from edgewrap.aws.render.module import render
    from edgewrap.engine.dead_hosts import HostDisposition
    from edgewrap.engine.plan import Observed, RunPlan, _baseline, with_reports
    from edgewrap.events import discard
    from edgewrap.hosts.facts import parse_facts
    from edgewrap.hosts.plane import HostsPlane, Observation
    from edgewrap.opennebula.api.client import FrontEnd
    from edgewrap.opennebula.api.credentials import Session
    from edgewrap.opennebula.plane import OpenNebulaPlane
    from edgewrap.outputs import HostPin
    from edgewrap.plane import Context
    from edgewrap.spec.load import load_spec

    seconds: dict[str, float] = {}
    imported = then = time.process_time()

    def done(part: str) -> None:
        nonlocal then
        now = time.process_time()
        seconds[part], then = now - then, now

    spec = load_spec(directory / "edge.yaml", {})
    state = json.loads((directory / "state.json").read_text())
    known = Inputs.from_text(state["inputs"])
    no_clients: Any = None
    inputs = decide_inputs(spec, known, DecidedLookups(spec, no_clients, known))
    done("spec and inputs")
    files = render(spec, inputs)
    done("render")
    outputs = read_outputs(state["values"], inputs)
    done("outputs")
    facts = {key: parse_facts((directory / f"{key}.txt").read_text()) for key in outputs.hosts}
    pins = {
        key: HostPin(host.instance_id, (directory / f"{key}.pin").read_text()) for key, host in outputs.hosts.items()
    }
    seen = Observation(facts, {}, pins)
    done("facts of hosts")
    front_end = FrontEnd(URL, Session("oneadmin:opennebula"), wire=FileWire(directory))
    hosts, one = HostsPlane(spec, discard), OpenNebulaPlane(spec, front_end, discard)
    pools = one.observe()
    done("facts of OpenNebula")
    found = hosts.health(seen, Context(outputs))
    done("health")
    cluster: Any = SimpleNamespace(spec=spec, environ={}, hosts=hosts, opennebula=one)
    context = Context(outputs, outputs, pins)
    expect = partial(with_reports, cluster, seen)
    context = expect(context)
    hosts_plan = hosts.plan(seen, context)
    done("plan of hosts")
    one_plan = one.plan(pools, context)
    done("plan of OpenNebula")
    aws = AwsState(outputs, inputs, state["applied"])
    observed = Observed(aws, None, pools, seen, HostDisposition(), context)
    run = RunPlan(observed, context, hosts=hosts_plan, opennebula=one_plan)
    changes = replace(run, baseline=_baseline(cluster, run, expect)).changes
    done("origins")
    seconds["all"] = time.process_time() - imported
    return {"seconds": seconds, "files": len(files), "changes": len(changes), "findings": len(found)}


def run(*arguments: str) -> str:
    """Run this script with these arguments: its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def measure(size: int, *, differs: bool) -> tuple[float, float]:
    """The seconds and the MiB of one plan, in a process of its own."""
    kind = "differs" if differs else "equal"
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as directory:
        run("write", str(size), kind, directory)
        result = json.loads(run("plan", directory))
    if bool(result["changes"]) != differs or result["findings"]:
        sys.exit(f"{size} hosts, {kind}: {result['changes']} changes, {result['findings']} findings")
    parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in result["seconds"].items())
    print(f"{size} hosts, {kind}: {parts} s; {result['mib']:.0f} MiB; {result['changes']} changes", flush=True)
    return result["seconds"]["all"], result["mib"]


def main() -> None:
    """Measure each size, and print."""
    match sys.argv[1:]:
        case ["write", size, kind, directory]:
            write(int(size), Path(directory), differs=kind == "differs")
        case ["plan", directory]:
            result = plan(Path(directory))
            [peak] = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
            print(json.dumps({**result, "mib": int(peak) / 1024}))
        case _:
            equal, differing = ([measure(size, differs=differs) for size in SIZES][-1] for differs in (False, True))
            print(f"large {equal[0]:.2f} {equal[1]:.0f} {differing[0]:.2f} {differing[1]:.0f}")


if __name__ == "__main__":
    main()

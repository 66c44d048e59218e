"""Several clusters in one command: they share one AWS account and one front-end, and none stops another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import SPEC, Edge
from tests.support.lab import EDGEWRAP
from tests.support.terminal import run_at_terminal

NEW = """
apiVersion: edgewrap/v1
name: {}
aws: {{ region: eu-west-3 }}
hosts: {{ count: 1, address: private }}
public_network: {{ elastic_ips: {{ count: 0 }} }}
"""


@pytest.fixture
def sites(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a directory with so many specs. One is broken, and one asks the applied cluster for a refused change."""

    def make(count: int) -> Path:
        for number in range(count - 2):
            (tmp_path / f"new-{number}.yaml").write_text(NEW.format(f"edge-new-{number}"))
        (tmp_path / "broken.yaml").write_text(NEW.format("edge-broken").replace("count: 1", "count: one"))
        (tmp_path / "refused.yaml").write_text(f"{SPEC}hosts: {{ count: 2 }}\n")
        (tmp_path / "values.yaml").write_text("replicas: 3\n")
        return tmp_path

    return make


@pytest.mark.parametrize("count", [6, pytest.param(20, marks=pytest.mark.full)])
def test_two_of_many_fail_and_all_others_are_planned(
    edge: Edge, sites: Callable[[int], Path], figure: Callable[[str], None], count: int
) -> None:
    directory = sites(count)
    started = time.perf_counter()
    edge.lab.edgewrap("plan", str(directory / "new-0.yaml"))
    one = time.perf_counter() - started
    done = edge.lab.edgewrap("plan", str(directory), "--json", check=False)
    took = time.perf_counter() - started - one
    *objects, summary = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, summary["exit_code"]) == (1, 1), done.stderr
    assert {run["cluster"]: run["exit_code"] for run in summary["clusters"] if run["exit_code"]} == {
        "edge-broken": 1,
        "edge-test": 1,
    }
    assert len(summary["clusters"]) == count
    counts = [run["changes"]["aws"]["create"] for run in summary["clusters"] if not run["exit_code"]]
    assert counts == [counts[0]] * (count - 2)
    errors = {value["cluster"]: value["kind"] for value in objects if value["type"] == "error"}
    assert errors == {"edge-broken": "SpecError", "edge-test": "RefusedChangeError"}
    assert "values.yaml is left out" in done.stderr
    logs = (edge.lab.directory / "runs").glob("edge-new-*/logs/*-plan.log")
    assert {path.parents[1].name for path in logs} >= {f"edge-new-{number}" for number in range(count - 2)}
    figure(f"plan of {count} clusters: {took:.1f} s; {count} times one: {count * one:.1f} s")


def test_a_dry_run_of_destroy_removes_nothing(edge: Edge) -> None:
    status, shown = edge.edgewrap("destroy", "--dry-run")
    assert (status, "  - vpc vpc" in shown, "  - cluster edge-test" in shown) == (0, True, True)
    assert edge.edgewrap("plan", "--detailed-exitcode")[0] == 0


def test_at_a_terminal_the_plans_are_approved_by_one_answer(edge: Edge, tmp_path: Path) -> None:
    """A cluster that could not be planned is not applied, the other one is."""
    (tmp_path / "new.yaml").write_text(NEW.format("edge-new"))
    edge.lab.run("ip", "link", "set", "br-edge", "down", place="host-0")
    command = [EDGEWRAP, "lab", "exec", "--", EDGEWRAP, "apply", str(edge.spec), str(tmp_path), "--only", "hosts"]
    status, shown = run_at_terminal(command, edge.lab.environ, answer="yes")
    assert status == 1
    assert "~ host-0  (bridge br-edge)" in shown
    assert "Apply these changes to 1 cluster: edge-test?" in shown
    table = [line.split()[:2] for line in shown.splitlines()[-2:]]
    assert table == [["edge-test", "ok"], ["edge-new", "failed"]]
    assert edge.edgewrap("plan", "--only", "hosts", "--detailed-exitcode")[0] == 0

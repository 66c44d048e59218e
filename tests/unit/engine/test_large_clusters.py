"""From the spec to the plan of a large cluster: time and memory grow in proportion to its hosts and Elastic IPs."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.bench.large import measure, plan, write

HOSTS, GROUPS = 40, 16
MOST_PER_HOST = 200_000  # bytes
SECONDS, MIB = 2, 300


@pytest.fixture(scope="module", params=[False, True], ids=["equal", "differs"])
def clusters(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What a cluster of HOSTS hosts answers, and one of twice as many."""
    one, two = (tmp_path_factory.mktemp("cluster") for _ in range(2))
    write(HOSTS, one, differs=request.param, groups=GROUPS)
    write(2 * HOSTS, two, differs=request.param, groups=GROUPS)
    plan(one)  # modules are imported, and what is kept for a process is there
    return one, two


def _lines(directory: Path) -> int:
    """How many lines of Python a plan runs, each turn of a loop included."""
    lines = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal lines
        lines += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        plan(directory)
    finally:
        sys.settrace(before)
    return lines


def test_twice_as_many_hosts_take_twice_the_work(clusters: tuple[Path, Path]) -> None:
    """Less than twice: some work does not depend on the hosts. Quadratic work would be four times as much."""
    one, two = map(_lines, clusters)
    assert two < 2 * one


def test_the_memory_of_a_host_is_bounded(clusters: tuple[Path, Path]) -> None:
    tracemalloc.start()
    try:
        plan(clusters[1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * HOSTS * MOST_PER_HOST


@pytest.mark.full
@pytest.mark.parametrize("differs", [False, True], ids=["equal", "differs"])
def test_500_hosts_and_all_elastic_ips_are_planned_in_two_seconds(differs: bool) -> None:
    seconds, mib = measure(500, differs=differs)
    assert seconds < 2 * SECONDS  # the machine may be busy
    assert mib < MIB

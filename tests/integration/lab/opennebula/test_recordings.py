"""All recordings of real front-ends, replayed over the wire: no difference in any call."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.lab.opennebula import replay
from tests.support.lab_opennebula import AUTH, Start

DATA = Path(__file__).parents[3] / "data" / "opennebula"
# The interval of monitoring in seconds: in the first stories the hosts are seen between two steps that are far apart,
# in 7.4.0's they have not been seen by the end of it.
STORIES = [("6.10.0.1", 2.5), ("7.0.2", 2.5), ("7.4.0", 3600.0)]
RECORDINGS = [
    *((version, 110, interval) for version, interval in STORIES),
    *((f"{version}-vms", 49, 0.2) for version, _ in STORIES),
]


@pytest.mark.parametrize(("name", "calls", "interval"), RECORDINGS)
def test_a_recording_replays_without_a_difference(start: Start, name: str, calls: int, interval: float) -> None:
    steps = replay.load(DATA / f"{name}.jsonl")
    assert len(steps) == calls
    served = start("--version", name.partition("-")[0], "--monitor-interval", str(interval), "--settle", "0.3")

    results = replay.replay(served.url, AUTH, steps, timeout_s=15)

    wrong = [f"{step.number} {step.method}: {found}" for step, differences in results for found in differences]
    assert wrong == []


def test_a_front_end_of_another_release_shows_differences(start: Start) -> None:
    steps = replay.load(DATA / "7.4.0.jsonl")[:30]
    served = start("--version", "7.0.2", "--monitor-interval", "3600")

    results = replay.replay(served.url, AUTH, steps, timeout_s=0)

    wrong = {step.purpose for step, differences in results if differences}
    assert {"version", "cluster duplicate", "host duplicate", "initial datastores"} <= wrong

"""The wait for instances that stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from edgewrap.aws import power_off
from edgewrap.aws.inputs.lookups import InstanceNow
from edgewrap.aws.power_off import await_power_off
from edgewrap.errors import AwsError
from edgewrap.events import Event, EventKind
from edgewrap.outputs import HostOutput

HOSTS = [HostOutput(f"host-{i}", i, f"i-{i}", f"10.0.0.1{i}", "", f"10.0.0.1{i}", "stopping") for i in (1, 2)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_off, "PAUSE_S", 0.01)
    monkeypatch.setattr(power_off, "PROGRESS_S", 0)


def test_it_waits_for_each_with_progress() -> None:
    states = {"i-1": ["stopping", "stopped"], "i-2": ["shutting-down", "shutting-down", "terminated"]}
    asked: list[Sequence[str]] = []
    events: list[Event] = []

    def instances(ids: Sequence[str]) -> Mapping[str, InstanceNow]:
        asked.append(ids)
        return {one: InstanceNow(states[one].pop(0), "") for one in ids}

    await_power_off(HOSTS, instances, events.append)
    assert asked == [["i-1", "i-2"], ["i-1", "i-2"], ["i-2"]]
    of_two = [(event.kind, event.text) for event in events if event.key == "host-2"]
    assert of_two[0][0] is EventKind.STEP_PROGRESS
    assert (EventKind.STEP_PROGRESS, "its instance is still shutting-down; metal takes up to 20 minutes") in of_two
    assert of_two[-1] == (EventKind.STEP_DONE, "its instance is terminated")


def test_it_asks_nothing_without_such_hosts() -> None:
    await_power_off([], lambda _: pytest.fail("AWS was asked"), lambda _: None)


def test_an_instance_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_off, "STOP_WAIT_S", 0.05)
    with pytest.raises(AwsError, match=r"host-1 \(i-1\), host-2 \(i-2\)") as caught:
        await_power_off(HOSTS, lambda ids: dict.fromkeys(ids, InstanceNow("stopping", "")), lambda _: None)
    assert "--force" in caught.value.advice

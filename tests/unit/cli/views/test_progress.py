"""How far a run is, and what its end shows."""

from __future__ import annotations

from dataclasses import replace

from edgewrap.change import Action, Change, PlaneName
from edgewrap.cli.views.progress import Progress, remaining_lines, result_lines
from edgewrap.events import Event, EventKind
from tests.support.front_end import outputs

CHANGES = (
    Change(PlaneName.AWS, "elastic ip", "eip-0", Action.CREATE),
    Change(PlaneName.AWS, "elastic ip", "eip-1", Action.CREATE),
    Change(PlaneName.HOSTS, "file", "host-0/file/a", Action.CREATE),
    Change(PlaneName.HOSTS, "unit", "host-0/unit/b", Action.CREATE),
)
AWS_STEP = Event(EventKind.STEP_STARTED, PlaneName.AWS, "elastic ip eip-0", "creating", action=Action.CREATE)
HOST_STEP = Event(EventKind.STEP_STARTED, PlaneName.HOSTS, "host-0", "connected")


def run(*events: tuple[float, Event]) -> Progress:
    progress = Progress()
    progress.planned(CHANGES)
    for now, event in events:
        progress.add(event, now)
    return progress


def test_a_finished_run_shows_counts_seconds_addresses_and_the_next_step() -> None:
    other = replace(AWS_STEP, key="elastic ip eip-1")
    done = run(
        (10, AWS_STEP),
        (10, other),
        (12, replace(AWS_STEP, kind=EventKind.STEP_DONE)),
        (14, replace(other, kind=EventKind.STEP_DONE)),
        (15, HOST_STEP),
        (18, replace(HOST_STEP, kind=EventKind.STEP_DONE)),
    )
    eips = outputs().eips
    assert list(result_lines(done, "edge", outputs())) == [
        "aws: 2 changes in 4 s",
        "hosts: 1 host in 3 s",
        f"Elastic IPs: eip-0 {eips['eip-0'].public_address}, eip-1 {eips['eip-1'].public_address}",
        "Next: start a VM with a NIC in the network edge-public; `edgewrap status` shows its Elastic IP.",
    ]
    assert all(one.left == 0 and not one.running for one in done.planes.values())


def test_of_many_elastic_ips_the_first_ones_are_named() -> None:
    *_, line, _ = result_lines(run(), "edge", outputs(eips=tuple(range(10))))
    assert line.endswith(", and 2 more")


def test_a_failed_run_shows_what_is_left_and_how_to_resume() -> None:
    failed = run(
        (10, AWS_STEP),
        (12, replace(AWS_STEP, kind=EventKind.STEP_DONE)),
        (13, HOST_STEP),
        (14, replace(HOST_STEP, kind=EventKind.STEP_FAILED)),
    )
    assert list(remaining_lines(failed, "edgewrap apply --file edge.yaml")) == [
        "aws: 1 of 2 done",
        "hosts: 0 of 1 done, 1 failed: host-0",
        "To resume: `edgewrap apply --file edge.yaml`",
    ]


def test_an_interrupted_run_shows_the_same_while_its_first_change_is_made() -> None:
    assert list(remaining_lines(run((10, AWS_STEP)), "edgewrap apply")) == [
        "aws: 0 of 2 done",
        "hosts: 0 of 1 done",
        "To resume: `edgewrap apply`",
    ]
    planning = Event(EventKind.STEP_PROGRESS, PlaneName.AWS, "terraform", "init")
    assert list(remaining_lines(run((10, planning)), "edgewrap apply")) == []


def test_a_run_that_failed_before_its_first_step_has_nothing_to_resume() -> None:
    assert list(remaining_lines(run(), "edgewrap apply")) == []


def test_a_step_that_is_running_has_its_latest_text() -> None:
    waiting = replace(AWS_STEP, kind=EventKind.STEP_PROGRESS, text="creating slowly", seconds=20)
    [step] = run((10, AWS_STEP), (30, waiting)).planes[PlaneName.AWS].running.values()
    assert (step.text, step.since) == ("creating slowly", 10)

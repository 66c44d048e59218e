"""A Ctrl-C while planning: the running Terraform ends, no other is started, and then the run ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from edgewrap.aws.terraform.process import ProcessRunner
from edgewrap.change import PlaneName
from edgewrap.engine.destroy import plan_destroy
from edgewrap.engine.parallel import side_by_side
from edgewrap.engine.plan import observe
from edgewrap.events import Event

LATE = """
trap 'stop=1' INT
echo started
while [ -z "$stop" ]; do sleep 0.05; done
sleep 0.5
touch "$0"
"""
UUID = "0a1b"
VERBS: dict[str, Callable[[Any], object]] = {
    "plan": lambda cluster: observe(cluster, (PlaneName.AWS, PlaneName.OPENNEBULA)),
    "destroy": lambda cluster: plan_destroy(cluster, (PlaneName.AWS, PlaneName.OPENNEBULA)),
}


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """A shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def cluster_with(terraforms: Callable[..., object], children: ProcessRunner, events: list[Event]) -> Mock:
    """A cluster whose AWS plane plans by `terraforms`; a second signal comes while the first is obeyed."""

    def emit(event: Event) -> None:
        events.append(event)
        threading.Timer(0.1, interrupt).start()

    cluster = Mock(emit=emit)
    cluster.spec.protect = False
    cluster.spec.hosts.retired = []
    cluster.spec.hosts.count = 0
    cluster.aws.interrupt = children.interrupt
    cluster.aws.plan = cluster.aws.destroy = terraforms
    state = Mock()
    state.outputs.uuid = UUID
    state.outputs.hosts = {}
    cluster.aws.current.return_value = cluster.aws.observe.return_value = state
    cluster.aws.look.side_effect = cluster.aws.plan_ahead.side_effect = lambda read: read()
    cluster.aws.requirements.return_value = ()
    cluster.opennebula.uuids.return_value = frozenset({UUID})
    return cluster


def test_the_plan_that_is_made_ahead_and_the_run_share_one_reading_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each reading may restore a state that was cut off."""
    monkeypatch.setattr("edgewrap.engine.plan.follows_front_end", lambda _spec: False)
    cluster = cluster_with(Mock(), ProcessRunner(), [])
    observed = observe(cluster, (PlaneName.AWS,))
    assert (cluster.aws.plan_ahead.called, observed.state) == (True, cluster.aws.current.return_value)
    cluster.aws.current.assert_called_once_with()


@pytest.mark.parametrize("verb", VERBS)
def test_two_interrupts_while_terraform_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setattr("edgewrap.aws.preflight.topics.expected_topics", lambda _spec, _state, _replaced: frozenset())
    monkeypatch.setattr("edgewrap.engine.plan.follows_front_end", lambda _spec: False)
    children = ProcessRunner()

    def terraforms(*_state: object, **_options: object) -> None:
        for name in ("init", "plan"):
            command = ["/bin/sh", "-c", LATE, str(tmp_path / name)]
            children.run(command, directory=tmp_path, environ=os.environ, on_line=lambda _line: interrupt())

    events: list[Event] = []
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        VERBS[verb](cluster_with(terraforms, children, events))
    assert [(tmp_path / name).exists() for name in ("init", "plan")] == [True, False]
    assert [event.text.split(":")[0] for event in events] == ["interrupted"]
    assert threading.active_count() == threads


def test_an_interrupt_after_another_error_is_obeyed_too(tmp_path: Path) -> None:
    """The front-end refuses, and the run waits for Terraform: an interrupt can end that."""
    children = ProcessRunner()
    begun = threading.Event()

    def look() -> None:
        command = ["/bin/sh", "-c", LATE, str(tmp_path / "plan")]
        children.run(command, directory=tmp_path, environ=os.environ, on_line=lambda _line: begun.set())

    def fail() -> None:
        with side_by_side(cluster_with(look, children, [])) as pool:
            pool.submit(look)
            assert begun.wait(10)
            threading.Timer(0.2, interrupt).start()
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "plan").exists()

"""Observe and change planes in parallel; handle interrupts during that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from edgewrap import limits
from edgewrap.engine.cluster import Cluster
from edgewrap.events import Event, EventKind
from edgewrap.signals import defer_signals

P = ParamSpec("P")
T = TypeVar("T")

GRACE_S = 1.0  # for tasks that end by themselves after an interrupt


class Tasks:
    """Tasks, each in a thread of its own, which never delays the end of the process."""

    def __init__(self) -> None:
        self.given: list[Future[Any]] = []

    def submit(self, task: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a task."""
        future = limits.start(lambda: task(*args, **kwargs))
        self.given.append(future)
        return future


@contextmanager
def side_by_side(cluster: Cluster) -> Iterator[Tasks]:
    """Tasks that only read, in parallel; all have ended when the block ends.

    On KeyboardInterrupt, a running Terraform finishes its step and no other is started. A front-end, an AWS endpoint or
    a host that does not answer is not waited for: those threads end with the process. It is raised again when Terraform
    has ended, whatever signals are received until then.
    """
    with stoppable(partial(_stop_terraform, cluster)) as tasks:
        yield tasks


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[Tasks]:
    """Tasks in parallel; all have ended when the block ends. On KeyboardInterrupt, `stop` is called; the tasks that run
    GRACE_S seconds after that end with the process."""
    tasks = Tasks()
    try:
        try:
            yield tasks
        except Exception:
            wait(tasks.given)
            raise
        wait(tasks.given)
    except KeyboardInterrupt:
        with defer_signals():
            stop()
            wait(tasks.given, GRACE_S)
        raise


def _stop_terraform(cluster: Cluster) -> None:
    text = "interrupted: a running Terraform finishes its step, then the run ends"
    cluster.emit(Event(EventKind.INFO, None, "plan", text))
    cluster.aws.interrupt()

"""Observe the planes in parallel; handle interrupts during that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from edgewrap.engine.cluster import Cluster
from edgewrap.events import Event, EventKind
from edgewrap.signals import defer_signals

P = ParamSpec("P")
T = TypeVar("T")


class Looks(ThreadPoolExecutor):
    """A pool that remembers its tasks."""

    def __init__(self, looks: int) -> None:
        super().__init__(max_workers=looks)
        self.given: list[Future[Any]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = super().submit(fn, *args, **kwargs)
        self.given.append(future)
        return future


@contextmanager
def side_by_side(cluster: Cluster, looks: int) -> Iterator[Looks]:
    """A pool for so many concurrent tasks; all have ended when the block ends.

    On KeyboardInterrupt, a running Terraform finishes its step and no other is started. It is raised again when all
    tasks have ended, whatever signals are received until then: the run's locks are released with this process, not with
    theirs.
    """
    pool = Looks(looks)
    try:
        try:
            yield pool
        except Exception:
            wait(pool.given)
            raise
        # Not `shutdown`: if a signal interrupts its wait for a thread, Python 3.11 treats that thread as ended.
        wait(pool.given)
    except KeyboardInterrupt:
        with defer_signals():
            try:
                cluster.aws.interrupt()
                text = "interrupted: waiting for the checks that are running, then the run ends"
                cluster.emit(Event(EventKind.INFO, None, "plan", text))
            finally:
                pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False)

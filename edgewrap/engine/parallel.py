"""Looks at the planes side by side, and what an interrupt does to them."""

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
    """A pool that remembers what it was given."""

    def __init__(self, looks: int) -> None:
        super().__init__(max_workers=looks)
        self.given: list[Future[Any]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a look."""
        future = super().submit(fn, *args, **kwargs)
        self.given.append(future)
        return future


@contextmanager
def side_by_side(cluster: Cluster, looks: int) -> Iterator[Looks]:
    """A pool for so many looks at once; all have ended when the block has.

    A KeyboardInterrupt lets the terraform among them end its step, keeps another from being started, and is raised
    again when all have ended, whatever signals come meanwhile: the run's locks go with this process, not with theirs.
    """
    pool = Looks(looks)
    try:
        try:
            yield pool
        except Exception:
            wait(pool.given)
            raise
        # Not `shutdown`: where a signal breaks off its wait for a thread, Python 3.11 takes that thread for ended.
        wait(pool.given)
    except KeyboardInterrupt:
        with defer_signals():
            try:
                cluster.aws.interrupt()
                text = "interrupted: what it has begun to look at is waited for, then it ends"
                cluster.emit(Event(EventKind.INFO, None, "plan", text))
            finally:
                pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False)

"""The lock object in S3 as a run takes it, for tests and the processes that they start."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from edgewrap.aws.state.s3 import Bucket
from edgewrap.engine.lock import s3
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.errors import LockedError
from edgewrap.events import Emit, discard
from edgewrap.spec.models import S3Backend
from tests.support.lab import REGION

STATES = "edgewrap-lab"


def state_bucket(endpoint: str, key: str) -> Bucket:
    """The lab's bucket, for the state `key`."""
    return Bucket(S3Backend(bucket=STATES, key=key, region=REGION), endpoint)


def s3_lock(
    bucket: Bucket, command: str = "apply", timeout_s: float = 0, emit: Emit = discard
) -> AbstractContextManager[None]:
    """Hold the lock object as a run of `command`."""
    return s3.bucket_lock(bucket, LockInfo.of_this_run(command, Path("lock")), LockTimeout(timeout_s, emit))


def take_turns(endpoint: str, key: str, next_round: Callable[[], str], told: Callable[[str], None]) -> None:
    """A process of a pair: in each round it tries the lock once, reports who holds it, and releases it on request."""
    bucket = state_bucket(endpoint, key)
    bucket.read(key)  # the client is made now, not in the first round
    told("ready")
    while next_round():
        try:
            with s3_lock(bucket):
                told("won")
                next_round()
            told("released")
        except LockedError as error:
            told(f"lost {error.what}")

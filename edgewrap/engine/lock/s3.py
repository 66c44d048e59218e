"""The lock of a cluster whose state is in S3: an object beside the state, created only if there is none.

Only its holder removes it, or `force-unlock`: S3 does not notice that a run has died.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from edgewrap.aws.state import Bucket, Stored, TerraformLock
from edgewrap.engine.lock.info import LockInfo, LockTimeout, locked
from edgewrap.errors import EdgewrapError, LockedError
from edgewrap.events import Event, EventKind
from edgewrap.signals import defer_signals

POLL_S = 1.0
ADVICE = (
    "wait for it to end (`--lock-timeout SECONDS` does that for you); if it is certainly stale: "
    "`edgewrap force-unlock {}`"
)


def lock_key(bucket: Bucket) -> str:
    """The key of our lock object."""
    return f"{bucket.state_key}.edgewrap-lock"


@contextmanager
def bucket_lock(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> Iterator[None]:
    """Hold the lock object for the length of the block.

    Raises LockedError, with the holder and the time, after the timeout; StateError if S3 cannot be reached.
    """
    try:
        _acquire(bucket, info, timeout)
    except LockedError:
        raise
    except EdgewrapError:  # the object may have been created already: the response to the put was lost
        with contextlib.suppress(EdgewrapError):  # S3 cannot be reached, which is being reported already
            _remove(bucket, info)
        raise
    except BaseException:
        _release(bucket, info, timeout)
        raise
    try:
        yield
    finally:
        if not _release(bucket, info, timeout):
            text = "it was removed while this run held it: check whether another run was active at the same time"
            timeout.emit(Event(EventKind.WARNING, None, "lock", text))


def await_terraform(bucket: Bucket, timeout: LockTimeout) -> None:
    """Wait until no Terraform holds the lock of the state: one that a killed run left may still be active.

    Raises LockedError, with the holder, after the timeout.
    """
    while (lock := TerraformLock.read(bucket)) is not None:
        error = LockedError(
            f"the Terraform state is locked by {lock}, lock id {lock.id}, in {TerraformLock.place(bucket)}",
            cause="a Terraform that was started by hand, or left by a killed run, is active, or was killed itself",
            advice=ADVICE.format(lock.id),
        )
        timeout.wait(error, POLL_S)


def id_of(stored: Stored) -> str:
    """The id of our lock object: its info's, or the object's own if there is no info that can be read."""
    info = LockInfo.from_text(stored.data)
    return info.id if info is not None else stored.etag.strip('"')


def _acquire(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> None:
    key = lock_key(bucket)
    while not _create(bucket, info):
        stored = bucket.read(key)
        if stored is None:
            continue  # it has just been released
        if LockInfo.from_text(stored.data) == info:
            return  # the response to our own put was lost, and boto3 repeated it
        timeout.wait(_locked(stored, bucket.place(key)), POLL_S)


def _create(bucket: Bucket, info: LockInfo) -> bool:
    with defer_signals():  # a put that was sent takes effect, perhaps after we have checked what to remove
        return bucket.create(lock_key(bucket), info.to_text().encode())


def _release(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> bool:
    """Remove our lock, never someone else's. A failure is reported, but does not change the result of the run. False if
    it no longer existed."""
    try:
        return _remove(bucket, info)
    except EdgewrapError as error:
        text = f"it could not be released ({error.what}); before the next run: `edgewrap force-unlock {info.id}`"
        timeout.emit(Event(EventKind.WARNING, None, "lock", text))
        return True


def _remove(bucket: Bucket, info: LockInfo) -> bool:
    key = lock_key(bucket)
    with defer_signals():
        stored = bucket.read(key)
        if stored is None or LockInfo.from_text(stored.data) != info:
            return False
        bucket.remove(key, stored.etag)
        return True


def _locked(stored: Stored, place: str) -> LockedError:
    killed, its_id = "its process no longer exists on this machine: the run was probably killed", id_of(stored)
    return locked(LockInfo.from_text(stored.data), place, killed, ADVICE.format(its_id), lock_id=its_id)

"""The lock of a cluster whose state is in S3: an object beside the state, made only where there is none.

Nothing but its info removes it, and `force-unlock`: S3 cannot tell that a run has died.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from edgewrap.aws.state import Bucket, Stored, read_terraform_lock, terraform_lock_place
from edgewrap.engine.lock.info import LockInfo, locked
from edgewrap.engine.lock.timeout import LockTimeout
from edgewrap.errors import EdgewrapError, LockedError
from edgewrap.events import Event, EventKind
from edgewrap.signals import defer_signals

POLL_S = 1.0
ADVICE = (
    "wait for it to end (`--lock-timeout SECONDS` does that for you); if it is stale for certain: "
    "`edgewrap force-unlock {}`"
)


def lock_key(bucket: Bucket) -> str:
    """The key of our lock object."""
    return f"{bucket.state_key}.edgewrap-lock"


@contextmanager
def bucket_lock(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> Iterator[None]:
    """Hold the lock object for the length of the block.

    Raises LockedError with who holds it and since when, once the timeout is at its end; StateError where S3 cannot be
    asked.
    """
    try:
        _acquire(bucket, info, timeout)
    except LockedError:
        raise
    except EdgewrapError:  # the object may have been made already: the answer to the put was lost
        with contextlib.suppress(EdgewrapError):  # S3 is not to be asked, which is just being told
            _remove(bucket, info)
        raise
    except BaseException:
        _release(bucket, info, timeout)
        raise
    try:
        yield
    finally:
        if not _release(bucket, info, timeout):
            text = "it was taken away while this run had it: look whether another run has worked beside it"
            timeout.emit(Event(EventKind.WARNING, None, "lock", text))


def await_terraform(bucket: Bucket, timeout: LockTimeout) -> None:
    """Wait until no terraform has the state locked: one that a killed run left may still be at work.

    Raises LockedError with who holds it, once the timeout is at its end.
    """
    while (lock := read_terraform_lock(bucket)) is not None:
        error = LockedError(
            f"the Terraform state is locked by {lock}, lock id {lock.id}, in {terraform_lock_place(bucket)}",
            cause="a terraform that was started by hand, or that a killed run left, is at work or was killed itself",
            advice=ADVICE.format(lock.id),
        )
        timeout.wait(error, POLL_S)


def id_of(stored: Stored) -> str:
    """What our lock object goes by: its info's id, or the object's own where it names none that we can read."""
    info = LockInfo.from_text(stored.data)
    return info.id if info is not None else stored.etag.strip('"')


def _acquire(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> None:
    key = lock_key(bucket)
    while not _create(bucket, info):
        stored = bucket.read(key)
        if stored is None:
            continue  # it has just been released
        if LockInfo.from_text(stored.data) == info:
            return  # the answer to our own put was lost, and boto3 put it again
        timeout.wait(_locked(stored, bucket.place(key)), POLL_S)


def _create(bucket: Bucket, info: LockInfo) -> bool:
    with defer_signals():  # a put on its way is carried out, perhaps after we have looked for what is to be removed
        return bucket.create(lock_key(bucket), info.to_text().encode())


def _release(bucket: Bucket, info: LockInfo, timeout: LockTimeout) -> bool:
    """Remove our lock, and never anybody else's. What fails here is told, but does not change how the run ended.
    False where it was no longer there."""
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
    info = LockInfo.from_text(stored.data)
    cause = (
        "no such process is on this machine any more: the run was killed, it seems"
        if info is not None and info.has_ended()
        else "one run at a time may work on a cluster"
    )
    its_id = id_of(stored)
    return locked(info, place, cause, ADVICE.format(its_id), lock_id=its_id)

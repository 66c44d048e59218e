"""The lock of a cluster whose state is in S3: an object beside the state, made only where there is none.

Nothing but its holder removes it, and `force-unlock`: S3 cannot tell that a run has died.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgewrap.engine.holder import Holder, locked
from edgewrap.engine.waiting import Patience
from edgewrap.errors import EdgewrapError, LockedError
from edgewrap.events import Event, EventKind
from edgewrap.infra.bucket import Bucket
from edgewrap.infra.state_lock import read_terraform_lock, terraform_lock_place
from edgewrap.signals import uninterrupted

POLL_S = 1.0
ADVICE = (
    "wait for it to end (`--lock-timeout SECONDS` does that for you); if it is dead for certain: "
    "`edgewrap force-unlock {}`"
)


def lock_key(bucket: Bucket) -> str:
    """The key of our lock object."""
    return f"{bucket.state_key}.edgewrap-lock"


@contextmanager
def bucket_lock(bucket: Bucket, holder: Holder, patience: Patience) -> Iterator[None]:
    """Hold the lock object for the length of the block.

    Raises LockedError with who holds it and since when, once the patience is at its end; StateError where S3 cannot be
    asked.
    """
    try:
        _acquire(bucket, holder, patience)
    except KeyboardInterrupt:  # the object may have been made already
        _release(bucket, holder, patience)
        raise
    try:
        yield
    finally:
        _release(bucket, holder, patience)


def await_terraform(bucket: Bucket, patience: Patience) -> None:
    """Wait until no terraform has the state locked: one that a killed run left may still be at work.

    Raises LockedError with who holds it, once the patience is at its end.
    """
    while (lock := read_terraform_lock(bucket)) is not None:
        error = LockedError(
            f"the Terraform state is locked by {lock}, lock id {lock.id}, in {terraform_lock_place(bucket)}",
            cause="a terraform that was started by hand, or that a killed run left, is at work or was killed itself",
            advice=ADVICE.format(lock.id),
        )
        patience.wait(error, POLL_S)


def _acquire(bucket: Bucket, holder: Holder, patience: Patience) -> None:
    key = lock_key(bucket)
    while not bucket.create(key, holder.to_text().encode()):
        stored = bucket.read(key)
        if stored is None:
            continue  # it has just been released
        other = Holder.from_text(stored.data)
        if other == holder:
            return  # the answer to our own put was lost, and boto3 put it again
        patience.wait(_locked(other, bucket.place(key)), POLL_S)


def _release(bucket: Bucket, holder: Holder, patience: Patience) -> None:
    """Remove our lock, and never anybody else's. What fails here is told, but does not change how the run ended."""
    key = lock_key(bucket)
    try:
        with uninterrupted():
            stored = bucket.read(key)
            if stored is not None and Holder.from_text(stored.data) == holder:
                bucket.remove(key, stored.etag)
    except EdgewrapError as error:
        text = f"it could not be released ({error.what}); before the next run: `edgewrap force-unlock {holder.id}`"
        patience.emit(Event(EventKind.WARNING, None, "lock", text))


def _locked(holder: Holder | None, place: str) -> LockedError:
    cause = (
        "no such process is on this machine any more: the run was killed, it seems"
        if holder is not None and holder.has_ended()
        else "one run at a time may work on a cluster"
    )
    return locked(holder, place, cause, ADVICE.format(holder.id if holder else "ID"))

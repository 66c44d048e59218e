"""The lock of a cluster whose state is in S3: an object beside the state, made only where there is none.

Nothing but its holder removes it, and `force-unlock`: S3 cannot tell that a run has died.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from edgewrap.engine.holder import Holder, locked
from edgewrap.engine.waiting import Patience
from edgewrap.errors import EdgewrapError, LockedError
from edgewrap.events import Event, EventKind
from edgewrap.infra.bucket import Bucket, Stored
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
    except LockedError:
        raise
    except EdgewrapError:  # the object may have been made already: the answer to the put was lost
        with contextlib.suppress(EdgewrapError):  # S3 is not to be asked, which is just being told
            _remove(bucket, holder)
        raise
    except BaseException:
        _release(bucket, holder, patience)
        raise
    try:
        yield
    finally:
        if not _release(bucket, holder, patience):
            text = "it was taken away while this run had it: look whether another run has worked beside it"
            patience.emit(Event(EventKind.WARNING, None, "lock", text))


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


def id_of(stored: Stored) -> str:
    """What our lock object goes by: its holder's id, or the object's own where it names none that we can read."""
    holder = Holder.from_text(stored.data)
    return holder.id if holder is not None else stored.etag.strip('"')


def _acquire(bucket: Bucket, holder: Holder, patience: Patience) -> None:
    key = lock_key(bucket)
    while not _create(bucket, holder):
        stored = bucket.read(key)
        if stored is None:
            continue  # it has just been released
        if Holder.from_text(stored.data) == holder:
            return  # the answer to our own put was lost, and boto3 put it again
        patience.wait(_locked(stored, bucket.place(key)), POLL_S)


def _create(bucket: Bucket, holder: Holder) -> bool:
    with uninterrupted():  # a put on its way is carried out, perhaps after we have looked for what is to be removed
        return bucket.create(lock_key(bucket), holder.to_text().encode())


def _release(bucket: Bucket, holder: Holder, patience: Patience) -> bool:
    """Remove our lock, and never anybody else's. What fails here is told, but does not change how the run ended.
    False where it was no longer there."""
    try:
        return _remove(bucket, holder)
    except EdgewrapError as error:
        text = f"it could not be released ({error.what}); before the next run: `edgewrap force-unlock {holder.id}`"
        patience.emit(Event(EventKind.WARNING, None, "lock", text))
        return True


def _remove(bucket: Bucket, holder: Holder) -> bool:
    key = lock_key(bucket)
    with uninterrupted():
        stored = bucket.read(key)
        if stored is None or Holder.from_text(stored.data) != holder:
            return False
        bucket.remove(key, stored.etag)
        return True


def _locked(stored: Stored, place: str) -> LockedError:
    holder = Holder.from_text(stored.data)
    cause = (
        "no such process is on this machine any more: the run was killed, it seems"
        if holder is not None and holder.has_ended()
        else "one run at a time may work on a cluster"
    )
    its_id = id_of(stored)
    return locked(holder, place, cause, ADVICE.format(its_id), lock_id=its_id)

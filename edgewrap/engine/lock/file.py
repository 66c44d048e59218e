"""The lock of a cluster on this machine: one run at a time, and the loser is told who holds it since when.

It is the kernel's lock on a file, so a run that is killed leaves nothing to clean up. Terraform inherits the
descriptor: where edgewrap is killed, the lock stays with the terraform that goes on to its end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewrap.engine.lock.info import LockInfo, locked
from edgewrap.engine.lock.timeout import LockTimeout
from edgewrap.errors import LockedError, StateError

POLL_S = 0.2


@contextmanager
def file_lock(path: Path, info: LockInfo, timeout: LockTimeout) -> Iterator[int]:
    """Hold the lock file for the length of the block; gives its descriptor, to be inherited by terraform.

    Raises LockedError with who holds it and since when, once the timeout is at its end; StateError where there can be
    no such file.
    """
    with _explained(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _take(path, descriptor):
            timeout.wait(_locked(path), POLL_S)
        with _explained(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, info.to_text().encode(), 0)
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def file_lock_info(path: Path) -> LockInfo | None:
    """Who holds the lock file, be it only by a terraform that was left; None where nobody does, or none that can be
    read."""
    return _read(path) if is_held(path) else None


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock file. Raises StateError where it is there and cannot be looked at."""
    try:
        with _explained(path):
            descriptor = os.open(path, os.O_RDWR)
    except StateError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return False
        raise
    try:
        return not _take(path, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"the lock file {path} cannot be used: {error.strerror}",
            cause="another user made it, or its directory is not writable, or is on a file system without locks",
            advice="run it as the user whose working directory it is, or set EDGEWRAP_DIR to a directory of your own; "
            "a local Terraform state is kept there",
        ) from error


def _take(path: Path, descriptor: int) -> bool:
    with _explained(path):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _locked(path: Path) -> LockedError:
    info = _read(path)
    return locked(
        info,
        str(path),
        cause="that run was killed, but its terraform goes on to the end of its plan"
        if info is not None and info.has_ended()
        else "one run at a time may work on a cluster",
        advice="wait for it to end (`--lock-timeout SECONDS` does that for you)",
    )


def _read(path: Path) -> LockInfo | None:
    try:
        return LockInfo.from_text(path.read_bytes())
    except OSError:
        return None

"""The lock of a cluster on this machine: one run at a time; the error of the loser says who holds it since when.

It is the kernel's lock on a file, so a killed run leaves nothing to clean up. Terraform inherits the descriptor: if
edgewrap is killed, the remaining Terraform process keeps the lock until it ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewrap.atomic_files import unwritable
from edgewrap.engine.lock.info import LockInfo, LockTimeout, locked
from edgewrap.errors import LockedError
from edgewrap.limits import read_file

POLL_S = 0.2
MOST_BYTES = 1 << 16


@contextmanager
def file_lock(path: Path, info: LockInfo, timeout: LockTimeout) -> Iterator[int]:
    """Hold the lock file for the length of the block; yields its descriptor, for Terraform to inherit.

    Raises LockedError, with the holder and the time, after the timeout; StateError if the file cannot be created.
    """
    with _explained(path):
        descriptor = _opened(path, os.O_CREAT)
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
    """Who holds the lock file, including a Terraform process that a killed run left; None if nobody does or if it
    cannot be read."""
    return _read(path) if is_held(path) else None


def is_held(path: Path) -> bool:
    """Whether the lock file is held. Raises StateError if it exists and cannot be opened."""
    with _explained(path):
        try:
            descriptor = _opened(path)
        except FileNotFoundError:
            return False
    try:
        return not _take(path, descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path, flags: int = 0) -> int:
    """The descriptor of a lock file. Follows no link, waits for no pipe and opens no device: a lock in S3 can name any
    path. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
    return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o600)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError for a text that is not a path
        fault = error if isinstance(error, OSError) else OSError(errno.EINVAL, "it is not a path")
        raise unwritable(f"the lock file {path} cannot be used", fault) from error


def _take(path: Path, descriptor: int) -> bool:
    with _explained(path), contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _locked(path: Path) -> LockedError:
    killed = "that run was killed, but its Terraform process continues to the end of its plan"
    return locked(_read(path), str(path), killed, "wait for it to end (`--lock-timeout SECONDS` does that for you)")


def _read(path: Path) -> LockInfo | None:
    try:
        return LockInfo.from_text(read_file(path, MOST_BYTES))
    except OSError:
        return None

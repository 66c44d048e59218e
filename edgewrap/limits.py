"""Limits of time and size for what is read from outside.

The time-out of a socket starts again with each packet, and a FIFO or a name server may never answer. So a read runs in
a thread of its own. When its time is up, or a signal ends the run, the thread is left behind: it is a daemon, so the
process does not wait for it at its end.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MOST_FILE_BYTES = 64 << 20
FILE_S = 10.0


class TooLargeError(Exception):
    """An answer is larger than what any real one is."""


def start(work: Callable[[], T]) -> Future[T]:
    """Run `work` in a thread of its own, which never delays the end of the process."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # it is raised where the result is used
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`. Raises TimeoutError if there is none after so many seconds."""
    return start(work).result(seconds)


def joined(chunks: Iterable[bytes], most: int) -> bytes:
    """All chunks as one. Raises TooLargeError for more than `most` bytes, without reading on."""
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
        if len(whole) > most:
            raise TooLargeError(f"it has more than {most >> 20} MiB")
    return bytes(whole)


def read_file(path: Path, most: int = MOST_FILE_BYTES) -> bytes:
    """The content of a file, which may be a pipe: at most 10 s for it, and `most` bytes. Raises OSError."""

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(most + 1)

    try:
        content = within(FILE_S, read)
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, f"not read within {FILE_S:.0f} s", os.fspath(path)) from None
    if len(content) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return content

"""Standard output and error that cannot break a run.

If a reader goes away (`| head`), a disk is full, a descriptor is closed or a terminal is closed, only what would have
been shown is lost: the run continues to its end, with the same exit code. The loss is handled where bytes are
written, so no code above has to expect it, and Python's own flush at exit finds nothing to fail on.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAMES = ("stdin", "stdout", "stderr")  # in the order of their descriptors


class Output(io.FileIO):
    """A descriptor that is written to until a write fails; `fault` is that failure. From then on nothing is written."""

    fault: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write or drop; returns how many bytes of `data` were handled."""
        try:
            while self.fault is None:
                written: int | None = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # another process set the shared descriptor non-blocking, and it is full
        except OSError as error:
            self.fault = error
        return memoryview(data).nbytes


def protect_streams() -> tuple[Output, Output]:
    """Replace `sys.stdout` and `sys.stderr`; returns what they write to.

    A standard descriptor that is closed is opened on /dev/null first: otherwise the next file that is opened, such as
    the run's lock, gets its number, and children write into it.
    """
    for number, name in enumerate(NAMES):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one. Children inherit it, as they do the standard descriptors.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115
    outputs = Output(1, "wb", closefd=False), Output(2, "wb", closefd=False)
    sys.stdout, sys.stderr = _text(sys.stdout, outputs[0]), _text(sys.stderr, outputs[1])
    return outputs


def warn_of_lost_output(stdout: Output) -> None:
    """Warn on standard error that standard output is incomplete, unless its reader closed the pipe."""
    sys.stdout.flush()
    if stdout.fault is not None and stdout.fault.errno != errno.EPIPE:
        sys.stderr.write(f"Warning: standard output is incomplete: {stdout.fault.strerror}\n")


def _text(stream: TextIO, output: Output) -> TextIO:
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors == "strict" else stream.errors,  # no character breaks a run either
        line_buffering=isinstance(stream, io.TextIOWrapper) and stream.line_buffering,
        write_through=isinstance(stream, io.TextIOWrapper) and stream.write_through,
    )

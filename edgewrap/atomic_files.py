"""Write files so that a run that is killed leaves the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edgewrap.errors import StateError

_FULL = {errno.ENOSPC: "its file system is full", errno.EDQUOT: "your disk quota is used up"}
_FULL |= {errno.EFBIG: "the limit of a file's size (`ulimit -f`) is reached"}


def unwritable(what: str, error: OSError) -> StateError:
    """The error if `what`, a file or a directory of a run, cannot be created or written."""
    cause, advice = _FULL.get(error.errno or 0, ""), "free space there, then re-run: what was done is kept"
    if error.errno == errno.EROFS:
        cause = "its file system is read-only"
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
        cause = "the path is too long, or leads through something other than a directory"
    if error.errno not in _FULL:
        cause = cause or "it is another user's, or you have no permission to write there"
        advice = (
            "run as the owner of that directory, or name one of your own (EDGEWRAP_DIR, which has a local Terraform "
        )
        advice += "state; for `render` --output)"
    return StateError(f"{what}: {error.strerror}", cause=cause, advice=advice)


@contextmanager
def private_files() -> Iterator[None]:
    """What this process and its children create in the block is readable by its owner only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def write_atomically(path: Path, content: str | bytes) -> bool:
    """Write a file, readable by its owner only, unless it holds this content already. Returns whether it was written.

    Raises StateError if that is not possible.
    """
    try:
        return _write(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise unwritable(f"{path} cannot be written", error) from error


def _write(path: Path, data: bytes) -> bool:
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def write_tree(directory: Path, files: Mapping[str, str]) -> None:
    """Write these files, by relative path, into the directory and delete the Terraform files of an earlier render."""
    for name, text in files.items():
        write_atomically(directory / name, text)
    ends = ("tf", "tf.json", "tfvars", "tfvars.json", "tfbackend.json")
    for pattern in (*(f"*.{end}" for end in ends), "modules/*/*.tf", "modules/*/*.tf.json"):
        for path in directory.glob(pattern):
            if path.relative_to(directory).as_posix() not in files:
                path.unlink()

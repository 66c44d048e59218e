"""Paths that a user gives. A text that cannot be a path names nothing: pathlib raises OSError for one that is too long,
or that lies below a directory without search permission, and RuntimeError for a loop of links or an unknown home."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgewrap.errors import UsageError


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's own raises


def is_directory(path: Path) -> bool:
    """Whether `path` is a directory."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's own raises


def real_path(path: Path) -> Path:
    """The absolute path without links, as far as it exists."""
    return Path(os.path.realpath(path))


def with_home(text: str) -> Path:
    """The path with `~` replaced; as it is if nobody knows the user's home."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's own raises


def expanded(text: str) -> Path:
    """The path that an option or a variable means. Raises UsageError if it begins with `~` and the home is unknown."""
    path = with_home(text)
    if path.parts[:1] == ("~",):
        raise UsageError(
            f"{text}: your home directory is unknown",
            cause="HOME is not set, and this machine has no user with this process's id",
            advice="set HOME, or write the path without ~",
        )
    return path


def links_below(directory: Path, besides: str) -> Iterator[Path]:
    """The symbolic links in a directory and below it; what is in a folder named `besides` does not count."""
    for folder, folders, files in os.walk(directory):
        yield from (path for name in (*folders, *files) if (path := Path(folder, name)).is_symlink())
        folders[:] = [name for name in folders if name != besides]


def working_directory(spec_file: Path, name: str, environ: Mapping[str, str]) -> Path:
    """Where the runs of the cluster `name` keep their files: below EDGEWRAP_DIR, or beside its spec."""
    base = environ.get("EDGEWRAP_DIR")
    return (expanded(base) if base else real_path(spec_file).parent / ".edgewrap") / name

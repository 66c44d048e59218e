"""Checks of paths that a user gives. A text that cannot be a path names nothing: pathlib raises OSError for one that is
too long, or that lies below a directory without search permission."""

from __future__ import annotations

import os.path
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's own raises


def is_directory(path: Path) -> bool:
    """Whether `path` is a directory."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's own raises

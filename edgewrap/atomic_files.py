"""Write files so that a run that is killed leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: Path, text: str) -> bool:
    """Write a file, readable by its owner only, unless it holds this text already. Returns whether it was written."""
    data = text.encode()
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

"""The locks that one run holds: where the state is, and on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewrap.aws.state import Bucket
from edgewrap.engine.lock.file import file_lock
from edgewrap.engine.lock.info import LockInfo
from edgewrap.engine.lock.s3 import await_terraform, bucket_lock
from edgewrap.engine.lock.timeout import LockTimeout
from edgewrap.spec.models import Spec


@contextmanager
def run_lock(spec: Spec, file: Path, command: str, timeout: LockTimeout) -> Iterator[int]:
    """Hold them for the length of the block; yields the descriptor of the lock `file`, for Terraform to inherit.

    With a state in S3 the object there is locked first, so that the loser's error has its info. Raises LockedError, and
    StateError if S3 cannot be reached.
    """
    info = LockInfo.of_this_run(command, file)
    bucket = Bucket.of(spec, os.environ)
    if bucket is None:
        with file_lock(file, info, timeout) as descriptor:
            yield descriptor
        return
    with bucket_lock(bucket, info, timeout), file_lock(file, info, timeout) as descriptor:
        await_terraform(bucket, timeout)
        yield descriptor

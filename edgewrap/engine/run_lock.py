"""The locks that one run holds: where the state is, and on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewrap.engine.bucket_lock import await_terraform, bucket_lock
from edgewrap.engine.holder import Holder
from edgewrap.engine.lock import file_lock
from edgewrap.engine.waiting import Patience
from edgewrap.infra.bucket import Bucket
from edgewrap.spec.models import Spec


@contextmanager
def run_lock(spec: Spec, file: Path, command: str, patience: Patience) -> Iterator[int]:
    """Hold them for the length of the block; gives the descriptor of the lock `file`, for terraform to inherit.

    With a state in S3 the object there comes first, so that its holder is the one that the loser hears of. Raises
    LockedError, and StateError where S3 cannot be asked.
    """
    holder = Holder.of_this_run(command, file)
    bucket = Bucket.of(spec, os.environ)
    if bucket is None:
        with file_lock(file, holder, patience) as descriptor:
            yield descriptor
        return
    with bucket_lock(bucket, holder, patience), file_lock(file, holder, patience) as descriptor:
        await_terraform(bucket, patience)
        yield descriptor

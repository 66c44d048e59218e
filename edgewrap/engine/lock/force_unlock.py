"""`force-unlock`: remove the lock of a stale run in S3. On this machine the kernel releases locks by itself."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgewrap.aws.state import Bucket, Stored, TerraformLock
from edgewrap.engine.lock.file import file_lock_info, is_held
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.engine.lock.s3 import id_of, lock_key
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import LockedError, StateError, UsageError
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

POLL_S = 0.5
NOBODY = "a run that cannot be read"


@dataclass(frozen=True, slots=True)
class StaleLock:
    """What `force-unlock` would remove: a run's own lock (`stored`, None if it stays), Terraform's, or both. `info` is
    None also if the run's lock does not name its holder."""

    spec: Spec
    bucket: Bucket
    stored: Stored | None
    info: LockInfo | None
    terraform: TerraformLock | None

    @property
    def locks(self) -> tuple[str, ...]:
        """A description of each; a run's says so if a process with its id is running."""
        words = []
        if self.stored is not None:
            alive = self.info and self.info.is_alive()
            doubt = f"; a process {self.info.pid} is running on this machine" if self.info and alive else ""
            words.append(f"{self.info or NOBODY}{doubt}")
        if self.terraform is not None:
            words.append(str(self.terraform))
        return tuple(words)


def find_lock(spec_file: Path, lock_id: str, timeout: LockTimeout) -> StaleLock:
    """The locks that `lock_id` stands for: that of a run, with Terraform's lock that it left, or Terraform's.

    Waits for a Terraform process on this machine that the run has left. Raises LockedError if that, or the run itself,
    is still active here, or if Terraform's lock may belong to an active run, and UsageError if there is no such lock.
    """
    spec = load_spec(spec_file, os.environ)
    file = Workspace.of(spec_file, spec.name, os.environ).lock
    bucket = Bucket.of(spec, os.environ)
    if bucket is None:
        raise _kernels_own(file)
    stored = bucket.read(lock_key(bucket))
    info = LockInfo.from_text(stored.data) if stored else None
    terraform = TerraformLock.read(bucket)
    if stored is not None and lock_id == id_of(stored):
        _await_end(info, file, timeout)
        left = TerraformLock.read(bucket)
        its_own = left is not None and info is not None and left.is_of_host(info.host)
        return StaleLock(spec, bucket, stored, info, left if its_own else None)
    if terraform is not None and terraform.id == lock_id:
        if stored is not None:
            _require_dead(stored, info, file, timeout)
        return StaleLock(spec, bucket, None, None, terraform)
    held = [f"{info or NOBODY}, lock id {id_of(stored)}"] if stored is not None else []
    held += [f"{terraform}, lock id {terraform.id}"] if terraform is not None else []
    raise UsageError(
        f"there is no lock {lock_id} on {spec.name}",
        cause=f"it is locked by {' and '.join(held)}" if held else "it is not locked",
        advice="give the id of an existing lock" if held else "re-run the command that was refused",
    )


def break_lock(stale: StaleLock) -> None:
    """Remove exactly these locks; edgewrap's last, because the next run waits for it.

    Raises LockedError if someone else holds them by now.
    """
    bucket = stale.bucket
    removed = stale.terraform is None or stale.terraform.remove(bucket)
    # Refused because it was removed already, by our own request that boto3 repeated: its response was lost.
    removed = removed or TerraformLock.read(bucket) is None
    if stale.stored is not None:
        key = lock_key(bucket)
        removed = (bucket.remove(key, stale.stored.etag) or bucket.read(key) is None) and removed
    if not removed:
        raise LockedError(
            f"another run has locked {stale.spec.name} since",
            cause="the run was not stale, or someone else has removed its lock",
            advice="check whether that run is active before you run anything",
        )


def _require_dead(stored: Stored, info: LockInfo | None, file: Path, timeout: LockTimeout) -> None:
    """Whether Terraform's lock belongs to this run, as far as its info shows."""
    if info is not None and info.has_ended():
        _await_end(info, file, timeout)
        return
    raise LockedError(
        f"the cluster is locked by {info or NOBODY}, and its Terraform may be active",
        cause="Terraform's lock alone is removed only if no run holds the cluster",
        advice="wait for that run to end; if it is certainly stale: "
        f"`edgewrap force-unlock {id_of(stored)}` first, which also removes the lock of its Terraform",
    )


def _await_end(info: LockInfo | None, file: Path, timeout: LockTimeout) -> None:
    while _at_work(info, file):
        ended = info is None or info.has_ended()
        error = LockedError(
            f"{info or NOBODY} is not stale: {'its Terraform' if ended else 'it'} is active on this machine",
            cause="Terraform continues to the end of its plan after its run is killed: nothing that it creates is lost"
            if ended
            else "its process exists",
            advice="wait for it to end (`--lock-timeout SECONDS` does that for you)"
            if info is None or ended
            else f"wait for it to end, or interrupt it: `kill -INT {info.pid}`",
        )
        timeout.wait(error, POLL_S)


def _at_work(info: LockInfo | None, file: Path) -> bool:
    """Whether the run, or its Terraform, holds a lock file on this machine: `file`, or one in another working
    directory. A lock that cannot be read counts as that of the holder of `file`."""
    if info is None:
        return is_held(file)
    if _holds(file, info):
        return True
    with suppress(StateError):  # a file that cannot be a lock file is not held
        return info.host == socket.gethostname() and info.file != "" and _holds(Path(info.file), info)
    return False


def _holds(file: Path, info: LockInfo) -> bool:
    here = file_lock_info(file)
    return here is not None and here.id == info.id


def _kernels_own(file: Path) -> UsageError:
    info = file_lock_info(file)
    return UsageError(
        "a lock on this machine cannot be removed, and need not be",
        cause=f"it is released when its holder ends: {info}" if info else "nobody holds it; a killed run leaves none",
        advice="wait for that run, or for the Terraform process that it left (`--lock-timeout SECONDS`)"
        if info
        else "re-run the command that was refused",
    )

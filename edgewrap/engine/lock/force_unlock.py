"""`force-unlock`: taking away the lock of a run that is stale, in S3. On this machine the kernel does it by itself."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from edgewrap.aws.state import Bucket, Stored, TerraformLock, read_terraform_lock, remove_terraform_lock
from edgewrap.engine.lock.file import file_lock_info, is_held
from edgewrap.engine.lock.info import LockInfo
from edgewrap.engine.lock.s3 import id_of, lock_key
from edgewrap.engine.lock.timeout import LockTimeout
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import LockedError, UsageError
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

POLL_S = 0.5
NOBODY = "a run that cannot be read"


@dataclass(frozen=True, slots=True)
class StaleLock:
    """What `force-unlock` would take away: a run's own lock (`stored`, None where it is not to go), Terraform's, or
    both. `info` is None also where the run's lock does not say who that is."""

    spec: Spec
    bucket: Bucket
    stored: Stored | None
    info: LockInfo | None
    terraform: TerraformLock | None

    @property
    def locks(self) -> tuple[str, ...]:
        """Each in words; a run's with a doubt, where there is one."""
        words = []
        if self.stored is not None:
            doubt = (
                f"; a process {self.info.pid} is running on this machine"
                if self.info is not None and self.info.is_alive()
                else ""
            )
            words.append(f"{self.info or NOBODY}{doubt}")
        if self.terraform is not None:
            words.append(str(self.terraform))
        return tuple(words)


def find_lock(spec_file: Path, lock_id: str, timeout: LockTimeout) -> StaleLock:
    """The locks that `lock_id` stands for: that of a run, with the one of Terraform's that it left, or Terraform's.

    Waits for a terraform on this machine that the run has left. Raises LockedError where that, or the run itself, is
    still at work here, or where a lock of Terraform's may be that of a run that goes on, and UsageError where there is
    no such lock.
    """
    spec = load_spec(spec_file, os.environ)
    file = Workspace.of(spec_file, spec.name, os.environ).lock
    bucket = Bucket.of(spec, os.environ)
    if bucket is None:
        raise _kernels_own(file)
    stored = bucket.read(lock_key(bucket))
    info = LockInfo.from_text(stored.data) if stored else None
    terraform = read_terraform_lock(bucket)
    if stored is not None and lock_id == id_of(stored):
        _await_end(info, file, timeout)
        left = read_terraform_lock(bucket)
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
        cause=f"it is locked by {' and '.join(held)}" if held else "nothing locks it",
        advice="give the id of a lock that is there" if held else "run again what was refused",
    )


def break_lock(stale: StaleLock) -> None:
    """Take exactly these locks away; ours last, since the next run waits for it.

    Raises LockedError where somebody else has them by now.
    """
    bucket = stale.bucket
    removed = stale.terraform is None or remove_terraform_lock(bucket, stale.terraform)
    # Refused because of our own removal, where boto3 asked again since the answer was lost: then it is gone.
    removed = removed or read_terraform_lock(bucket) is None
    if stale.stored is not None:
        key = lock_key(bucket)
        removed = (bucket.remove(key, stale.stored.etag) or bucket.read(key) is None) and removed
    if not removed:
        raise LockedError(
            f"a lock of {stale.spec.name} was taken by another run meanwhile",
            cause="the run was not stale, or somebody else has broken its lock",
            advice="look whether that run goes on before you run anything",
        )


def _require_dead(stored: Stored, info: LockInfo | None, file: Path, timeout: LockTimeout) -> None:
    """Terraform's lock beside one of ours is, as far as can be told, that of a terraform of its info."""
    if info is not None and info.has_ended():
        _await_end(info, file, timeout)
        return
    raise LockedError(
        f"the cluster is locked by {info or NOBODY}, and its terraform may be at work",
        cause="Terraform's lock alone is taken away only where no run has the cluster",
        advice="wait for that run to end; if it is stale for certain: "
        f"`edgewrap force-unlock {id_of(stored)}` first, which takes away what its terraform left, too",
    )


def _await_end(info: LockInfo | None, file: Path, timeout: LockTimeout) -> None:
    while _at_work(info, file):
        ended = info is None or info.has_ended()
        error = LockedError(
            f"{info or NOBODY} is not stale: {'its terraform' if ended else 'it'} is at work on this machine",
            cause="where a run was killed, terraform goes on to the end of its plan: nothing that it makes is lost"
            if ended
            else "its process is there",
            advice="wait for it to end (`--lock-timeout SECONDS` does that for you)"
            if info is None or ended
            else f"wait for it to end, or end it in good order: `kill -INT {info.pid}`",
        )
        timeout.wait(error, POLL_S)


def _at_work(info: LockInfo | None, file: Path) -> bool:
    """Whether the run, or its terraform, has a lock file on this machine: `file`, or one in a working directory of its
    own. One that cannot be read is taken for that of whoever has `file`."""
    if info is None:
        return is_held(file)
    files = {file, Path(info.file)} if info.file and info.host == socket.gethostname() else {file}
    return any((here := file_lock_info(one)) is not None and here.id == info.id for one in files)


def _kernels_own(file: Path) -> UsageError:
    info = file_lock_info(file)
    return UsageError(
        "a lock on this machine cannot be broken, and need not be",
        cause=f"it goes with its info: {info}" if info else "nothing holds it; a killed run leaves none behind",
        advice="wait for that run, or for the terraform that it left (`--lock-timeout SECONDS`)"
        if info
        else "run again what was refused",
    )

"""`force-unlock`: taking away the lock of a run that is dead, in S3. On this machine the kernel does it by itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgewrap.engine.bucket_lock import lock_key
from edgewrap.engine.holder import Holder
from edgewrap.engine.lock import file_holder
from edgewrap.engine.waiting import Patience
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import LockedError, UsageError
from edgewrap.infra.bucket import Bucket
from edgewrap.infra.state_lock import TerraformLock, read_terraform_lock, remove_terraform_lock
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class DeadLock:
    """What `force-unlock` would take away: a run's own lock, Terraform's, or both."""

    spec: Spec
    bucket: Bucket
    holder: Holder | None
    etag: str
    terraform: TerraformLock | None

    @property
    def locks(self) -> tuple[str, ...]:
        """Each in words; a run's with a doubt, where there is one."""
        words = [str(lock) for lock in (self.holder, self.terraform) if lock is not None]
        if self.holder is not None and self.holder.is_alive():
            words[0] += f"; a process {self.holder.pid} is running on this machine"
        return tuple(words)


def find_lock(spec_file: Path, lock_id: str, patience: Patience) -> DeadLock:
    """The locks that `lock_id` stands for: that of a run, with the one of Terraform's that it left, or Terraform's.

    Waits for a terraform on this machine that the run has left. Raises LockedError where that, or the run itself, is
    still at work here, and UsageError where there is no such lock.
    """
    spec = load_spec(spec_file, os.environ)
    file = Workspace.of(spec_file, spec.name, os.environ).lock
    bucket = Bucket.of(spec, os.environ)
    if bucket is None:
        raise _kernels_own(file)
    stored = bucket.read(lock_key(bucket))
    holder = Holder.from_text(stored.data) if stored else None
    terraform = read_terraform_lock(bucket)
    if stored is not None and holder is not None and holder.id == lock_id:
        _await_end(holder, file, patience)
        left = read_terraform_lock(bucket)
        its_own = left is not None and left.is_of_host(holder.host)
        return DeadLock(spec, bucket, holder, stored.etag, left if its_own else None)
    if terraform is not None and terraform.id == lock_id:
        return DeadLock(spec, bucket, None, "", terraform)
    held = [f"{lock}, lock id {lock.id}" for lock in (holder, terraform) if lock is not None]
    raise UsageError(
        f"there is no lock {lock_id} on {spec.name}",
        cause=f"it is locked by {' and '.join(held)}" if held else "nothing locks it",
        advice="give the id of a lock that is there" if held else "run again what was refused",
    )


def break_lock(dead: DeadLock) -> None:
    """Take exactly these locks away; ours last, since the next run waits for it.

    Raises LockedError where somebody else has them by now.
    """
    removed = dead.terraform is None or remove_terraform_lock(dead.bucket, dead.terraform)
    if dead.holder is not None:
        removed = dead.bucket.remove(lock_key(dead.bucket), dead.etag) and removed
    if not removed:
        raise LockedError(
            f"a lock of {dead.spec.name} was released, or taken by another run, meanwhile",
            cause="the run was not dead, or somebody else has broken its lock",
            advice="look whether that run goes on before you run anything",
        )


def _await_end(holder: Holder, file: Path, patience: Patience) -> None:
    while True:
        here = file_holder(file)
        if here is None or here.id != holder.id:
            return
        ended = holder.has_ended()
        error = LockedError(
            f"{holder} is not dead: {'its terraform' if ended else 'it'} is at work on this machine",
            cause="where a run was killed, terraform goes on to the end of its plan: nothing that it makes is lost"
            if ended
            else "its process is there",
            advice="wait for it to end (`--lock-timeout SECONDS` does that for you)"
            if ended
            else f"wait for it to end, or end it in good order: `kill -INT {holder.pid}`",
        )
        patience.wait(error, POLL_S)


def _kernels_own(file: Path) -> UsageError:
    holder = file_holder(file)
    return UsageError(
        "a lock on this machine cannot be broken, and need not be",
        cause=f"it goes with its holder: {holder}" if holder else "nothing holds it; a killed run leaves none behind",
        advice="wait for that run, or for the terraform that it left (`--lock-timeout SECONDS`)"
        if holder
        else "run again what was refused",
    )

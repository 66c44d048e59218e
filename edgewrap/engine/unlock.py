"""`force-unlock`: taking away the lock of a run that is dead, in S3. On this machine the kernel does it by itself."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from edgewrap.engine.bucket_lock import id_of, lock_key
from edgewrap.engine.holder import Holder
from edgewrap.engine.lock import file_holder, is_held
from edgewrap.engine.waiting import Patience
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import LockedError, UsageError
from edgewrap.infra.bucket import Bucket, Stored
from edgewrap.infra.state_lock import TerraformLock, read_terraform_lock, remove_terraform_lock
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

POLL_S = 0.5
NOBODY = "a run that cannot be read"


@dataclass(frozen=True, slots=True)
class DeadLock:
    """What `force-unlock` would take away: a run's own lock (`stored`, None where it is not to go), Terraform's, or
    both. `holder` is None also where the run's lock does not say who that is."""

    spec: Spec
    bucket: Bucket
    stored: Stored | None
    holder: Holder | None
    terraform: TerraformLock | None

    @property
    def locks(self) -> tuple[str, ...]:
        """Each in words; a run's with a doubt, where there is one."""
        words = []
        if self.stored is not None:
            doubt = (
                f"; a process {self.holder.pid} is running on this machine"
                if self.holder is not None and self.holder.is_alive()
                else ""
            )
            words.append(f"{self.holder or NOBODY}{doubt}")
        if self.terraform is not None:
            words.append(str(self.terraform))
        return tuple(words)


def find_lock(spec_file: Path, lock_id: str, patience: Patience) -> DeadLock:
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
    holder = Holder.from_text(stored.data) if stored else None
    terraform = read_terraform_lock(bucket)
    if stored is not None and lock_id == id_of(stored):
        _await_end(holder, file, patience)
        left = read_terraform_lock(bucket)
        its_own = left is not None and holder is not None and left.is_of_host(holder.host)
        return DeadLock(spec, bucket, stored, holder, left if its_own else None)
    if terraform is not None and terraform.id == lock_id:
        if stored is not None:
            _require_dead(stored, holder, file, patience)
        return DeadLock(spec, bucket, None, None, terraform)
    held = [f"{holder or NOBODY}, lock id {id_of(stored)}"] if stored is not None else []
    held += [f"{terraform}, lock id {terraform.id}"] if terraform is not None else []
    raise UsageError(
        f"there is no lock {lock_id} on {spec.name}",
        cause=f"it is locked by {' and '.join(held)}" if held else "nothing locks it",
        advice="give the id of a lock that is there" if held else "run again what was refused",
    )


def break_lock(dead: DeadLock) -> None:
    """Take exactly these locks away; ours last, since the next run waits for it.

    Raises LockedError where somebody else has them by now.
    """
    bucket = dead.bucket
    removed = dead.terraform is None or remove_terraform_lock(bucket, dead.terraform)
    # Refused because of our own removal, where boto3 asked again since the answer was lost: then it is gone.
    removed = removed or read_terraform_lock(bucket) is None
    if dead.stored is not None:
        key = lock_key(bucket)
        removed = (bucket.remove(key, dead.stored.etag) or bucket.read(key) is None) and removed
    if not removed:
        raise LockedError(
            f"a lock of {dead.spec.name} was taken by another run meanwhile",
            cause="the run was not dead, or somebody else has broken its lock",
            advice="look whether that run goes on before you run anything",
        )


def _require_dead(stored: Stored, holder: Holder | None, file: Path, patience: Patience) -> None:
    """Terraform's lock beside one of ours is, as far as can be told, that of a terraform of its holder."""
    if holder is not None and holder.has_ended():
        _await_end(holder, file, patience)
        return
    raise LockedError(
        f"the cluster is locked by {holder or NOBODY}, and its terraform may be at work",
        cause="Terraform's lock alone is taken away only where no run has the cluster",
        advice="wait for that run to end; if it is dead for certain: "
        f"`edgewrap force-unlock {id_of(stored)}` first, which takes away what its terraform left, too",
    )


def _await_end(holder: Holder | None, file: Path, patience: Patience) -> None:
    while _at_work(holder, file):
        ended = holder is None or holder.has_ended()
        error = LockedError(
            f"{holder or NOBODY} is not dead: {'its terraform' if ended else 'it'} is at work on this machine",
            cause="where a run was killed, terraform goes on to the end of its plan: nothing that it makes is lost"
            if ended
            else "its process is there",
            advice="wait for it to end (`--lock-timeout SECONDS` does that for you)"
            if holder is None or ended
            else f"wait for it to end, or end it in good order: `kill -INT {holder.pid}`",
        )
        patience.wait(error, POLL_S)


def _at_work(holder: Holder | None, file: Path) -> bool:
    """Whether the run, or its terraform, has a lock file on this machine: `file`, or one in a working directory of its
    own. One that cannot be read is taken for that of whoever has `file`."""
    if holder is None:
        return is_held(file)
    files = {file, Path(holder.file)} if holder.file and holder.host == socket.gethostname() else {file}
    return any((here := file_holder(one)) is not None and here.id == holder.id for one in files)


def _kernels_own(file: Path) -> UsageError:
    holder = file_holder(file)
    return UsageError(
        "a lock on this machine cannot be broken, and need not be",
        cause=f"it goes with its holder: {holder}" if holder else "nothing holds it; a killed run leaves none behind",
        advice="wait for that run, or for the terraform that it left (`--lock-timeout SECONDS`)"
        if holder
        else "run again what was refused",
    )

"""The two places of a Terraform state: a local file and an S3 object, each with what can go wrong there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from os.path import getmtime
from pathlib import Path
from typing import Protocol

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.state.document import StateDocument
from edgewrap.aws.state.s3 import Bucket
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.change import PlaneName
from edgewrap.errors import StateError
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.limits import read_file
from edgewrap.spec.models import Spec

KEPT_BACKUPS = 10


class StateStore(Protocol):
    """Where a state is; `place` is its address, for messages.

    `read` returns None if there never was a state in this place. It raises StateError if the state is damaged, lost, or
    in another place. `back_up` keeps the state as it is now, before Terraform changes it.

    The inputs of a first run are kept beside it from `mark_started`, when the run is about to create something, to
    `mark_finished`, when the state holds everything: if its Terraform is killed before it has saved a state (to S3 it
    does so every 20 seconds), what it created is found by the UUID of the `pending_inputs`, and kept.
    """

    @property
    def place(self) -> str: ...
    def read(self) -> StateDocument | None: ...
    def back_up(self) -> None: ...
    def pending_inputs(self) -> str | None: ...
    def mark_started(self, inputs: str) -> None: ...
    def mark_finished(self) -> None: ...


def state_store(
    spec: Spec, workdir: WorkDir, environ: Mapping[str, str], emit: Emit = discard, *, locked: bool = False
) -> StateStore:
    """The place that the spec names. `locked`: this run holds the cluster's lock, so no terraform is using the
    state."""
    bucket = Bucket.of(spec, environ)
    return LocalStore(workdir, emit, locked=locked) if bucket is None else BucketStore(bucket, workdir)


class LocalStore:
    """A file in the working directory, with the states before it in `backups/`."""

    def __init__(self, workdir: WorkDir, emit: Emit = discard, *, locked: bool = False) -> None:
        self.place = str(workdir.state)
        self._workdir = workdir
        self._emit = emit
        self._locked = locked

    def read(self) -> StateDocument | None:
        """The state file. None if neither it nor a backup of it exists.

        A state that is half written, because Terraform was killed or the disk was full, is restored from the backup
        before that run: what the run created is found by its tags.
        """
        unsaved = self._workdir.unsaved
        disk_was_full = self._locked and unsaved.exists() and _stored(unsaved) is None
        if not disk_was_full:
            restores = "run `edgewrap apply`: it restores the state, and finds what that run created by its tags"
            _refuse_unsaved(self._workdir, f"cp '{unsaved}' '{self._workdir.state}'", restores)
        document = self._read(may_be_half_written=disk_was_full or self._workdir.state_in_use.exists())
        if disk_was_full:
            unsaved.unlink()
        return document

    def _read(self, *, may_be_half_written: bool) -> StateDocument | None:
        path = self._workdir.state
        try:
            text = read_file(path)
        except FileNotFoundError:
            if self._newest_backup(_holds_something) is None:
                return None
            raise StateError(
                f"the Terraform state {path} is missing, but there is a backup of it",
                cause="the file was deleted or moved; without it edgewrap would create a second cluster",
                advice=f"nothing was changed; restore it, or {self._restore()}",
            ) from None
        except OSError as error:
            raise StateError(
                f"the Terraform state {path} cannot be read: {error.strerror}",
                cause="perhaps it belongs to another user, or it is not a file of Terraform's",
                advice="run as the user who applied the cluster, or set EDGEWRAP_DIR to another directory",
            ) from error
        if self._locked and may_be_half_written and _cut_off(text):
            return self._before_that_run()
        return StateDocument.read(text, str(path), self._restore())

    def back_up(self) -> None:
        """Copy the state to `backups/`, under its serial; the oldest copies are deleted."""
        directory = self._workdir.backups
        document = self.read()
        if document is None:
            return
        newest = directory / f"{document.serial:06}.tfstate"
        write_atomically(newest, document.text)
        newest.touch()  # it may exist already, from an earlier state
        for old in sorted(directory.glob("*.tfstate"), key=getmtime)[:-KEPT_BACKUPS]:
            old.unlink(missing_ok=True)

    def pending_inputs(self) -> str | None:
        try:
            return _text(read_file(self._workdir.begun), str(self._workdir.begun))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_inputs(str(self._workdir.begun), error.strerror or "it cannot be opened") from error

    def mark_started(self, inputs: str) -> None:
        write_atomically(self._workdir.begun, inputs)

    def mark_finished(self) -> None:
        self._workdir.begun.unlink(missing_ok=True)

    def _before_that_run(self) -> StateDocument | None:
        path, newest = self._workdir.state, self._newest_backup(lambda path: _stored(path) is not None)
        if newest is None:  # it was the first run
            path.replace(path.with_name(f"{path.name}.cut-off"))
            return None
        text = f"Terraform did not finish writing {path}: restored from {newest}"
        self._emit(Event(EventKind.WARNING, PlaneName.AWS, "state", text))
        document = StateDocument.read(read_file(newest), str(path), self._restore())
        write_atomically(path, document.text)
        return document

    def _restore(self) -> str:
        newest = self._newest_backup(_holds_something)
        if newest is None:
            return "restore your own copy"
        return f"restore the last backup (`cp '{newest}' '{self._workdir.state}'`)"

    def _newest_backup(self, suits: Callable[[Path], bool]) -> Path | None:
        terraforms_own = self._workdir.state.with_name(f"{self._workdir.state.name}.backup")
        found = [path for path in (terraforms_own, *self._workdir.backups.glob("*.tfstate")) if suits(path)]
        return max(found, key=getmtime, default=None)


class BucketStore:
    """An object in S3; the bucket's versioning keeps those before it."""

    def __init__(self, bucket: Bucket, workdir: WorkDir) -> None:
        self.place = bucket.place(bucket.state_key)
        self._bucket = bucket
        self._begun_key = f"{bucket.state_key}.edgewrap-begun"
        self._workdir = workdir

    def read(self) -> StateDocument | None:
        """The object. None if there is none, and no local state either."""
        place = self.place
        _refuse_unsaved(self._workdir, f"aws s3 cp '{self._workdir.unsaved}' '{place}'")
        stored = self._bucket.read(self._bucket.state_key)
        if stored is not None:
            return StateDocument.read(stored.data, place, "restore an earlier version of the object in the bucket")
        local = self._workdir.state
        if _holds_something(local):
            raise StateError(
                f"the cluster's Terraform state is still a local file: {local}",
                cause=f"terraform.backend names {place}, but there is no state yet",
                advice=f"copy it (`aws s3 cp '{local}' '{place}'`), move the file away, and re-run",
            )
        return None

    def back_up(self) -> None:
        """Does nothing: the bucket's versioning keeps earlier states."""

    def pending_inputs(self) -> str | None:
        stored = self._bucket.read(self._begun_key)
        return None if stored is None else _text(stored.data, self._bucket.place(self._begun_key))

    def mark_started(self, inputs: str) -> None:
        self._bucket.write(self._begun_key, inputs.encode())

    def mark_finished(self) -> None:
        self._bucket.delete(self._begun_key)


def _text(content: bytes, place: str) -> str:
    """The inputs of a first run. Raises StateError if they are not text."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _not_inputs(place, "it is not text") from error


def _not_inputs(place: str, why: str) -> StateError:
    return StateError(
        f"the inputs of the first run in {place} cannot be read: {why}",
        cause="something else was written there",
        advice="if nothing of the cluster is in AWS yet, delete it and re-run",
    )


def _cut_off(text: bytes) -> bool:
    """Whether a state is incomplete."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    return False


def _refuse_unsaved(workdir: WorkDir, command: str, lost: str = "") -> None:
    unsaved = workdir.unsaved
    if not unsaved.exists():
        return
    complete = _stored(unsaved) is not None
    rescue = f"copy it to its place (`{command}`), remove {unsaved.name}, and re-run"
    lost = lost or f"remove {unsaved.name} and re-run: what that run created is found by its tags"
    raise StateError(
        f"an earlier run could not save its Terraform state, and left {'it' if complete else 'nothing usable'} in "
        f"{unsaved}",
        cause="S3 or the disk did not accept the state at the end of that run",
        advice=rescue if complete else lost,
    )


def _holds_something(path: Path) -> bool:
    """Whether there is a state file with resources in it."""
    document = _stored(path)
    return document is not None and bool(document.resources)


def _stored(path: Path) -> StateDocument | None:
    """The state in a file; None if there is none, or not a complete one."""
    try:
        return StateDocument.read(read_file(path), str(path), "")
    except (OSError, StateError):
        return None

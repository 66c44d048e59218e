"""The two places of a Terraform state, each with what can go wrong there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.state.document import StateDocument
from edgewrap.aws.state.s3 import Bucket
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.change import PlaneName
from edgewrap.errors import StateError
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.spec.models import Spec

KEPT_BACKUPS = 10


class StateStore(Protocol):
    """Where a state is.

    Beside it stand the inputs of a first run for as long as that is under way: where its Terraform is killed before it
    has saved a state (to S3 it does every 20 seconds), what it made is found by their UUID, and kept.
    """

    @property
    def place(self) -> str:
        """The state's address, for messages."""

    def read(self) -> StateDocument | None:
        """The state; None where there never was one, as far as this place can tell.

        Raises StateError where it is damaged, lost, or somewhere else than where it should be.
        """

    def back_up(self) -> None:
        """Keep the state as it is now, before Terraform changes it."""

    def pending_inputs(self) -> str | None:
        """The inputs of a first run that did not come to its end."""

    def mark_started(self, inputs: str) -> None:
        """A first run, with these inputs, is about to make something."""

    def mark_finished(self) -> None:
        """A run has come to its end: the state holds everything."""


def state_store(
    spec: Spec, workdir: WorkDir, environ: Mapping[str, str], emit: Emit = discard, *, locked: bool = False
) -> StateStore:
    """The place that the spec names. `locked`: this run holds the cluster's lock, so no terraform is at the state."""
    bucket = Bucket.of(spec, environ)
    return LocalStore(workdir, emit, locked=locked) if bucket is None else BucketStore(bucket, workdir)


class LocalStore:
    """A file in the working directory, with the states before it in `backups/`."""

    def __init__(self, workdir: WorkDir, emit: Emit = discard, *, locked: bool = False) -> None:
        self._workdir = workdir
        self._emit = emit
        self._locked = locked

    @property
    def place(self) -> str:
        return str(self._workdir.state)

    def read(self) -> StateDocument | None:
        """The state file. None where neither it nor a backup of it is there.

        One that Terraform was killed over, half written, is put back as it was before that run: what the run made is
        found by its tags.
        """
        path = self._workdir.state
        _refuse_unsaved(self._workdir, f"cp '{self._workdir.unsaved}' '{path}'")
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            self._refuse_lost()
            return None
        except OSError as error:
            raise StateError(
                f"the Terraform state {path} cannot be read: {error.strerror}",
                cause="it belongs to another user, perhaps",
                advice="run as the user who applied the cluster, or set EDGEWRAP_DIR to another directory",
            ) from error
        if self._locked and self._workdir.state_in_use.exists() and _cut_off(text):
            return self._before_the_killed_run()
        return StateDocument.read(text, str(path), self._restore())

    def back_up(self) -> None:
        """Copy the state to `backups/`, under its serial; the oldest copies go."""
        directory = self._workdir.backups
        document = self.read()
        if document is None:
            return
        newest = directory / f"{document.serial:06}.tfstate"
        write_atomically(newest, document.text.decode())
        newest.touch()  # it may have been there, from a state before this one
        for old in sorted(directory.glob("*.tfstate"), key=_written)[:-KEPT_BACKUPS]:
            old.unlink(missing_ok=True)

    def pending_inputs(self) -> str | None:
        try:
            return self._workdir.begun.read_text()
        except FileNotFoundError:
            return None

    def mark_started(self, inputs: str) -> None:
        write_atomically(self._workdir.begun, inputs)

    def mark_finished(self) -> None:
        self._workdir.begun.unlink(missing_ok=True)

    def _before_the_killed_run(self) -> StateDocument | None:
        path, newest = self._workdir.state, self._newest_backup(_is_whole)
        if newest is None:  # it was the first run
            path.replace(path.with_name(f"{path.name}.cut-off"))
            return None
        text = f"Terraform was killed while it wrote {path}: it is put back from {newest}"
        self._emit(Event(EventKind.WARNING, PlaneName.AWS, "state", text))
        write_atomically(path, newest.read_text())
        return StateDocument.read(path.read_bytes(), str(path), self._restore())

    def _refuse_lost(self) -> None:
        newest = self._newest_backup(_holds_something)
        if newest is not None:
            raise StateError(
                f"the Terraform state {self._workdir.state} is gone, but a backup of it is there",
                cause="the file was deleted or moved; without it edgewrap would make a second cluster",
                advice=f"nothing was changed; put it back, or {self._restore()}",
            )

    def _restore(self) -> str:
        newest = self._newest_backup(_holds_something)
        if newest is None:
            return "put back a copy of your own"
        return f"put back the last backup (`cp '{newest}' '{self._workdir.state}'`)"

    def _newest_backup(self, suits: Callable[[Path], bool]) -> Path | None:
        terraforms_own = self._workdir.state.with_name(f"{self._workdir.state.name}.backup")
        found = [path for path in (terraforms_own, *self._workdir.backups.glob("*.tfstate")) if suits(path)]
        return max(found, key=_written, default=None)


class BucketStore:
    """An object in S3; the bucket's versioning keeps those before it."""

    def __init__(self, bucket: Bucket, workdir: WorkDir) -> None:
        self._bucket = bucket
        self._workdir = workdir

    @property
    def place(self) -> str:
        return self._bucket.place(self._bucket.state_key)

    def read(self) -> StateDocument | None:
        """The object. None where there is none, and no local state that was left behind either."""
        place = self.place
        _refuse_unsaved(self._workdir, f"aws s3 cp '{self._workdir.unsaved}' '{place}'")
        stored = self._bucket.read(self._bucket.state_key)
        if stored is not None:
            return StateDocument.read(stored.data, place, "restore an earlier version of the object in the bucket")
        local = self._workdir.state
        if _holds_something(local):
            raise StateError(
                f"the cluster's Terraform state is still a local file: {local}",
                cause=f"terraform.backend names {place}, and there is none yet",
                advice=f"copy it (`aws s3 cp '{local}' '{place}'`), move the file away, and run again",
            )
        return None

    def back_up(self) -> None:
        """Nothing: the bucket's versioning does it."""

    def pending_inputs(self) -> str | None:
        stored = self._bucket.read(self._begun_key)
        return None if stored is None else stored.data.decode()

    def mark_started(self, inputs: str) -> None:
        self._bucket.write(self._begun_key, inputs.encode())

    def mark_finished(self) -> None:
        self._bucket.delete(self._begun_key)

    @property
    def _begun_key(self) -> str:
        return f"{self._bucket.state_key}.edgewrap-begun"


def _cut_off(text: bytes) -> bool:
    """Whether a state was not written to its end."""
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _refuse_unsaved(workdir: WorkDir, command: str) -> None:
    if workdir.unsaved.exists():
        raise StateError(
            f"an earlier run could not save its Terraform state, and left it in {workdir.unsaved}",
            cause="S3, or the disk, did not take the state at the end of that run",
            advice=f"put it where it belongs (`{command}`), remove {workdir.unsaved.name}, and run again",
        )


def _is_whole(path: Path) -> bool:
    """Whether a state file is there, with or without resources in it."""
    return _stored(path) is not None


def _holds_something(path: Path) -> bool:
    """Whether a state file is there with resources in it."""
    document = _stored(path)
    return document is not None and bool(document.resources)


def _stored(path: Path) -> StateDocument | None:
    try:
        return StateDocument.read(path.read_bytes(), str(path), "")
    except (OSError, StateError):
        return None


def _written(path: Path) -> float:
    """When, in seconds since the epoch."""
    return path.stat().st_mtime

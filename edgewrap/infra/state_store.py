"""The two places of a Terraform state, each with what can go wrong there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from edgewrap.change import Plane
from edgewrap.errors import StateError
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.infra.bucket import Bucket
from edgewrap.infra.files import write_atomically
from edgewrap.infra.runner import Places
from edgewrap.infra.state_document import StateDocument
from edgewrap.spec.models import Spec

KEPT_BACKUPS = 10


class StateStore(Protocol):
    """Where a state is."""

    def read(self) -> StateDocument | None:
        """The state; None where there never was one, as far as this place can tell.

        Raises StateError where it is damaged, lost, or somewhere else than where it should be.
        """

    def back_up(self) -> None:
        """Keep the state as it is now, before Terraform changes it."""


def state_store(
    spec: Spec, places: Places, environ: Mapping[str, str], emit: Emit = discard, *, locked: bool = False
) -> StateStore:
    """The place that the spec names. `locked`: this run holds the cluster's lock, so no terraform is at the state."""
    bucket = Bucket.of(spec, environ)
    return LocalStore(places, emit, locked=locked) if bucket is None else BucketStore(bucket, places)


class LocalStore:
    """A file in the working directory, with the states before it in `backups/`."""

    def __init__(self, places: Places, emit: Emit = discard, *, locked: bool = False) -> None:
        self._places = places
        self._emit = emit
        self._locked = locked

    def read(self) -> StateDocument | None:
        """The state file. None where neither it nor a backup of it is there.

        One that Terraform was killed over, half written, is put back as it was before that run: what the run made is
        found by its tags.
        """
        path = self._places.state
        _refuse_unsaved(self._places, f"cp '{self._places.unsaved}' '{path}'")
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
        if self._locked and self._places.state_in_use.exists() and _cut_off(text):
            return self._before_the_killed_run()
        return StateDocument.read(text, str(path), self._restore())

    def back_up(self) -> None:
        """Copy the state to `backups/`, under its serial; the oldest copies go."""
        directory = self._places.backups
        document = self.read()
        if document is None:
            return
        write_atomically(directory / f"{document.serial:06}.tfstate", document.text.decode())
        for old in sorted(directory.glob("*.tfstate"))[:-KEPT_BACKUPS]:
            old.unlink(missing_ok=True)

    def _before_the_killed_run(self) -> StateDocument | None:
        path, newest = self._places.state, self._newest_backup()
        if newest is None:
            return None
        text = f"Terraform was killed while it wrote {path}: it is put back from {newest}"
        self._emit(Event(EventKind.WARNING, Plane.AWS, "state", text))
        write_atomically(path, newest.read_text())
        return StateDocument.read(path.read_bytes(), str(path), self._restore())

    def _refuse_lost(self) -> None:
        newest = self._newest_backup()
        if newest is not None:
            raise StateError(
                f"the Terraform state {self._places.state} is gone, but a backup of it is there",
                cause="the file was deleted or moved; without it edgewrap would make a second cluster",
                advice=f"nothing was changed; put it back, or {self._restore()}",
            )

    def _restore(self) -> str:
        newest = self._newest_backup()
        if newest is None:
            return "put back a copy of your own"
        return f"put back the last backup (`cp '{newest}' '{self._places.state}'`)"

    def _newest_backup(self) -> Path | None:
        terraforms_own = self._places.state.with_name(f"{self._places.state.name}.backup")
        found = [path for path in (terraforms_own, *self._places.backups.glob("*.tfstate")) if _holds_something(path)]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)


class BucketStore:
    """An object in S3; the bucket's versioning keeps those before it."""

    def __init__(self, bucket: Bucket, places: Places) -> None:
        self._bucket = bucket
        self._places = places

    def read(self) -> StateDocument | None:
        """The object. None where there is none, and no local state that was left behind either."""
        place = self._bucket.place(self._bucket.state_key)
        _refuse_unsaved(self._places, f"aws s3 cp '{self._places.unsaved}' '{place}'")
        stored = self._bucket.read(self._bucket.state_key)
        if stored is not None:
            return StateDocument.read(stored.data, place, "restore an earlier version of the object in the bucket")
        local = self._places.state
        if _holds_something(local):
            raise StateError(
                f"the cluster's Terraform state is still a local file: {local}",
                cause=f"terraform.backend names {place}, and there is none yet",
                advice=f"copy it (`aws s3 cp '{local}' '{place}'`), move the file away, and run again",
            )
        return None

    def back_up(self) -> None:
        """Nothing: the bucket's versioning does it."""


def _cut_off(text: bytes) -> bool:
    """Whether a state was not written to its end."""
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _refuse_unsaved(places: Places, command: str) -> None:
    if places.unsaved.exists():
        raise StateError(
            f"an earlier run could not save its Terraform state, and left it in {places.unsaved}",
            cause="S3, or the disk, did not take the state at the end of that run",
            advice=f"put it where it belongs (`{command}`), remove {places.unsaved.name}, and run again",
        )


def _holds_something(path: Path) -> bool:
    """Whether a state file is there with resources in it."""
    try:
        return bool(StateDocument.read(path.read_bytes(), str(path), "").resources)
    except (OSError, StateError):
        return False

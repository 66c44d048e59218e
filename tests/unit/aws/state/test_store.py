"""A local state that Terraform was killed over, while it wrote it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgewrap.aws.state.store import LocalStore
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.errors import StateError
from edgewrap.events import Event

WHOLE = json.dumps({"version": 4, "serial": 7, "resources": [{"type": "terraform_data", "name": "inputs"}]})

EMPTY = json.dumps({"version": 4, "serial": 9, "resources": []})


@pytest.fixture
def workdir(tmp_path: Path) -> WorkDir:
    """Of a cluster whose last state but one is backed up."""
    found = WorkDir(tmp_path)
    found.backups.mkdir()
    (found.backups / "000007.tfstate").write_text(WHOLE)
    return found


@pytest.mark.parametrize("text", ["", "\n", WHOLE[:-9]])
def test_half_written_it_is_put_back(workdir: WorkDir, text: str) -> None:
    events: list[Event] = []
    workdir.state.write_text(text)
    workdir.state_in_use.touch()
    document = LocalStore(workdir, events.append, locked=True).read()
    assert document is not None
    assert document.serial == 7
    assert workdir.state.read_text() == WHOLE
    assert "Terraform did not finish writing" in events[0].text


@pytest.mark.parametrize("unsaved", ["", WHOLE[:-9]])
@pytest.mark.parametrize("text", ["", WHOLE[:-9], WHOLE])
def test_a_full_disk_loses_nothing(workdir: WorkDir, text: str, unsaved: str) -> None:
    """Terraform could write neither the state nor `errored.tfstate`. It ended by itself, without a lock file."""
    workdir.module.mkdir()
    workdir.unsaved.write_text(unsaved)
    workdir.state.write_text(text)
    with pytest.raises(StateError, match="could not save"):
        LocalStore(workdir).read()
    document = LocalStore(workdir, locked=True).read()
    assert document is not None
    assert document.serial == 7
    assert workdir.state.read_text() == WHOLE
    assert not workdir.unsaved.exists()


def test_a_state_that_was_saved_elsewhere_is_not_ignored(workdir: WorkDir) -> None:
    workdir.module.mkdir()
    workdir.unsaved.write_text(WHOLE)
    workdir.state.write_text("")
    with pytest.raises(StateError, match="could not save"):
        LocalStore(workdir, locked=True).read()
    assert workdir.unsaved.read_text() == WHOLE


@pytest.mark.parametrize(("locked", "in_use"), [(False, True), (True, False)])
def test_the_lock_of_a_living_or_foreign_terraform_is_left_alone(workdir: WorkDir, locked: bool, in_use: bool) -> None:
    workdir.state.write_text("")
    if in_use:
        workdir.state_in_use.touch()
    with pytest.raises(StateError, match="is empty"):
        LocalStore(workdir, locked=locked).read()
    assert workdir.state.read_text() == ""


@pytest.mark.parametrize("text", ["", WHOLE[:-9]])
def test_the_first_state_has_no_backup(workdir: WorkDir, text: str) -> None:
    (workdir.backups / "000007.tfstate").unlink()
    workdir.state.write_text(text)
    workdir.state_in_use.touch()
    assert LocalStore(workdir, locked=True).read() is None
    assert not workdir.state.exists()
    assert workdir.state.with_name("terraform.tfstate.cut-off").read_text() == text


def test_a_cluster_that_was_destroyed_before_is_not_put_back(workdir: WorkDir) -> None:
    (workdir.backups / "000009.tfstate").write_text(EMPTY)
    os.utime(workdir.backups / "000007.tfstate", (1, 1))
    workdir.state.write_text(WHOLE[:-9])
    workdir.state_in_use.touch()
    document = LocalStore(workdir, locked=True).read()
    assert document is not None
    assert (document.serial, document.resources) == (9, [])


def test_the_newest_backup_is_kept_whatever_its_serial(workdir: WorkDir) -> None:
    for serial in range(50, 62):
        (workdir.backups / f"{serial:06}.tfstate").write_text(WHOLE)
        os.utime(workdir.backups / f"{serial:06}.tfstate", (serial, serial))
    workdir.state.write_text(WHOLE)
    LocalStore(workdir).back_up()
    kept = sorted(path.name for path in workdir.backups.iterdir())
    assert kept == ["000007.tfstate", *(f"{serial:06}.tfstate" for serial in range(53, 62))]


def test_the_inputs_of_a_first_run_are_kept_until_it_ends(workdir: WorkDir) -> None:
    store = LocalStore(workdir)
    assert store.pending_inputs() is None
    store.mark_started("inputs")
    assert LocalStore(workdir).pending_inputs() == "inputs"
    store.mark_finished()
    store.mark_finished()
    assert store.pending_inputs() is None


@pytest.mark.parametrize("text", ["[1]", '{"version": 4, "serial": null}', '{"version": 4, "resources": [1]}'])
def test_a_file_that_is_not_a_state_is_reported(workdir: WorkDir, text: str) -> None:
    workdir.state.write_text(text)
    with pytest.raises(StateError, match="is not a Terraform state"):
        LocalStore(workdir).read()


@pytest.mark.parametrize("text", ["", WHOLE[:-9], "[]"])
def test_an_unsaved_state_that_is_not_complete_is_no_rescue(workdir: WorkDir, text: str) -> None:
    """The disk was full: copied over the state, it would lose the cluster."""
    workdir.state.write_text(WHOLE)
    workdir.unsaved.parent.mkdir()
    workdir.unsaved.write_text(text)
    with pytest.raises(StateError, match=f"left nothing usable in {workdir.unsaved}") as caught:
        LocalStore(workdir).read()
    assert caught.value.advice.startswith("run `edgewrap apply`: it restores the state")
    assert LocalStore(workdir, locked=True).read() is not None
    assert LocalStore(workdir).read() is not None

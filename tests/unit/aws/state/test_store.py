"""A local state: one that Terraform was killed over, and one that anything else wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.facts import AwsState, read_state
from edgewrap.aws.state.store import LocalStore
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.errors import StateError
from edgewrap.events import Event
from tests.support.aws_plane import first_inputs, make_spec

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
    assert (document.serial, document.resources) == (9, ())


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


INPUTS = {"type": "terraform_data", "name": "inputs"}
NO_INPUTS: list[list[Any]] = [[], [{}], [{"attributes": None}], [{"attributes": {"input": "{}"}}]]
RIGHT: dict[str, Any] = {
    "version": 4,
    "serial": 7,
    "outputs": {"inputs": {"value": first_inputs(make_spec()).to_text()}, "applied": {"value": "{}"}},
    "resources": [
        {**INPUTS, "instances": [{"attributes": {"id": "1", "input": {"value": "{}"}}}]},
        {
            "module": "module.elastic_ips",
            "type": "aws_eip",
            "name": "this",
            "instances": [{"index_key": "eip-x-3", "attributes": {"id": "eipalloc-1"}}],
        },
    ],
}


def _read(workdir: WorkDir, content: bytes) -> object:
    workdir.state.write_bytes(content)
    store = LocalStore(workdir)
    store.back_up()
    return read_state(store, "edge-paris", locked=True)


def test_a_right_state_is_read(workdir: WorkDir) -> None:
    state = _read(workdir, json.dumps(RIGHT).encode())
    assert isinstance(state, AwsState)
    assert state.applied == "{}"
    assert state.tracked == {"eip-x-3": "eipalloc-1"}
    assert 'module.elastic_ips.aws_eip.this["eip-x-3"]' in state.addresses


@pytest.mark.parametrize("applied", ["", "{", "[" * 100_000, 7, None, {"a": 1}])
def test_a_spec_last_applied_that_is_not_json_counts_as_none(workdir: WorkDir, applied: object) -> None:
    outputs: dict[str, Any] = {**RIGHT["outputs"], "applied": {"value": applied}}
    state = _read(workdir, json.dumps({**RIGHT, "outputs": outputs}).encode())
    assert isinstance(state, AwsState)
    assert state.applied == ""


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe{\x00}\x00",
        '{"version": 4}'.encode("utf-16"),
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"version": 4, "resources": ' + b"[" * 100_000,
        b'{"version": 4, "serial": 1e400}',
        b'{"version": NaN}',
        b'{"version": "4"}',
        b'{"version": 4, "serial": -1}',
        b'{"version": 4, "serial": true}',
        b'{"version": 4, "outputs": {"hosts": 7}}',
        b'{"version": 4, "resources": [{"type": "terraform_data"}]}',
        b'{"version": 4, "resources": [{"type": "a", "name": "b", "instances": [7]}]}',
        b'{"version": 4, "resources": [{"type": "a", "name": "b", "instances": [{"index_key": []}]}]}',
        *(
            json.dumps({"version": 4, "resources": [{**INPUTS, "instances": instances}]}).encode()
            for instances in NO_INPUTS
        ),
        json.dumps({**RIGHT, "outputs": {"inputs": {"value": ["{}"]}}}).encode(),
        json.dumps({**RIGHT, "outputs": {"inputs": {"value": "[" * 100_000}}}).encode(),
    ],
)
def test_any_other_state_is_refused(workdir: WorkDir, content: bytes) -> None:
    with pytest.raises(StateError) as raised:
        _read(workdir, content)
    assert raised.value.advice


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("uuid",), "$(id)"),
        (("foundation", "name"), "edge; id"),
        (("foundation", "region"), "eu-west-3\n"),
        (("foundation", "zone"), "-x"),
        (("foundation", "subnet_cidr"), "10.0.0.1/16"),
        (("foundation", "groups"), 10**9),
        (("foundation", "instance_type"), "$(id)"),
        (("limits", "interfaces"), -1),
        (("limits", "addresses_per_interface"), 10**9),
        (("public_key",), "ssh-ed25519 AAAA\nssh-ed25519 BBBB"),
        (("amis",), {"host-0": "ami-1; id"}),
        (("amis",), {"host-x": "ami-1"}),
        (("placement",), {"group-0": "$(id)"}),
        (("placement",), {"../group-0": "host-0"}),
        (("eips",), ["eip-0 -x"]),
        (("ipam_eips",), ["eip-x-1\n"]),
        (("retired", "hosts"), [-1]),
        (("opennebula_version",), "7.0; id"),
        (("opennebula_version",), "\u0667.\u0660"),
    ],
)
def test_every_value_of_the_inputs_has_a_form(workdir: WorkDir, path: tuple[str, ...], value: object) -> None:
    """They reach HCL, user data and command lines."""
    document = json.loads(first_inputs(make_spec()).to_text())
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    assert path[-1] in holder
    holder[path[-1]] = value
    text = json.dumps({**RIGHT, "outputs": {"inputs": {"value": json.dumps(document)}}})
    with pytest.raises(StateError, match="the inputs in the Terraform state cannot be read: "):
        _read(workdir, text.encode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


WRONG: st.SearchStrategy[Any] = st.sampled_from([None, 7, -1, 1e300, True, "", "-x", "$(id)", "a\x1b\n\ud800", [], {}])


@given(st.data())
def test_a_changed_value_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    document = deepcopy(RIGHT)
    holder, key = data.draw(st.sampled_from(list(_places(document))))
    if data.draw(st.booleans()):
        holder[key] = data.draw(WRONG)
    elif isinstance(holder, dict):
        del holder[key]
    with suppress(StateError):
        _read(WorkDir(tmp_path_factory.mktemp("state")), json.dumps(document).encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    workdir = WorkDir(tmp_path_factory.mktemp("state"))
    workdir.begun.parent.mkdir(parents=True, exist_ok=True)
    workdir.begun.write_bytes(content)
    with pytest.raises(StateError):
        read_state(LocalStore(workdir), "edge-paris", locked=True)
    with pytest.raises(StateError):
        _read(workdir, content)


@pytest.mark.parametrize("place", ["state", "begun"])
def test_a_state_that_is_not_a_file(workdir: WorkDir, place: str) -> None:
    path: Path = getattr(workdir, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    (workdir.backups / "000007.tfstate").unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(StateError, match="cannot be read: File too large"):
        read_state(LocalStore(workdir), "edge-paris", locked=True)

"""A local state that Terraform was killed over, while it wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewrap.errors import StateError
from edgewrap.events import Event
from edgewrap.infra.runner import Places
from edgewrap.infra.state_store import LocalStore

WHOLE = json.dumps({"version": 4, "serial": 7, "resources": [{"type": "terraform_data", "name": "inputs"}]})


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Of a cluster whose last state but one is backed up."""
    found = Places(tmp_path)
    found.backups.mkdir()
    (found.backups / "000007.tfstate").write_text(WHOLE)
    return found


@pytest.mark.parametrize("text", ["", "\n", WHOLE[:-9]])
def test_half_written_it_is_put_back(places: Places, text: str) -> None:
    events: list[Event] = []
    places.state.write_text(text)
    places.state_in_use.touch()
    document = LocalStore(places, events.append, locked=True).read()
    assert document is not None
    assert document.serial == 7
    assert places.state.read_text() == WHOLE
    assert "Terraform was killed while it wrote" in events[0].text


@pytest.mark.parametrize(("locked", "in_use"), [(False, True), (True, False)])
def test_it_is_left_alone_where_terraform_may_be_at_it_or_was_not(places: Places, locked: bool, in_use: bool) -> None:
    places.state.write_text("")
    if in_use:
        places.state_in_use.touch()
    with pytest.raises(StateError, match="is empty"):
        LocalStore(places, locked=locked).read()
    assert places.state.read_text() == ""


def test_the_first_state_has_no_backup(places: Places) -> None:
    (places.backups / "000007.tfstate").unlink()
    places.state.write_text("")
    places.state_in_use.touch()
    assert LocalStore(places, locked=True).read() is None

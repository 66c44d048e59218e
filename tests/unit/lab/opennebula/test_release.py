"""The releases that the lab's front-end plays."""

from __future__ import annotations

import pytest

from edgewrap.lab.opennebula.release import full_version


@pytest.mark.parametrize(
    ("text", "version"),
    [("6.10", "6.10.0.1"), ("6.10.0.1", "6.10.0.1"), ("7.0", "7.0.2"), ("7.4", "7.4.0"), ("6.1", "6.1"), ("", "")],
)
def test_a_release_is_named_in_full_or_as_a_series(text: str, version: str) -> None:
    assert full_version(text) == version

"""Which repository new hosts install from."""

from __future__ import annotations

import pytest

from edgewrap.aws.inputs.decide import decide_inputs, decide_version
from edgewrap.errors import RefusedChangeError
from tests.support.aws_plane import PUBLIC_KEY, FixedLookups, first_inputs, make_spec

KEY = {"oneadmin_public_key": PUBLIC_KEY}


@pytest.mark.parametrize(
    ("version", "previous", "front_end", "decided"),
    [
        ("auto", "", "7.0.2", "7.0"),
        ("auto", "", "6.10.0", "6.10"),
        ("auto", "7.0", "7.4.0", "7.4"),
        ("auto", "", "7.0.2; reboot", "7.0"),
        ("auto", "7.0", "", "7.0"),
        ("auto", "7.0", "unheard of", "7.0"),
        ("7.2", "7.0", "7.4.0", "7.2"),
        ("7.0.1", "", "", "7.0.1"),
    ],
)
def test_the_spec_before_the_front_end_before_the_last_decision(
    version: str, previous: str, front_end: str, decided: str
) -> None:
    assert decide_version(make_spec(opennebula={**KEY, "version": version}), previous, front_end) == decided


def test_no_version_is_chosen_without_first_boot_setup() -> None:
    assert decide_version(make_spec(), "7.0", "7.4.0") == ""


@pytest.mark.parametrize("front_end", ["", "7", "$(reboot)"])
def test_auto_without_a_version_that_can_be_read_is_refused(front_end: str) -> None:
    spec = make_spec(opennebula=KEY)
    with pytest.raises(RefusedChangeError, match=r"write the version, such as `version: 7\.0`"):
        decide_version(spec, "", front_end)


def test_the_decision_is_an_input() -> None:
    spec = make_spec(opennebula=KEY)
    inputs = decide_inputs(spec, None, FixedLookups(), front_end_version="7.0.2")
    assert inputs.opennebula_version == "7.0"
    assert decide_inputs(spec, inputs, FixedLookups()) == inputs
    assert first_inputs(make_spec()).opennebula_version == ""

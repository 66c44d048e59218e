"""What a host is given before AWS moves a group to it."""

from __future__ import annotations

from edgewrap.hosts.converge import entry_script
from edgewrap.hosts.diff import NOTHING
from tests.unit.hosts.recorded import recorded, wanted

DROPPED = [{"section": "proxies", "drop": {"dst": "10.0.128.131"}}]


def test_an_entry_host_that_has_everything_is_left_alone() -> None:
    assert entry_script(wanted(), recorded("entry")) == ""


def test_only_what_is_missing_is_added_and_nothing_is_removed() -> None:
    script = entry_script(wanted(), recorded("entry", DROPPED))
    assert "route replace 10.0.128.130/32 dev gw-edge scope link table 10000" in script
    assert "neighbour replace proxy 10.0.128.131 dev gw-edge" in script
    assert "10.0.128.2/32" not in script
    assert " del " not in script


def test_a_host_without_a_gateway_waits_for_its_converge() -> None:
    assert entry_script(wanted(), NOTHING) == ""

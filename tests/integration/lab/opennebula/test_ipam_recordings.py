"""Every recorded call of an IPAM driver: the same user action makes the lab's front-end send the same bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewrap.lab.opennebula import replay
from edgewrap.lab.opennebula.driver_calls import ALLOCATE, FREE, GET, REGISTER, UNREGISTER
from tests.support.ipam import LOCK_CREATE, NETWORK, READY, ScriptedDriver, as_template, recorded_calls
from tests.support.lab_opennebula import AUTH, Start, tree

# What the front-end adds to a range after the driver has registered it.
_ADDED = {"AR_ID", "MAC", "MAC_END", "IP_END", "USED_LEASES", "NEXT_INDEX", "SHARED"}


class Story:
    """Makes the XML-RPC calls that lead to a recorded call, each on a network of its own."""

    def __init__(self, url: str, driver: ScriptedDriver) -> None:
        self.url = url
        self.driver = driver
        self.networks = 0

    def call(self, method: str, *params: object) -> list[Any]:
        return replay.call(self.url, method, (AUTH, *params))

    def value(self, method: str, *params: object) -> Any:
        answer = self.call(method, *params)
        assert answer[0] is True, (method, params, answer)
        return answer[1]

    def network(self, text: str = "") -> int:
        """A new network that is READY or in ERROR."""
        self.networks += 1
        number: int = self.value("one.vn.allocate", NETWORK.format(f"n{self.networks}") + text, -1)
        while self.state(number) == LOCK_CREATE:
            pass
        return number

    def state(self, number: int) -> str | None:
        return tree(self.value("one.vn.info", number)).findtext("STATE")

    def play(self, recorded: dict[str, Any]) -> Iterator[list[Any]]:
        """Lead to the recorded call, once in each way that does; yields the last call's answer."""
        root = tree(recorded["stdin"])
        sent = {item.tag: item.text or "" for item in root.iterfind("AR/*")}
        given = {name: text for name, text in sent.items() if name not in _ADDED}
        result = f"cat <<'END'\n{recorded['stdout']}END\nexit {recorded['exit']}\n"
        if recorded["action"] == REGISTER:
            self.driver.answer(REGISTER, result)
            yield self.call("one.vn.add_ar", self.network(), as_template("AR", given))
            yield [self.state(self.network(as_template("AR", given))) == READY]
            return
        number = self._with_range(given, int(sent["AR_ID"]), used=sent.get("USED_LEASES") == "1")
        self.driver.answer(recorded["action"], result)
        yield self._act(recorded["action"], root, number, sent)

    def _with_range(self, given: dict[str, str], range_id: int, *, used: bool) -> int:
        """A network in which the range has this id; the ranges before it are full, and need no driver."""
        self.driver.answer(REGISTER, f"cat <<'END'\n{as_template('AR', given)}\nEND\n")
        self.driver.answer(ALLOCATE, "")
        number = self.network()
        for index in range(range_id):
            address = f"10.8.0.{index}"
            self.value("one.vn.add_ar", number, as_template("AR", {"TYPE": "IP4", "IP": address, "SIZE": "1"}))
            self.value("one.vn.hold", number, as_template("LEASES", {"IP": address}))
        self.value("one.vn.add_ar", number, as_template("AR", given))
        if used:
            self.value("one.vn.hold", number, as_template("LEASES", {"IP": given["IP"]}))
        return number

    def _act(self, action: str, root: ElementTree.Element, number: int, sent: dict[str, str]) -> list[Any]:
        lease = as_template("LEASES", {"IP": root.findtext("ADDRESS/IP", "")})
        if action == UNREGISTER and "MAC_END" not in sent:
            for index in range(int(sent["AR_ID"])):
                self.value("one.vn.release", number, as_template("LEASES", {"IP": f"10.8.0.{index}"}))
            return self.call("one.vn.delete", number)
        if action == UNREGISTER:
            answer = self.call("one.vn.rm_ar", number, int(sent["AR_ID"]))
            if sent["USED_LEASES"] == "0":
                return answer
            assert answer[1] == "[one.vn.rm_ar] Address Range has leases in use"
            forced = self.call("one.vn.rm_ar", number, int(sent["AR_ID"]), True)
            assert forced[0] is True
            return [False]  # the driver fails, and the range is removed all the same
        if action == GET:
            return self.call("one.vm.allocate", f'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK_ID = "{number}" ]')
        if action == FREE:
            assert self.call("one.vn.release", number, lease)[0] is True
            left = tree(self.value("one.vn.info", number)).findtext(f"AR_POOL/AR[AR_ID='{sent['AR_ID']}']/USED_LEASES")
            return [left == "0"]
        assert action == ALLOCATE
        return self.call("one.vn.hold", number, lease)


@pytest.mark.parametrize("version", ["7.0.2", "7.4.0"])
def test_a_driver_gets_what_a_real_front_end_sends(start: Start, tmp_path: Path, version: str) -> None:
    driver = ScriptedDriver(tmp_path / "remotes")
    served = start("--version", version, "--ipam", "dummy,edgewrap", "--settle", "0.01")
    story = Story(served.url, driver)
    recorded = recorded_calls(version)
    assert len(recorded) == 18

    for call in recorded:
        before = len(driver.calls())
        for answer in story.play(call):
            calls = driver.calls()
            assert len(calls) > before, call
            assert (calls[-1].action, calls[-1].data) == (call["action"], call["stdin"])
            assert answer[0] is (call["exit"] == 0), call
            before = len(calls)

    calls = driver.calls()
    assert [found.arguments for found in calls] == [(str(number),) for number in range(len(calls))]

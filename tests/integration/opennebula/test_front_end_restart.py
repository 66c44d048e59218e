"""A front-end that restarts, is slow, or whose answer is lost in the middle of a run."""

from __future__ import annotations

import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgewrap.errors import FrontEndUnreachableError
from edgewrap.events import Event, EventKind
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.opennebula.plane import OpenNebulaPlane
from tests.support.front_end import apply, changes_in, outputs, reports, spec
from tests.support.front_end_process import PASSWORD, FrontEndProcess
from tests.support.relay import Relay, relay

LOGIN = Session(f"oneadmin:{PASSWORD}")


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[FrontEndProcess]:
    """A fresh front-end."""
    process = FrontEndProcess(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def proxy(front_end: FrontEndProcess) -> Iterator[Relay]:
    """The proxy in front of it."""
    with relay(front_end.url) as made:
        yield made


def method_of(body: bytes) -> str:
    return xmlrpc.client.loads(body)[1] or ""


def once(method: str) -> Callable[[bytes], None]:
    """Break the connection of the first call of that method."""
    broken: list[str] = []

    def hook(body: bytes) -> None:
        if method_of(body) == method and not broken:
            broken.append(method)
            raise ConnectionResetError

    return hook


def starts_again(front_end: FrontEndProcess, seconds: float) -> threading.Thread:
    thread = threading.Timer(seconds, front_end.start)
    thread.start()
    return thread


def test_a_restart_between_two_calls_is_waited_for(front_end: FrontEndProcess) -> None:
    events: list[Event] = []
    one = FrontEnd(front_end.url, LOGIN, emit=events.append)
    assert one.call("system.version") == "7.4.0"
    front_end.stop()
    again = starts_again(front_end, 0.3)
    assert [
        element.findtext("NAME") for element in one.read("clusterpool.info", root="CLUSTER_POOL").findall("CLUSTER")
    ] == ["default"]
    again.join()
    front_end.stop()
    again = starts_again(front_end, 0.3)
    assert one.call("cluster.allocate", "made once") == 100  # refused: nothing was sent, so it may be sent again
    again.join()
    assert [event.kind for event in events] == [EventKind.WARNING, EventKind.INFO] * 2
    assert "is not reachable: waiting up to 60 s" in events[0].text
    assert "answers again after" in events[1].text


class RestartingWire(HttpWire):
    """The wire over HTTP; the front-end goes down right before the first call of `method`, between two calls, and comes
    back."""

    def __init__(self, front_end: FrontEndProcess, method: str) -> None:
        super().__init__(front_end.url)
        self._front_end = front_end
        self._method = method
        self._under_way = 0
        self._changed = threading.Condition()
        self.restart: threading.Thread | None = None

    def post(self, body: bytes) -> bytes:
        with self._changed:
            if method_of(body) == self._method and self.restart is None:
                self._changed.wait_for(lambda: self._under_way == 0, 10)
                if self.restart is None:
                    self._front_end.stop()
                    self.restart = starts_again(self._front_end, 0.2)
            self._under_way += 1
        try:
            return super().post(body)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()


@pytest.mark.parametrize("method", ["one.host.allocate", "one.vn.info", "one.vn.add_ar"])
def test_a_front_end_restart_during_apply_is_only_reported(front_end: FrontEndProcess, method: str) -> None:
    events: list[Event] = []
    wire = RestartingWire(front_end, method)
    plane = OpenNebulaPlane(spec(), FrontEnd(front_end.url, LOGIN, wire=wire, emit=events.append), events.append)
    apply(plane, plane.observe(), outputs(), reports())
    assert wire.restart is not None
    wire.restart.join()
    assert sum("waiting up to 60 s" in event.text for event in events) == 1
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()


def test_the_wait_ends(front_end: FrontEndProcess) -> None:
    one = FrontEnd(front_end.url, LOGIN, patience_s=1)
    one.call("system.version")
    front_end.stop()
    begun = time.monotonic()
    with pytest.raises(FrontEndUnreachableError, match=r"is not reachable$"):
        one.read("clusterpool.info", root="CLUSTER_POOL")
    assert time.monotonic() - begun < 5


def test_one_that_has_not_answered_yet_is_not_waited_for(front_end: FrontEndProcess) -> None:
    front_end.stop()
    begun = time.monotonic()
    with pytest.raises(FrontEndUnreachableError):
        FrontEnd(front_end.url, LOGIN).read("clusterpool.info", root="CLUSTER_POOL")
    assert time.monotonic() - begun < 5


def test_a_read_whose_answer_is_lost_is_retried(proxy: Relay) -> None:
    one = FrontEnd(proxy.url, LOGIN)
    one.call("system.version")
    proxy.after = once("one.hostpool.info")
    assert one.read("hostpool.info", root="HOST_POOL").tag == "HOST_POOL"
    assert [method_of(body) for body in proxy.bodies] == ["one.system.version"] + ["one.hostpool.info"] * 2


@pytest.mark.parametrize("method", ["cluster.allocate", "vn.allocate", "vn.add_ar", "host.allocate"])
def test_a_write_whose_answer_is_lost_is_not_retried_and_the_next_run_resumes(proxy: Relay, method: str) -> None:
    events: list[Event] = []
    plane = OpenNebulaPlane(spec(), FrontEnd(proxy.url, LOGIN), events.append)
    proxy.after = once(f"one.{method}")
    with pytest.raises(FrontEndUnreachableError) as raised:
        apply(plane, plane.observe(), outputs(), reports())
    assert raised.value.what.endswith(f"; one.{method} may have been done")
    assert raised.value.advice.endswith("the next run reads the front-end first, so nothing is done twice")
    sent = [body for body in proxy.bodies if method_of(body) == f"one.{method}"]
    assert 1 <= len(sent) == len(set(sent))
    apply(plane, plane.observe(), outputs(), reports())
    facts = plane.observe()
    assert changes_in(plane, facts, outputs(), reports()) == ()
    assert (len(facts.clusters), len(facts.hosts), len(facts.networks)) == (2, 3, 1)
    assert [one.key for one in facts.networks[0].ranges] == ["eip-0", "eip-1"]


def test_a_proxy_whose_front_end_is_away(proxy: Relay) -> None:
    one = FrontEnd(proxy.url, LOGIN, patience_s=1)
    one.call("system.version")
    proxy.status = 503
    with pytest.raises(FrontEndUnreachableError, match=r"HTTP status 503; one\.cluster\.allocate may have been done"):
        one.call("cluster.allocate", "c")
    with pytest.raises(FrontEndUnreachableError, match=r"HTTP status 503$"):
        one.read("clusterpool.info", root="CLUSTER_POOL")
    assert [method_of(body) for body in proxy.bodies].count("one.cluster.allocate") == 1
    assert [method_of(body) for body in proxy.bodies].count("one.clusterpool.info") == 3  # at 0, 0.5 and 1 s


def test_a_slow_one_is_waited_for_and_one_that_hangs_is_not(proxy: Relay) -> None:
    one = FrontEnd(proxy.url, LOGIN, wire=HttpWire(proxy.url, timeout_s=1))
    one.call("system.version")
    proxy.before = lambda body: time.sleep(0.4)
    assert one.read("hostpool.info", root="HOST_POOL").tag == "HOST_POOL"
    proxy.before = lambda body: time.sleep(2)
    with pytest.raises(FrontEndUnreachableError, match=r"did not answer in time; one\.cluster\.allocate may have been"):
        one.call("cluster.allocate", "c")

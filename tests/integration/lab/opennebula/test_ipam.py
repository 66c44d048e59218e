"""IPAM drivers as processes: what they get, how they fail, one at a time, time-outs, restarts, and how they end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edgewrap.lab.opennebula import replay
from edgewrap.lab.opennebula.driver_calls import REGISTER, UNREGISTER
from tests.support.ipam import ERROR, LOCK_CREATE, NETWORK, RANGE, READY, ScriptedDriver
from tests.support.lab_opennebula import AUTH, Served, Start, tree

ECHO = 'echo \'AR = [ TYPE = "IP4", IP = "10.9.1.2", SIZE = "1", IPAM_MAD = "edgewrap" ]\'\n'
WITH_RANGE = RANGE.format(1, "edgewrap")


class Client:
    """Calls of a served front-end, as on the wire."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def call(self, method: str, *params: object) -> list[Any]:
        return replay.call(self.served.url, method, (AUTH, *params))

    def network(self, name: str, text: str = "") -> int:
        answer = self.call("one.vn.allocate", NETWORK.format(name) + text, -1)
        assert answer[0] is True, answer
        return int(answer[1])

    def info(self, number: int) -> Any:
        return tree(self.call("one.vn.info", number)[1])

    def state(self, number: int) -> str | None:
        return str(self.info(number).findtext("STATE"))

    def settled(self, number: int) -> str | None:
        """The state once it is not LOCK_CREATE."""
        wait_until(lambda: self.state(number) != LOCK_CREATE)
        return self.state(number)

    def ranges(self, number: int) -> list[str | None]:
        return [found.text for found in self.info(number).iterfind("AR_POOL/AR/IP")]


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def driver(tmp_path: Path) -> ScriptedDriver:
    made = ScriptedDriver(tmp_path / "remotes")
    made.answer(REGISTER, ECHO)
    return made


@pytest.fixture
def serve(start: Start, driver: ScriptedDriver) -> Callable[..., Client]:
    """Starts a front-end with the driver; started again, it has the same database."""

    def serves(*options: str) -> Client:
        return Client(
            start("--ipam", f"dummy,missing,{driver.name}", "--settle", "0.05", "--ipam-timeout", "20", *options)
        )

    return serves


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_what_a_driver_gets(
    serve: Callable[..., Client], driver: ScriptedDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    var = tmp_path / "var"
    one = serve("--var", str(var), "--remotes", str(driver.remotes))
    assert one.settled(one.network("n", WITH_RANGE)) == READY
    (call,) = driver.calls()
    assert (call.action, call.arguments, call.cwd) == (REGISTER, ("0",), str(var))
    assert "\n" not in call.stdin
    assert call.data.startswith("<IPAM_DRIVER_ACTION_DATA><AR><IP>")
    assert call.environ["ONE_XMLRPC"] == one.served.url
    assert Path(call.environ["ONE_AUTH"]).read_text().strip() == AUTH
    assert {call.environ[name] for name in ("HOME", "AWS_ENDPOINT_URL")} == {os.environ["HOME"], "http://127.0.0.1:1"}


def test_a_driver_may_call_the_front_end(serve: Callable[..., Client], driver: ScriptedDriver) -> None:
    """A read of its own network, and a change of another object, while the caller waits."""
    one = serve()
    number = one.network("n")
    one.settled(number)
    code = (
        "import os, xmlrpc.client; one = xmlrpc.client.ServerProxy(os.environ['ONE_XMLRPC']).one; "
        "me = open(os.environ['ONE_AUTH']).read().strip(); "
        f"print(one.vn.info(me, {number})[0], one.cluster.allocate(me, 'of-the-driver')[0])"
    )
    driver.answer(REGISTER, f"{sys.executable} -c \"{code}\" >'{driver.log}'/said\n{ECHO}")
    assert one.call("one.vn.add_ar", number, WITH_RANGE)[0] is True
    assert (driver.log / "said").read_text() == "True True\n"


BROKEN = [
    ("echo out; echo one >&2; echo two >&2; echo 'ERROR: for the log' >&2; exit 1", "edgewrap", "onetwo"),
    ("exit 3", "edgewrap", ""),
    ("exit 0", "edgewrap", "AR not found in IPAM driver response"),
    ("echo reason >&2; kill -9 $$", "edgewrap", "reason"),
    (ECHO, "absent", ""),
    (ECHO, "missing", "Internal error No such file or directory - {remotes}/ipam/missing/register_address_range"),
    ("", "not-executable", "Internal error Permission denied - {remotes}/ipam/edgewrap/register_address_range"),
]


@pytest.mark.parametrize(("shell", "name", "text"), BROKEN)
def test_a_driver_that_fails(
    serve: Callable[..., Client], driver: ScriptedDriver, shell: str, name: str, text: str
) -> None:
    one = serve()
    driver.answer(REGISTER, shell)
    if name == "not-executable":
        (driver.folder / REGISTER).chmod(0o600)
        name = "edgewrap"
    text = text.format(remotes=driver.remotes)
    number = one.network("n", RANGE.format(1, name))
    assert one.settled(number) == ERROR
    assert (one.info(number).findtext("TEMPLATE/ERROR") or "").partition(" : ")[2] == text
    other = one.network("other")
    one.settled(other)
    assert one.call("one.vn.add_ar", other, RANGE.format(1, name))[:3] == [False, f"[one.vn.add_ar] {text}", 0x2000]


def test_output_after_the_end_of_the_driver_is_not_waited_for(
    serve: Callable[..., Client], driver: ScriptedDriver
) -> None:
    one = serve()
    number = one.network("n")
    one.settled(number)
    driver.answer(REGISTER, f"{ECHO} sleep 300 & echo $! >'{driver.log}'/pid")
    assert one.call("one.vn.add_ar", number, WITH_RANGE)[0] is True
    left = Path(f"/proc/{(driver.log / 'pid').read_text().strip()}")
    assert _runs(left)
    one.served.end()
    wait_until(lambda: not _runs(left), 5)


def gated(driver: ScriptedDriver) -> Callable[[int], None]:
    """Each register waits until its request's number is opened."""
    wait = f"while ! test -e '{driver.log}'/go-$1; do sleep 0.02; done"
    order = f"'{driver.log}'/order"
    driver.answer(REGISTER, f"echo begin >>{order}; {wait}; echo end >>{order}; {ECHO}")
    return lambda number: (driver.log / f"go-{number}").touch()


def test_one_driver_at_a_time_and_everybody_else_is_served(
    serve: Callable[..., Client], driver: ScriptedDriver, background: ThreadPoolExecutor
) -> None:
    one = serve()
    first, second = one.network("first"), one.network("second")
    one.settled(second)
    open_gate = gated(driver)
    adds = [background.submit(one.call, "one.vn.add_ar", first, WITH_RANGE)]
    driver.wait_for_calls(1)
    adds.append(background.submit(one.call, "one.vn.add_ar", second, WITH_RANGE))
    time.sleep(0.3)  # that call is in the queue

    plain, driven, last = one.network("plain"), one.network("driven", WITH_RANGE), one.network("last")
    assert one.call("one.vn.info", first)[0] is True
    assert one.call("one.vnpool.info", -2, -1, -1)[0] is True
    assert one.call("one.cluster.allocate", "other")[0] is True
    assert one.call("one.vn.update", plain, 'NOTE = "x"', 1)[0] is True
    time.sleep(0.2)  # longer than a network takes
    assert [one.state(number) for number in (plain, driven, last)] == [LOCK_CREATE] * 3
    assert not any(add.done() for add in adds)

    open_gate(0)
    assert adds[0].result()[0] is True
    driver.wait_for_calls(2)
    assert (one.state(plain), adds[1].done()) == (LOCK_CREATE, False)

    open_gate(1)
    assert adds[1].result()[0] is True
    driver.wait_for_calls(3)
    assert [one.settled(plain), one.state(driven), one.state(last)] == [READY, LOCK_CREATE, LOCK_CREATE]

    open_gate(2)
    assert [one.settled(number) for number in (last, driven)] == [READY, READY]
    assert (driver.log / "order").read_text().split() == ["begin", "end"] * 3


def test_a_call_on_the_same_network_waits_for_the_driver(
    serve: Callable[..., Client], driver: ScriptedDriver, background: ThreadPoolExecutor
) -> None:
    one = serve()
    number = one.network("n")
    one.settled(number)
    open_gate = gated(driver)
    added = background.submit(one.call, "one.vn.add_ar", number, WITH_RANGE)
    driver.wait_for_calls(1)
    deleted = background.submit(one.call, "one.vn.delete", number)
    time.sleep(0.3)
    assert not deleted.done()
    open_gate(0)
    assert (added.result()[0], deleted.result()[0]) == (True, True)
    assert [call.action for call in driver.calls()] == [REGISTER, UNREGISTER]


def test_a_time_out(serve: Callable[..., Client], driver: ScriptedDriver) -> None:
    one = serve("--ipam-timeout", "0.5")
    number = one.network("n")
    one.settled(number)
    open_gate = gated(driver)
    created = one.network("created", WITH_RANGE)
    driver.wait_for_calls(1)
    answer = one.call("one.vn.add_ar", number, WITH_RANGE)
    assert answer[:3] == [False, "[one.vn.add_ar] Request timeout", 0x2000]
    assert one.settled(created) == ERROR
    assert (one.info(created).findtext("TEMPLATE/ERROR") or "").endswith(" : Request timeout")

    # The driver is not killed, and the next one waits for it. What they answer is lost.
    assert len(driver.calls()) == 1
    open_gate(0)
    open_gate(1)
    driver.wait_for_calls(2)
    wait_until(lambda: (driver.log / "order").read_text().split() == ["begin", "end"] * 2)
    assert (one.ranges(number), one.ranges(created)) == ([], [])
    open_gate(2)
    assert one.call("one.vn.add_ar", number, WITH_RANGE)[0] is True
    assert one.ranges(number) == ["10.9.1.2"]


def test_a_front_end_that_was_killed_registers_again(serve: Callable[..., Client], driver: ScriptedDriver) -> None:
    driver.answer(REGISTER, "sleep 60")
    one = serve("--version", "7.4.0")
    number = one.network("n", WITH_RANGE)
    driver.wait_for_calls(1)
    one.served.process.send_signal(signal.SIGKILL)
    one.served.process.wait()

    for file in driver.log.glob("0.*"):
        file.unlink()
    driver.answer(REGISTER, ECHO)
    one = serve("--version", "7.4.0")
    assert one.settled(number) == READY
    assert [call.arguments for call in driver.calls()] == [("0",)]  # the counter is not kept

    assert one.served.end() == 0
    one = serve("--version", "7.4.0")
    assert (one.ranges(number), one.call("one.vn.rm_ar", number, 0)[0]) == (["10.9.1.2"], True)
    assert "<NEXT_INDEX>" in driver.calls()[-1].data


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_driver_outlives_the_front_end(
    serve: Callable[..., Client], driver: ScriptedDriver, number: signal.Signals
) -> None:
    driver.answer(
        REGISTER, f"sleep 300 & echo $! $$ >'{driver.log}'/new; mv '{driver.log}'/new '{driver.log}'/pids; wait"
    )
    one = serve()
    network = one.network("n", WITH_RANGE)
    pids = driver.log / "pids"
    wait_until(pids.exists)
    running = [Path(f"/proc/{pid}") for pid in pids.read_text().split()]
    assert all(path.exists() for path in running)
    one.served.process.send_signal(number)
    one.served.process.wait(10)
    wait_until(lambda: not any(_runs(path) for path in running), 5)

    driver.answer(REGISTER, ECHO)
    assert serve().settled(network) == READY  # an orderly end is not the driver's failure, either


def _runs(process: Path) -> bool:
    """Whether a process exists that has not ended (an orphan may still be there until init reaps it)."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False

"""What an executor writes, what side by side, and what never: a value that is not known yet."""

from __future__ import annotations

import threading
import xmlrpc.client
from collections.abc import Callable

import pytest

from edgewrap.change import Action
from edgewrap.errors import InternalError, OpenNebulaError
from edgewrap.events import discard
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.transport import Wire
from edgewrap.opennebula.executor import AT_ONCE, Executor
from edgewrap.opennebula.kinds.operation import MERGE, Argument, Call, Operation, change
from edgewrap.outputs import UNKNOWN


class NoWire:
    """Fails the test if a call is sent."""

    def post(self, body: bytes) -> bytes:
        raise AssertionError(f"a call was sent: {body!r}")


class AnsweringWire:
    """Answers every call; `before` sees each one first, and may refuse it with a text."""

    def __init__(self, before: Callable[[str], str | None]) -> None:
        self._before = before
        self.methods: list[str] = []

    def post(self, body: bytes) -> bytes:
        method = str(xmlrpc.client.loads(body)[1]).removeprefix("one.")
        refusal = self._before(method)
        self.methods.append(method)
        answer = [False, refusal, 0x2000, 5, -1] if refusal else [True, 5, 0]
        return xmlrpc.client.dumps((answer,), methodresponse=True).encode()


def executor_over(wire: Wire) -> Executor:
    return Executor(FrontEnd("http://127.0.0.1:2633/RPC2", Session("a:b"), wire=wire), discard)


def calls(*methods: str, last: str = "") -> Operation:
    deferred = (Call(last, (5,)),) if last else ()
    return Operation("x", change("x", "x", Action.UPDATE), tuple(Call(one, (5,)) for one in methods), deferred)


def test_twenty_operations_at_most_run_side_by_side() -> None:
    together, running, most = threading.Barrier(AT_ONCE, timeout=10), 0, 0
    guard = threading.Lock()

    def before(_method: str) -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        together.wait()
        with guard:
            running -= 1

    executor_over(AnsweringWire(before)).run(*([calls("vn.update")] for _ in range(2 * AT_ONCE)))
    assert most == AT_ONCE == 20


def test_a_chain_is_in_order_and_deferred_steps_are_last() -> None:
    wire = AnsweringWire(lambda _method: None)
    chains = ([calls("host.allocate", "host.status", last="host.enable")], [calls("vn.allocate"), calls("vn.add_ar")])
    executor_over(wire).run(*chains)
    assert [one for one in wire.methods if one.startswith("host")] == ["host.allocate", "host.status", "host.enable"]
    assert [one for one in wire.methods if one.startswith("vn")] == ["vn.allocate", "vn.add_ar"]
    assert wire.methods[-1] == "host.enable"


def test_after_a_failure_the_others_end_and_no_deferred_step_is_done() -> None:
    begun, failed = threading.Barrier(2, timeout=10), threading.Event()

    def before(method: str) -> str | None:
        if method.endswith("allocate"):
            begun.wait()
        if method == "vn.allocate":
            failed.set()
            return "no space left"
        return None if failed.wait(10) else "too late"

    wire = AnsweringWire(before)
    executor = executor_over(wire)
    with pytest.raises(OpenNebulaError, match="no space left"):
        executor.run([calls("vn.allocate"), calls("vn.add_ar")], [calls("host.allocate", "host.rename", last="no.no")])
    assert sorted(wire.methods) == ["host.allocate", "host.rename", "vn.allocate"]


def test_after_a_failure_nothing_else_is_begun() -> None:
    wire = AnsweringWire(lambda _method: "no space left")
    with pytest.raises(OpenNebulaError, match="no space left"):
        executor_over(wire).run(*([calls("vn.update")] for _ in range(10 * AT_ONCE)))
    assert len(wire.methods) < 3 * AT_ONCE


def test_a_stopped_front_end_gets_no_call() -> None:
    front_end = FrontEnd("http://127.0.0.1:2633/RPC2", Session("a:b"), wire=NoWire())
    front_end.stop()
    with pytest.raises(KeyboardInterrupt):
        Executor(front_end, discard).run([calls("vn.update")])
    assert front_end.writes == 0


@pytest.mark.parametrize(
    "argument",
    [
        UNKNOWN,
        {"REPLICA_HOST": UNKNOWN},
        {"CLUSTER_IDS": f"0,{UNKNOWN}"},
        {"AR": {"IP": "10.0.128.2", "EXTERNAL_IP": UNKNOWN}},
    ],
)
def test_a_value_that_is_not_known_yet_is_not_written(argument: Argument) -> None:
    executor = executor_over(NoWire())
    operation = Operation("x", change("x", "x", Action.UPDATE), (Call("vn.update", (5, argument, MERGE)),))
    with pytest.raises(InternalError, match="not known yet"):
        executor.run([operation])

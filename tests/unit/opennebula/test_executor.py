"""A value that is not known yet is never written to the front-end."""

from __future__ import annotations

import pytest

from edgewrap.change import Action
from edgewrap.errors import InternalError
from edgewrap.events import discard
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.executor import Executor
from edgewrap.opennebula.kinds.operation import MERGE, Argument, Call, Operation, change
from edgewrap.outputs import UNKNOWN


class NoWire:
    """Fails the test if a call is sent."""

    def post(self, body: bytes) -> bytes:
        raise AssertionError(f"a call was sent: {body!r}")


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
    executor = Executor(FrontEnd("http://127.0.0.1:2633/RPC2", Session("a:b"), wire=NoWire()), discard)
    operation = Operation("x", change("x", "x", Action.UPDATE), (Call("vn.update", (5, argument, MERGE)),))
    with pytest.raises(InternalError, match="not known yet"):
        executor.run([operation])

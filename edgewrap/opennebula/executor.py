"""Doing it: operations become calls, one after the other, with an event for each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from edgewrap.change import Action, PlaneName
from edgewrap.errors import EdgewrapError, InternalError, InUseError, OpenNebulaError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.opennebula.api.client import Argument, FrontEnd
from edgewrap.opennebula.api.errors import NoSuchObjectError
from edgewrap.opennebula.kinds import virtual_network
from edgewrap.opennebula.kinds.operation import Await, DeleteCluster, Operation, Ref, RetryUpdate, Settled, Step
from edgewrap.opennebula.kinds.virtual_network import DONE, ERROR, PENDING_STATES, UPDATE_FAILURE, NetworkFacts
from edgewrap.outputs import UNKNOWN

SETTLE_TIMEOUT_S = 120.0
DELETE_TIMEOUT_S = 2.0
LONGEST_PAUSE_S = 1.0
_TAKES_AWAY = (".delete", ".rm_ar")
_RETRY = 3  # of one.vn.recover's operations


class Executor:
    """Runs operations on one front-end. Remembers the ids of what it makes."""

    def __init__(self, front_end: FrontEnd, emit: Emit) -> None:
        self._front_end = front_end
        self._emit = emit
        self._made: dict[str, int] = {}

    def run(self, operations: Iterable[Operation]) -> None:
        """All steps in order, then the last steps of all. Raises what the front-end raises, at the first failure."""
        late = []
        for operation in operations:
            if operation.steps:
                self._framed(operation, operation.steps, _title(operation))
            if operation.deferred_steps:
                late.append(operation)
        for operation in late:
            self._framed(operation, operation.deferred_steps, f"enable {operation.change.kind}")

    def made(self, key: str) -> int | None:
        """The id of an object that this executor has made."""
        return self._made.get(key)

    def _framed(self, operation: Operation, steps: Iterable[Step], title: str) -> None:
        key = operation.change.key
        begun = time.monotonic()
        self._emit(Event(EventKind.STEP_STARTED, PlaneName.OPENNEBULA, key, title))
        try:
            for step in steps:
                self._step(operation, step)
        except EdgewrapError as error:
            self._emit(Event(EventKind.STEP_FAILED, PlaneName.OPENNEBULA, key, error.what, time.monotonic() - begun))
            raise
        self._emit(Event(EventKind.STEP_DONE, PlaneName.OPENNEBULA, key, title, time.monotonic() - begun))

    def _step(self, operation: Operation, step: Step) -> None:
        if isinstance(step, Await):
            await_network(self._front_end, self._id(step.network), step.settled)
            return
        if isinstance(step, RetryUpdate):
            retry_update(self._front_end, step.network)
            return
        if isinstance(step, DeleteCluster):
            delete_cluster(self._front_end, step.cluster)
            return
        arguments = [self._resolved(argument) for argument in step.arguments]
        try:
            answer = self._front_end.call(step.method, *arguments)
        except NoSuchObjectError:
            if not step.method.endswith(_TAKES_AWAY):
                raise
            return  # gone already is what was wanted
        if step.method.endswith(".allocate"):
            self._made[operation.key] = int(answer)

    def _resolved(self, argument: int | str | Mapping[str, object] | Ref) -> Argument:
        if isinstance(argument, Ref):
            return self._id(argument)
        if argument == UNKNOWN:
            raise InternalError(
                "a value that is not known yet was about to be written to OpenNebula",
                cause="a fault in edgewrap",
                advice="report it",
            )
        return argument  # type: ignore[return-value]

    def _id(self, reference: int | Ref) -> int:
        return self._made[reference.key] if isinstance(reference, Ref) else reference


def await_network(
    front_end: FrontEnd, number: int, settled: Settled, timeout_s: float = SETTLE_TIMEOUT_S
) -> NetworkFacts | None:
    """Wait until a network is ready or gone.

    Raises OpenNebulaError with the front-end's own words where it goes to ERROR, or where it takes too long.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = 0.1
    while True:
        try:
            network = virtual_network.parse_one(front_end.read("vn.info", number, False))
        except NoSuchObjectError:
            if settled is Settled.GONE:
                return None
            raise
        if settled is Settled.GONE and network.state == DONE:
            return None
        if network.state == ERROR:
            raise OpenNebulaError(
                f"{network} is in ERROR: {network.error}",
                cause="the front-end could not make it, or its driver could not take it away",
                advice="mend what it says, then run again: the network is made anew",
            )
        if settled is Settled.READY and network.state not in PENDING_STATES:
            return network
        if time.monotonic() > deadline:
            raise OpenNebulaError(
                f"{network} is not {settled.value} after {timeout_s:.0f} s",
                cause="the front-end is busy, or one of its network drivers hangs",
                advice="see /var/log/one/oned.log on the front-end, then run again",
            )
        front_end.pause(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def retry_update(front_end: FrontEnd, number: int, timeout_s: float = SETTLE_TIMEOUT_S) -> None:
    """Give a network's last change once more to the VMs that could not take it, and wait for them. Nothing is done
    where the state is another by now.

    Raises OpenNebulaError that names the VMs where they cannot take it this time either, or take too long.
    """
    network = virtual_network.parse_one(front_end.read("vn.info", number, False))
    if network.state != UPDATE_FAILURE:
        return
    front_end.call("vn.recover", number, _RETRY)
    deadline = time.monotonic() + timeout_s
    pause_s = 0.1
    while True:
        network = virtual_network.parse_one(front_end.read("vn.info", number, False))
        late = time.monotonic() > deadline
        if network.state == UPDATE_FAILURE or late:
            told = network.update_error if network.state == UPDATE_FAILURE else "its VMs still take its last change"
            raise OpenNebulaError(
                f"{network} is in UPDATE_FAILURE: {told}" if not late else f"{network}: {told} after {timeout_s:.0f} s",
                cause="the network driver failed on the VMs' hosts",
                advice=(
                    "see /var/log/one/VM.log on the front-end, mend that and run again; or let it be with "
                    f"`onevnet recover {number} --success`: the VMs then take the change when they next start"
                ),
            )
        if not network.updating_vms:
            return
        front_end.pause(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def delete_cluster(front_end: FrontEnd, number: int, timeout_s: float = DELETE_TIMEOUT_S) -> None:
    """Delete an empty cluster. Right after a network is gone, the front-end may still count it in the cluster: so a
    refusal is only believed after `timeout_s` seconds. Raises InUseError where the cluster is not empty."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            front_end.call("cluster.delete", number)
        except NoSuchObjectError:
            return
        except InUseError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        front_end.pause(0.1)


def _title(operation: Operation) -> str:
    if operation.change.after == {"STATUS": "disabled"}:
        return f"disable {operation.change.kind}"
    words = {Action.CREATE: "create", Action.UPDATE: "update", Action.REPLACE: "make anew", Action.DELETE: "delete"}
    return f"{words[operation.change.action]} {operation.change.kind}"

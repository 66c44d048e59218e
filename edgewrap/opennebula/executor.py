"""Runs operations: the calls of each one after the other, independent operations side by side; an event for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial

from edgewrap import limits, poll
from edgewrap.change import DOING, Action, Change, PlaneName
from edgewrap.errors import EdgewrapError, InternalError, InUseError, OpenNebulaError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.opennebula.api.client import Argument, FrontEnd
from edgewrap.opennebula.api.errors import NameTakenError, NoSuchObjectError
from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE
from edgewrap.opennebula.kinds.object_kind import OwnedObjects
from edgewrap.opennebula.kinds.operation import (
    MERGE,
    Await,
    DeleteCluster,
    Operation,
    Ref,
    RetryUpdate,
    Settled,
    Step,
    WriteOwnId,
    has_unknown,
)
from edgewrap.opennebula.kinds.virtual_network import (
    DONE,
    ERROR,
    PENDING_STATES,
    PUBLIC_NETWORK,
    UPDATE_FAILURE,
    NetworkFacts,
)

AT_ONCE = 20  # operations
GRACE_S = 1.0  # for calls that are under way when a run is interrupted
SETTLE_TIMEOUT_S = 120.0
DELETE_TIMEOUT_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
_REMOVES = (".delete", ".rm_ar")
_RETRY = 3  # of one.vn.recover's operations


class Executor:
    """Runs operations on one front-end. Remembers the ids of the objects that it creates."""

    def __init__(self, front_end: FrontEnd, emit: Emit) -> None:
        self._front_end = front_end
        self._emit = emit
        self._made: dict[str, int] = {}

    def run(self, *chains: Sequence[Operation], defer: bool = False) -> None:
        """The steps of each chain in order, the chains side by side; then the deferred steps of all, unless all are to
        `defer` them: then an operation that has some is not reported as done.

        Raises the front-end's error if one fails: its chain and those that have not begun are left, the others run to
        their ends, and no deferred step is done.
        """
        self._side_by_side([partial(self._steps_of, chain, defer=defer) for chain in chains if chain])
        if defer:
            return
        deferred = [one for chain in chains for one in chain if one.deferred_steps]
        self._side_by_side([partial(self._framed, one, one.deferred_steps, None) for one in deferred])

    def made(self, key: str) -> int | None:
        """The id of an object that this executor has created."""
        return self._made.get(key)

    def _side_by_side(self, tasks: Sequence[Callable[[], None]]) -> None:
        left = iter(tasks)

        def work() -> None:
            for task in left:  # all workers share it
                try:
                    task()
                except BaseException:
                    for _ in left:
                        pass
                    raise

        workers: list[Future[None]] = []
        try:
            for _ in tasks[:AT_ONCE]:
                workers.append(limits.start(work))
            wait(workers)
        except KeyboardInterrupt:
            self._front_end.stop()
            wait(workers, GRACE_S)
            raise
        errors = [error for worker in workers if (error := worker.exception()) is not None]
        for error in sorted(errors, key=lambda one: isinstance(one, NameTakenError)):  # that one may be tried again
            raise error

    def _steps_of(self, chain: Sequence[Operation], *, defer: bool) -> None:
        for operation in chain:
            if operation.steps:
                end = EventKind.INFO if defer and operation.deferred_steps else EventKind.STEP_DONE
                self._framed(operation, operation.steps, operation.change.action, end)

    def _framed(
        self, operation: Operation, steps: Iterable[Step], action: Action | None, end: EventKind = EventKind.STEP_DONE
    ) -> None:
        """Run steps, with events. Without an `action` they enable what earlier steps have made."""
        key, begun = f"{operation.change.kind} {operation.change.key}", time.monotonic()
        doing, done = _words(operation.change, action)

        def tell(kind: EventKind, said: str, seconds: float | None = None) -> None:
            self._emit(Event(kind, PlaneName.OPENNEBULA, key, said, seconds, action))

        tell(EventKind.STEP_STARTED, doing)
        try:
            for step in steps:
                self._step(operation.key, step)
        except EdgewrapError as error:
            tell(EventKind.STEP_FAILED, error.what, time.monotonic() - begun)
            raise
        tell(end, done if end is EventKind.STEP_DONE else "created, to be enabled later", time.monotonic() - begun)

    def _step(self, key: str, step: Step) -> None:
        if isinstance(step, Await):
            await_network(self._front_end, self._id(step.network), step.settled)
        elif isinstance(step, RetryUpdate):
            retry_update(self._front_end, step.network)
        elif isinstance(step, WriteOwnId):
            made = self._made[key]
            self._front_end.call(f"{step.api}.update", made, {MARK_ATTRIBUTE: {**step.mark, "ID": str(made)}}, MERGE)
        elif isinstance(step, DeleteCluster):
            delete_cluster(self._front_end, step.cluster)
        else:
            arguments = [self._resolved(argument) for argument in step.arguments]
            if step.method.endswith(".allocate"):
                self._made[key] = self._front_end.allocate(step.method, *arguments)
                return
            try:
                self._front_end.call(step.method, *arguments)
            except NoSuchObjectError:
                if not step.method.endswith(_REMOVES):  # someone else has removed it already
                    raise

    def _resolved(self, argument: Argument | Ref) -> Argument:
        if isinstance(argument, Ref):
            return self._id(argument)
        if has_unknown(argument):
            raise InternalError(
                "edgewrap was about to write a value to OpenNebula that is not known yet",
                cause="a bug in edgewrap",
                advice="report it",
            )
        return argument

    def _id(self, reference: int | Ref) -> int:
        return self._made[reference.key] if isinstance(reference, Ref) else reference


def await_settled(front_end: FrontEnd, ours: OwnedObjects) -> None:
    """Wait for networks that are still being created by another run: they cannot be changed yet."""
    network = ours.one(PUBLIC_NETWORK)
    if network is not None and network.state in PENDING_STATES:
        await_network(front_end, network.id, Settled.READY)


def await_network(front_end: FrontEnd, number: int, settled: Settled, timeout_s: float = SETTLE_TIMEOUT_S) -> None:
    """Wait until a network is ready or deleted.

    Raises OpenNebulaError with the front-end's own message if it is in ERROR, or if it takes too long.
    """

    def look(waited_s: float) -> bool | None:
        try:
            network = _read_network(front_end, number)
        except NoSuchObjectError:
            if settled is Settled.GONE:
                return True
            raise
        if settled is Settled.GONE and network.state == DONE:
            return True
        if network.state == ERROR:
            raise OpenNebulaError(
                f"{network} is in ERROR: {network.error}",
                cause="the front-end could not create it, or its driver could not remove it",
                advice="fix the error above and re-run: the network is replaced",
            )
        if settled is Settled.READY and network.state not in PENDING_STATES:
            return True
        if waited_s >= timeout_s:
            raise OpenNebulaError(
                f"{network} is not {settled.value} after {timeout_s:.0f} s",
                cause="the front-end is busy, or one of its network drivers hangs",
                advice="see /var/log/one/oned.log on the front-end, then re-run",
            )
        return None

    poll.until(look, timeout_s, pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S, sleep=front_end.pause)


def retry_update(front_end: FrontEnd, number: int, timeout_s: float = SETTLE_TIMEOUT_S) -> None:
    """Retry a network's last change on the VMs that could not take it, and wait for them. If the network has another
    state by now, nothing is done.

    Raises OpenNebulaError with the VMs that cannot take it this time either, or if they take too long.
    """
    if _read_network(front_end, number).state != UPDATE_FAILURE:
        return
    front_end.call("vn.recover", number, _RETRY)

    def look(waited_s: float) -> bool | None:
        network = _read_network(front_end, number)
        if network.state == UPDATE_FAILURE:
            raise _not_updated(network, f"is in UPDATE_FAILURE: {network.update_error}")
        if not network.updating_vms:
            return True
        if waited_s >= timeout_s:
            raise _not_updated(network, f"has VMs that still take its last change after {timeout_s:.0f} s")
        return None

    poll.until(look, timeout_s, pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S, sleep=front_end.pause)


def delete_cluster(front_end: FrontEnd, number: int, timeout_s: float = DELETE_TIMEOUT_S) -> None:
    """Delete an empty cluster. Right after a network was deleted, the front-end may still count it in the cluster, so
    the call is repeated for `timeout_s` seconds. Raises InUseError if the cluster is not empty."""

    def attempt(waited_s: float) -> bool | None:
        try:
            with suppress(NoSuchObjectError):
                front_end.call("cluster.delete", number)
        except InUseError:
            if waited_s >= timeout_s:
                raise
            return None
        return True

    poll.until(attempt, timeout_s, pause_s=FIRST_PAUSE_S, sleep=front_end.pause)


def _read_network(front_end: FrontEnd, number: int) -> NetworkFacts:
    return NetworkFacts.from_element(front_end.read("vn.info", number, False, root="VNET"))


def _not_updated(network: NetworkFacts, text: str) -> OpenNebulaError:
    logs = " and ".join(f"/var/log/one/{vm}.log" for vm in network.failed_vms) or "/var/log/one/oned.log"
    return OpenNebulaError(
        f"{network} {text}",
        cause="the network driver failed on the VMs' hosts",
        advice=(
            f"see {logs} on the front-end, fix that and re-run; or leave it with `onevnet recover {network.id} "
            "--success`: the VMs then take the change when they next start"
        ),
    )


def _words(change: Change, action: Action | None) -> tuple[str, str]:
    """What steps do and have done; the latter is empty if the action says it."""
    if action is None:
        return "enabling", "enabled"
    return ("disabling", "disabled") if change.after == {"STATUS": "disabled"} else (DOING[action], "")

"""One piece of work on the front-end's objects: a transaction, made again with each reply of an IPAM driver.

While a driver runs, the store's lock is free. The driver's network is reserved: other calls that change it wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from edgewrap.lab.opennebula import lifecycle, networks
from edgewrap.lab.opennebula.calls import Refusal
from edgewrap.lab.opennebula.driver_calls import DriverNeeded, Reply, Request
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.ipam import Ended
from edgewrap.lab.opennebula.records import Machine, Network

T = TypeVar("T")
_log = logging.getLogger(__name__)


def execute(one: FrontEnd, work: Callable[[], T], network_id: int | None = None) -> T:
    """Do the work once nobody else has reserved the network that it changes. Raises what `work` raises, and
    ipam.Ended."""
    mine = object()
    replies: list[tuple[Request, Reply]] = []
    try:
        while True:
            try:
                with one.unreserved:
                    one.unreserved.wait_for(lambda: network_id is None or one.reserved.get(network_id, mine) is mine)
                    one.replies = list(replies)
                    return _transaction(one, work)
            except DriverNeeded as needed:
                request = needed.request
            if _reserve(one, request.network_id, mine):
                assert one.ipam is not None  # noqa: S101 - without it, no driver is needed
                replies.append((request, one.ipam.run(request)))
    finally:
        with one.unreserved:
            one.reserved = {number: owner for number, owner in one.reserved.items() if owner is not mine}
            one.unreserved.notify_all()


def _transaction(one: FrontEnd, work: Callable[[], T]) -> T:
    with one.store.transaction():
        try:
            return work()
        except Refusal as refusal:
            if not refusal.keep:
                raise
            kept = refusal
    raise kept


def _reserve(one: FrontEnd, network_id: int, mine: object) -> bool:
    """Reserve a network; if another call has it, wait for that call, and return False: the work must be made again.
    Work that has reserved another network does not wait, because that call could wait for it."""
    with one.unreserved:
        if one.reserved.setdefault(network_id, mine) is mine or mine in one.reserved.values():
            return True
        one.unreserved.wait_for(lambda: network_id not in one.reserved)
        return False


class Settler(threading.Thread):
    """Does what is due and needs drivers: new networks, and VMs that end. All else is done by the next call."""

    def __init__(self, one: FrontEnd) -> None:
        super().__init__(name="settler", daemon=True)
        self._one = one
        self._ended = False

    def run(self) -> None:
        """Work until `stop`."""
        one = self._one
        while not self._ended:
            try:
                with one.unreserved:
                    due, work, network_id = due_with_drivers(one)
                    wait = max(0.0, due - one.clock()) if work else None
                    if wait != 0.0:
                        one.unreserved.wait(wait)
                        continue
                if work:
                    execute(one, work, network_id)
            except Ended:
                return
            except Exception:
                _log.exception("a change of state failed")
                threading.Event().wait(1.0)

    def stop(self) -> None:
        """End; do not wait for a driver that runs."""
        self._ended = True
        with self._one.unreserved:
            self._one.unreserved.notify_all()


def due_with_drivers(one: FrontEnd) -> tuple[float, Callable[[], None] | None, int | None]:
    """What is due first, when, and the network that it changes."""
    found: list[tuple[float, Callable[[], None], int | None]] = []
    for network in one.store.all(Network):
        if networks.registers(one, network):
            found.append((network.due, _settle(one, network.id), network.id))
    for machine in one.store.all(Machine):
        if lifecycle.ends_with_drivers(one, machine):
            found.append((machine.due, _finish(one, machine.id), None))
    return min(found, key=lambda entry: entry[0], default=(0.0, None, None))


def _settle(one: FrontEnd, number: int) -> Callable[[], None]:
    return lambda: networks.settle(one, number)


def _finish(one: FrontEnd, number: int) -> Callable[[], None]:
    return lambda: lifecycle.finish(one, number)

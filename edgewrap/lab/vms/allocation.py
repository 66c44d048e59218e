"""A VM as the front-end knows it: allocated and deployed over XML-RPC, with its NIC and its context. Blocking calls."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edgewrap.errors import LabError

_ALL, _FROM_FIRST, _TO_LAST = -2, -1, -1  # of a pool: everybody's objects, from the first to the last
_ACTIVE, _RUNNING, _DONE = 3, 3, 6
_SYSTEM_DATASTORE = 1
_FRONT_END_CHOOSES = -1
_STATE_S = 30.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """One VM of the front-end with one NIC. `context` is what its guest would read: `ETH0_IP`, `ETH0_MASK`, …"""

    vm_id: int
    port: str
    bridge: str
    mac: str
    address: str
    network: str
    context: Mapping[str, str]


class Allocator:
    """Allocates VMs at the lab's front-end. Every method raises LabError."""

    def __init__(self, endpoint: str, session: str) -> None:
        import pyone  # costs 0.14 s, and most labs never start a VM

        self._errors = (pyone.OneException,)
        self._one: Any = pyone.OneServer(endpoint, session=session)

    def allocate(self, name: str, hosts: Collection[str], address: str, network: str) -> Allocation:
        """A running VM on the host that has one of these names, with this address on this network.

        `network` is a name; empty: the network of the host's cluster that has the address in a range.
        """
        try:
            host = self._host(hosts)
            network_id, network_name = self._network(host.CLUSTER_ID, address, network)
            template = (
                f'NAME = "{name}"\nCPU = "0.1"\nMEMORY = "64"\nCONTEXT = [ NETWORK = "YES" ]\n'
                f'NIC = [ NETWORK_ID = "{network_id}", IP = "{address}" ]\n'
            )
            vm_id = int(self._one.vm.allocate(template, False))
            try:
                self._one.vm.deploy(vm_id, host.ID, False, self._system_datastore(host.CLUSTER_ID), "")
                vm = self._wait(vm_id, lambda *state: state == (_ACTIVE, _RUNNING), "does not run")
            except (*self._errors, LabError):
                self._one.vm.action("terminate-hard", vm_id)
                raise
        except self._errors as error:
            raise _refused(f"the VM {name!r} could not be started", error) from error
        nic = vm.TEMPLATE["NIC"]
        return Allocation(
            vm_id=vm_id,
            port=nic["TARGET"],
            bridge=nic["BRIDGE"],
            mac=nic["MAC"],
            address=nic["IP"],
            network=network_name,
            context={key: value for key, value in vm.TEMPLATE["CONTEXT"].items() if value},
        )

    def free(self, vm_id: int) -> None:
        """Terminate the VM and wait until its address is free; nothing to do if it is DONE already."""
        try:
            if int(self._one.vm.info(vm_id, False).STATE) != _DONE:
                self._one.vm.action("terminate-hard", vm_id)
            self._wait(vm_id, lambda state, _: state == _DONE, "is not terminated")
        except self._errors as error:
            raise _refused(f"the VM {vm_id} could not be terminated", error) from error

    def _host(self, names: Collection[str]) -> Any:
        pool = self._one.hostpool.info().HOST
        for host in pool:
            if host.NAME in names:
                return host
        raise LabError(
            "the front-end does not know this host",
            cause=f"its hosts are: {', '.join(host.NAME for host in pool) or 'none'}; looked for {', '.join(names)}",
            advice="apply a spec first: it adds the host to the front-end",
        )

    def _network(self, cluster_id: int, address: str, name: str) -> tuple[int, str]:
        pool = self._one.vnpool.info(_ALL, _FROM_FIRST, _TO_LAST).VNET
        here = [network for network in pool if cluster_id in [int(i) for i in network.CLUSTERS.ID]]
        for network in here:
            if name == network.NAME or (not name and _has(network, address)):
                return int(network.ID), network.NAME
        raise LabError(
            f"no network {name!r} in the host's cluster" if name else f"no network has the address {address}",
            cause=f"the networks of the host's cluster are: {', '.join(network.NAME for network in here) or 'none'}",
            advice="`edgewrap output` lists the private addresses of the Elastic IPs",
        )

    def _system_datastore(self, cluster_id: int) -> int:
        for datastore in self._one.datastorepool.info().DATASTORE:
            clusters = [int(i) for i in datastore.CLUSTERS.ID]
            if int(datastore.TYPE) == _SYSTEM_DATASTORE and cluster_id in clusters:
                return int(datastore.ID)
        return _FRONT_END_CHOOSES

    def _wait(self, vm_id: int, reached: Callable[[int, int], bool], failure: str) -> Any:
        """Wait for a state (STATE, LCM_STATE) of a VM; returns the VM."""
        deadline = time.monotonic() + _STATE_S
        while True:
            vm = self._one.vm.info(vm_id, False)
            state, lcm_state = int(vm.STATE), int(vm.LCM_STATE)
            if reached(state, lcm_state):
                return vm
            if time.monotonic() > deadline:
                raise LabError(
                    f"the VM {vm_id} {failure} after {_STATE_S:.0f} s",
                    cause=f"the front-end says STATE {state}, LCM_STATE {lcm_state}",
                    advice="see `edgewrap lab status` and the lab's log",
                )
            time.sleep(0.05)


def _has(network: Any, address: str) -> bool:
    wanted = ipaddress.IPv4Address(address)
    for found in network.AR_POOL.AR:
        if found.IP and 0 <= int(wanted) - int(ipaddress.IPv4Address(found.IP)) < int(found.SIZE):
            return True
    return False


def _refused(what: str, error: Exception) -> LabError:
    return LabError(what, cause=f"the front-end says: {error}", advice="correct what it names and try again")

"""A VM as the front-end knows it: allocated and deployed over XML-RPC, with NICs and context. Blocking calls."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from edgewrap.errors import LabError
from edgewrap.lab.vms.record import Allocation, read_record

_ALL, _FROM_FIRST, _TO_LAST = -2, -1, -1  # of a pool: all users' objects, from the first to the last
_ACTIVE, _RUNNING, _DONE = 3, 3, 6
_SYSTEM_DATASTORE = 1
_FRONT_END_CHOOSES = -1
_STATE_S = 30.0


@dataclass(frozen=True, slots=True)
class NicRequest:
    """A requested NIC: on the network of this name, or on the cluster's network with the address in a range."""

    network: str
    address: str


class Report(StrEnum):
    """What monitoring reports of a lost VM: its host is up without it, or does not answer."""

    POWEROFF = "POWEROFF"
    UNKNOWN = "UNKNOWN"


class Allocator:
    """Allocates VMs at the lab's front-end. Every method raises LabError."""

    def __init__(self, endpoint: str, session: str) -> None:
        import pyone  # takes 0.14 s, and most labs never start a VM

        self._endpoint = endpoint
        self._session = session
        self._errors = (pyone.OneException,)
        self._one: Any = pyone.OneServer(endpoint, session=session)

    def allocate(
        self, name: str, hosts: Collection[str], nics: Sequence[NicRequest], security_groups: Sequence[int] = ()
    ) -> Allocation:
        """Start a VM with these NICs on the host with one of these names. Its security groups are added to those of its
        networks."""
        with self._as_lab_error(f"the VM {name!r} could not be started"):
            host = self._host(hosts)
            self._require_groups(security_groups)
            groups = f', SECURITY_GROUPS = "{",".join(map(str, security_groups))}"' if security_groups else ""
            template = f'NAME = "{name}"\nCPU = "0.1"\nMEMORY = "64"\nCONTEXT = [ NETWORK = "YES" ]\n'
            for nic in nics:
                address = f', IP = "{nic.address}"' if nic.address else ""
                network = self._network(host.CLUSTER_ID, nic)
                template += f'NIC = [ NETWORK_ID = "{network}"{address}{groups} ]\n'
            vm_id = int(self._one.vm.allocate(template, False))
            try:
                self._one.vm.deploy(vm_id, host.ID, False, self._system_datastore(host.CLUSTER_ID), "")
                vm = self.wait_running(vm_id)
            except (*self._errors, LabError):
                self._one.vm.action("terminate-hard", vm_id)
                raise
        return read_record(vm_id, vm.TEMPLATE)

    def hypervisor(self, vm_id: int) -> str:
        """What runs the VM: `kvm` or `lxc`."""
        with self._as_lab_error(f"the VM {vm_id} could not be found"):
            return str(self._one.vm.info(vm_id, False).HISTORY_RECORDS.HISTORY[-1].VM_MAD)

    def host_names(self, source: Collection[str], destination: Collection[str]) -> tuple[str, str]:
        """The names in OpenNebula of the two hosts that have one of these names each."""
        return str(self._host(source).NAME), str(self._host(destination).NAME)

    def migrate(self, vm_id: int, hosts: Collection[str]) -> None:
        """Start the live migration of a VM to the host with one of these names."""
        with self._as_lab_error(f"the VM {vm_id} could not be migrated"):
            self._one.vm.migrate(vm_id, self._host(hosts).ID, True, False, _FRONT_END_CHOOSES)

    def wait_running(self, vm_id: int) -> Any:
        """Wait until the VM runs; returns it."""
        return self._wait(vm_id, lambda *state: state == (_ACTIVE, _RUNNING), "does not run")

    def report(self, vm_id: int, found: Report) -> None:
        """Report a VM's state to the front-end as monitoring would, with a call that only the lab's front-end has."""
        try:
            with ServerProxy(self._endpoint) as proxy:
                success, text, *_ = getattr(proxy, "lab.vm.report")(self._session, vm_id, found.value)
        except (OSError, Fault) as error:
            success, text = False, str(error)
        if not success:
            raise _refused(f"the front-end refused the report that the VM {vm_id} is {found}", text)

    def free(self, vm_id: int) -> None:
        """Terminate the VM and wait until its address is free; nothing to do if it is DONE already."""
        with self._as_lab_error(f"the VM {vm_id} could not be terminated"):
            if int(self._one.vm.info(vm_id, False).STATE) != _DONE:
                self._one.vm.action("terminate-hard", vm_id)
            self._wait(vm_id, lambda state, _: state == _DONE, "is not terminated")

    @contextmanager
    def _as_lab_error(self, what: str) -> Iterator[None]:
        """Turn a refusal by the front-end into a LabError."""
        try:
            yield
        except self._errors as error:
            raise _refused(what, error) from error

    def _host(self, names: Collection[str]) -> Any:
        pool = self._one.hostpool.info().HOST
        for host in pool:
            if host.NAME in names:
                return host
        raise LabError(
            "the front-end does not have this host",
            cause=f"its hosts are: {', '.join(host.NAME for host in pool) or 'none'}; looked for {', '.join(names)}",
            advice="apply a spec first: it adds the host to the front-end",
        )

    def _require_groups(self, wanted: Sequence[int]) -> None:
        pool = self._one.secgrouppool.info(_ALL, _FROM_FIRST, _TO_LAST).SECURITY_GROUP
        known = {int(group.ID): group.NAME for group in pool}
        for number in wanted:
            if number not in known:
                raise LabError(
                    f"the front-end has no security group {number}",
                    cause=f"it has: {', '.join(f'{key} ({name})' for key, name in sorted(known.items()))}",
                    advice="create it first, with `onesecgroup create` or one.secgroup.allocate",
                )

    def _network(self, cluster_id: int, nic: NicRequest) -> int:
        pool = self._one.vnpool.info(_ALL, _FROM_FIRST, _TO_LAST).VNET
        here = [network for network in pool if cluster_id in [int(i) for i in network.CLUSTERS.ID]]
        for network in here:
            if nic.network == network.NAME or (not nic.network and _has(network, nic.address)):
                return int(network.ID)
        missing = (
            f"network {nic.network!r} in the host's cluster"
            if nic.network
            else f"network has the address {nic.address}"
        )
        raise LabError(
            f"no {missing}",
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


def _refused(what: str, error: object) -> LabError:
    return LabError(what, cause=f"the front-end's message: {error}", advice="correct this and retry")

"""The lab's front-end behind a wire that needs no socket, and a cluster of three hosts and two Elastic IPs on it."""

from __future__ import annotations

import time
import xmlrpc.client
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from edgewrap.change import Change
from edgewrap.errors import OpenNebulaError
from edgewrap.events import Event, EventKind
from edgewrap.lab.opennebula import frontend, methods, records
from edgewrap.lab.opennebula.release import RELEASES
from edgewrap.lab.opennebula.server import respond
from edgewrap.lab.opennebula.store import Store
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.executor import await_network
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.operation import Settled
from edgewrap.opennebula.plane import OneFacts, OpenNebulaPlane
from edgewrap.outputs import UNKNOWN, EipOutput, GroupOutput, HostOutput, HostPin, HostReport, Outputs
from edgewrap.plane import Context
from edgewrap.spec.models import Spec

VERSIONS = ("6.10.0.1", "7.0.2", "7.4.0")
UUID = "0f6a1e9c-1111-4a6e-9d55-2f5f7ce1a001"
URL = "http://127.0.0.1:2633/RPC2"
PASSWORD = "opennebula"
READS = (".info", ".version")  # the ends of methods that change nothing
POOLS = {kind.facts for kind in KINDS}


class LabWire:
    """Carries calls to a front-end in this process; remembers them. `before` sees each call first."""

    def __init__(self, one: frontend.FrontEnd) -> None:
        self._one = one
        self.methods: list[str] = []
        self.before: Callable[[str], None] = lambda method: None

    def post(self, body: bytes) -> bytes:
        params, method = xmlrpc.client.loads(body)
        assert method is not None
        self.before(method)
        self.methods.append(method.removeprefix("one."))
        try:
            answer: Any = (respond(self._one, method, params),)
        except xmlrpc.client.Fault as fault:
            answer = fault
        return xmlrpc.client.dumps(answer, methodresponse=True).encode()


def spec(name: str = "edge-paris", **parts: Any) -> Spec:
    """A small spec; `parts` are sections of it."""
    return Spec.model_validate({"apiVersion": "edgewrap/v1", "name": name, "aws": {"region": "eu-west-3"}, **parts})


def everything() -> Spec:
    """A spec that leads to an object of every kind."""
    return spec(public_network={"self_service": True})


def host(index: int) -> HostOutput:
    """The instance of index `index`."""
    public, private = _address("198.51.100.10", index), _address("10.0.0.10", index)
    return HostOutput(f"host-{index}", index, f"i-{index:08x}", private, public, public, "running")


def eip(index: int) -> EipOutput:
    """The Elastic IP of index `index`."""
    address, gateway = _address("10.0.128.2", 2 * index), _address("10.0.128.3", 2 * index)
    public = _address("203.0.113.10", index)
    return EipOutput(f"eip-{index}", f"eipalloc-{index:08x}", public, address, gateway, group="group-0")


def _address(first: str, index: int) -> str:
    return str(IPv4Address(first) + index)


def outputs(hosts: tuple[int, ...] = (0, 1, 2), eips: tuple[int, ...] = (0, 1), uuid: str = UUID) -> Outputs:
    """Outputs with these indexes."""
    group = GroupOutput("group-0", 0, "eni-0", "02:00:00:00:00:01", "10.0.128.0", "10.0.128.0/25", "host-0", 1)
    return Outputs(
        uuid,
        region="eu-west-3",
        zone="eu-west-3a",
        vpc_id="vpc-1",
        vpc_cidr="10.0.0.0/16",
        subnet_id="subnet-1",
        subnet_cidr="10.0.0.0/16",
        hosts={f"host-{index}": host(index) for index in hosts},
        groups={"group-0": group},
        eips={f"eip-{index}": eip(index) for index in eips},
    )


def predicted() -> Context:
    """What a first plan knows of the outputs, and of what the hosts will report."""
    known = outputs()
    hosts = {
        key: replace(one, name=UNKNOWN, instance_id=UNKNOWN, public_address=UNKNOWN) for key, one in known.hosts.items()
    }
    eips = {key: replace(one, public_address=UNKNOWN, allocation_id=UNKNOWN) for key, one in known.eips.items()}
    told = {key: HostReport(key, ready=True, pin=HostPin(UNKNOWN, UNKNOWN), phydev=UNKNOWN, mtu=0) for key in hosts}
    return Context(replace(known, uuid=UNKNOWN, hosts=hosts, eips=eips), reports=told)


def report(index: int, *, ready: bool = True, phydev: str = "ens5", mtu: int = 9001) -> HostReport:
    """The hosts plane's report on one host."""
    pin = HostPin(f"i-{index:08x}", f"ssh-ed25519 AAAAC3Nza{index}")
    return HostReport(f"host-{index}", ready, pin, phydev, mtu)


def reports(*indexes: int) -> dict[str, HostReport]:
    """Hosts that are ready."""
    return {f"host-{index}": report(index) for index in indexes or (0, 1, 2)}


def changes_in(plane: OpenNebulaPlane, facts: OneFacts, *to: Any, **more: Any) -> tuple[Change, ...]:
    """What a plan from these facts shows; `to` are the outputs, the reports, and the keys of replaced hosts."""
    return plane.plan(facts, context(*to, **more)).changes


def apply(plane: OpenNebulaPlane, facts: OneFacts, *to: Any, **more: Any) -> None:
    """Plan from these facts, which may be old by now, and apply."""
    known = context(*to, **more)
    plane.apply(plane.plan(facts, known), known)


def prepare(plane: OpenNebulaPlane, facts: OneFacts, *to: Any, **more: Any) -> None:
    """Plan from these facts, and make the changes before AWS."""
    known = context(*to, **more)
    plane.prepare(plane.plan(facts, known), known)


def destroy(plane: OpenNebulaPlane, facts: OneFacts, to: Outputs | None = None) -> None:
    """Plan a destroy from these facts, and do it."""
    known = Context(to)
    plane.apply(plane.destroy(facts, known), known)


def context(to: Outputs, told: Mapping[str, HostReport] | None = None, replaced: Collection[str] = ()) -> Context:
    """What a run passes to the plane."""
    return Context(outputs=to, reports=told or {}, replaced=frozenset(replaced))


@dataclass
class Stage:
    """A front-end, the administrator's connection to it, and planes over it."""

    lab: frontend.FrontEnd
    wire: LabWire
    one: FrontEnd
    events: list[Event] = field(default_factory=list)

    def plane(self, of: Spec | None = None, one: FrontEnd | None = None) -> OpenNebulaPlane:
        return OpenNebulaPlane(of or spec(), one or self.one, self.events.append)

    def facts(self) -> OneFacts:
        return self.plane().observe()

    def applied(self, *, of: Spec | None = None, to: Outputs | None = None) -> OpenNebulaPlane:
        """A plane whose cluster is there, as a whole."""
        plane = self.plane(of)
        apply(plane, plane.observe(), to or outputs(), reports())
        return plane

    def user(self, name: str, *, operator: bool) -> FrontEnd:
        """A user of his own, in the group oneadmin where he is an operator."""
        number = int(self.one.call("user.allocate", name, f"{name}-pass", "core"))
        if operator:
            self.one.call("user.chgrp", number, 0)
        return FrontEnd(URL, Session(f"{name}:{name}-pass"), wire=self.wire)

    def vm(self, host_id: int, network: str = "edge-paris-public") -> int:
        """A running VM on that host, with an address of the network; without a network it has no NIC."""
        nic = (f'NIC = [ NETWORK = "{network}" ]',) if network else ()
        lines = ('NAME = "tenant-vm"', 'CPU = "0.1"', 'MEMORY = "64"', *nic)
        number = int(self.one.call("vm.allocate", "\n".join(lines), False))
        system = next(one for one in self.facts().datastores if one.name == "edge-paris-system")
        self.one.call("vm.deploy", number, host_id, False, system.id, "")
        return number

    def until_running(self, vm: int) -> None:
        """Wait until the VM runs."""
        deadline = time.monotonic() + 5
        while self.one.read("vm.info", vm, False, root="VM").findtext("LCM_STATE") != "3":
            assert time.monotonic() < deadline
            self.one.pause(0.1)

    def delete_network(self, number: int) -> None:
        """A network is deleted only some time after the call."""
        self.one.call("vn.delete", number)
        await_network(self.one, number, Settled.GONE)

    def until_in_error(self, number: int) -> None:
        """Wait until a network that cannot be made is in ERROR."""
        with pytest.raises(OpenNebulaError, match="is in ERROR"):
            await_network(self.one, number, Settled.READY, 5)

    def leave(self, number: int, **changes: object) -> None:
        """Put a network into a state that the front-end got it into by itself."""
        with self.lab.store.transaction():
            stored = self.lab.store.get(records.Network, number)
            assert stored is not None
            self.lab.store.put(stored.model_copy(update=changes))

    def warnings(self) -> list[str]:
        return [event.text for event in self.events if event.kind is EventKind.WARNING]


def stage(version: str, directory: Path) -> Stage:
    """A fresh front-end of that version."""
    one = frontend.FrontEnd(Store(directory / "one.db"), RELEASES[version], "none", settle=0.01, interval=0.3)
    methods.bootstrap(one, "oneadmin", PASSWORD)
    wire = LabWire(one)
    return Stage(one, wire, FrontEnd(URL, Session(f"oneadmin:{PASSWORD}"), wire=wire))

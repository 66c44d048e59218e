"""Where a command can run in the lab: `lab exec --in PLACE`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewrap.errors import LabError
from edgewrap.lab import kernel
from edgewrap.lab.fabric.fabric import INTERNET, Fabric
from edgewrap.lab.hosts.machines import Machines
from edgewrap.lab.vms.guests import Guests

_LAB = {kind: f"/proc/1/ns/{kind}" for kind in ("mnt", "net", "pid", "uts", "ipc")}
_HOST = ("mnt", "net", "pid", "uts", "ipc", "cgroup")


@dataclass(frozen=True, slots=True)
class Place:
    """A place's namespaces, by kind, as files inside the lab. `own_root`: a host, with a file system of its own."""

    namespaces: Mapping[str, str]
    own_root: bool


def find_place(name: str, fabric: Fabric, machines: Machines, guests: Guests) -> Place:
    """The place of this name: `internet`, `fabric` (the router of the only VPC), `gateway` (its internet gateway),
    a VPC's id, a VM's name, or a host by any of its names. Raises LabError."""
    namespace = ""
    if name == INTERNET:
        namespace = INTERNET
    elif name in fabric.vpc_ids:
        namespace = name
    elif name in ("fabric", "gateway"):
        namespace = ("igw-" if name == "gateway" else "") + _only_vpc(fabric)
    elif any(entry["name"] == name for entry in guests.report()):
        namespace = guests.namespace(name)
    if namespace:
        return Place({**_LAB, "net": str(kernel.NAMESPACES / namespace)}, own_root=False)
    machine = machines.find(name)
    try:
        init = machine.init
    except ProcessLookupError as error:
        raise LabError(
            f"the host {name!r} does not run",
            cause=f"it is {machine.state}, its instance is {machine.instance.state}",
            advice="see `edgewrap lab status`",
        ) from error
    return Place({kind: f"/proc/{init}/ns/{kind}" for kind in _HOST}, own_root=True)


def _only_vpc(fabric: Fabric) -> str:
    if len(fabric.vpc_ids) == 1:
        return fabric.vpc_ids[0]
    raise LabError(
        f"{len(fabric.vpc_ids)} VPCs have hosts",
        cause=f"they are: {', '.join(fabric.vpc_ids)}" if fabric.vpc_ids else "no instance runs yet",
        advice="name the VPC by its id" if fabric.vpc_ids else "apply a spec, or run an instance",
    )

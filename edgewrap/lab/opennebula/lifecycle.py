"""The life of a VM: deployed, migrated, powered off, terminated. Nothing runs; only states and history change."""

from __future__ import annotations

import uuid

from edgewrap.lab.opennebula import addresses, datastores, hosts
from edgewrap.lab.opennebula.auth import require
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.disks import common_clusters
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.machines import ACTIVE, DONE, HOLD, KIND, PENDING, POWEROFF
from edgewrap.lab.opennebula.records import Datastore, History, Host, Machine, User
from edgewrap.lab.opennebula.template import Value

calls = Calls()

_STATES = ("INIT", "PENDING", "HOLD", "ACTIVE", "STOPPED", "SUSPENDED", "DONE", "FAILED", "POWEROFF", "UNDEPLOYED")
_BOOT, _RUNNING, _MIGRATE, _SHUTDOWN_POWEROFF, _EPILOG, _UNKNOWN = 2, 3, 4, 18, 11, 16
_LIVE_MIGRATE, _MIGRATION = 2, 1
_POWEROFF_ACTION, _POWEROFF_HARD, _TERMINATE, _TERMINATE_HARD, _BY_MONITORING = 19, 20, 27, 28, 44
_ACTIONS = frozenset({"poweroff", "poweroff-hard", "resume", "terminate", "terminate-hard", "release", "hold"})


@calls.method("one.vm.deploy")
def deploy(one: FrontEnd, user: User, number: int, host_id: int, _enforce: bool = False, datastore_id: int = -1) -> int:
    """Start a waiting VM on a host; datastore -1 is the first system datastore of the host's cluster."""
    machine = KIND.owned(one, user, number, "ADMIN")
    host = hosts.KIND.find(one, host_id)
    require(user, "MANAGE", "HOST", host)
    if machine.state not in (PENDING, HOLD):
        raise Refusal(Code.ACTION, f"Deploy action is not available for state {_STATES[machine.state]}")
    datastore = _system_datastore(one, host, datastore_id)
    transfer = datastore.template.get("TM_MAD")
    system: dict[str, Value] = {"TM_MAD_SYSTEM": transfer}
    os = next(iter(machine.template.vectors("OS")), {}) | {"UUID": str(uuid.uuid4())}
    if one.release.machine_type:
        os = {"MACHINE": one.release.machine_type} | os
    now = one.now
    stay = _stay(host, datastore, now).model_copy(update={"prolog_start": now, "prolog_end": now})
    _go(
        one,
        machine.model_copy(
            update={
                "template": machine.template.with_(system | {"OS": os}),
                "deploy_id": f"{host.name}:{machine.name}:dummy",
                "history": (*machine.history, stay),
            }
        ),
        (ACTIVE, _BOOT),
        (ACTIVE, _RUNNING),
    )
    return number


def _system_datastore(one: FrontEnd, host: Host, number: int) -> Datastore:
    if number != -1:
        return datastores.KIND.find(one, number)
    for datastore in one.store.all(Datastore):
        if host.cluster_id in datastore.clusters and datastore.template.get("TYPE") == "SYSTEM_DS":
            return datastore
    raise Refusal(Code.ACTION, f"There are no system datastores in cluster {host.cluster_id}.")


def _stay(host: Host, datastore: Datastore, now: int) -> History:
    return History(
        host_id=host.id,
        hostname=host.name,
        cluster_id=host.cluster_id,
        datastore_id=datastore.id,
        vm_mad=host.vm_mad,
        tm_mad=datastore.template.get("TM_MAD"),
        start=now,
        running_start=now,
    )


def _go(one: FrontEnd, machine: Machine, now: tuple[int, int], then: tuple[int, int]) -> None:
    """The VM is in one state now, and in another one soon."""
    change = {"state": now[0], "lcm_state": now[1], "next_state": then, "due": one.soon()}
    one.store.put(machine.model_copy(update=change))


@calls.method("one.vm.migrate")
def migrate(
    one: FrontEnd,
    user: User,
    number: int,
    host_id: int,
    live: bool,
    _enforce: bool = False,
    datastore_id: int = -1,
) -> int:
    """Move a running VM to another host."""
    machine = KIND.owned(one, user, number, "ADMIN")
    host = hosts.KIND.find(one, host_id)
    require(user, "MANAGE", "HOST", host)
    if (machine.state, machine.lcm_state) != (ACTIVE, _RUNNING):
        raise Refusal(Code.ACTION, f"Migrate action is not available for state {_STATES[machine.state]}")
    here = machine.history[-1]
    datastore = datastores.KIND.find(one, here.datastore_id if datastore_id == -1 else datastore_id)
    if (host.id, datastore.id) == (here.host_id, here.datastore_id):
        also = f" and datastore [{datastore.id}]" if one.release.migration_datastore else ""
        raise Refusal(Code.ACTION, f"VM is already running on host [{host.id}]{also}")
    clusters = common_clusters(machine.template.vectors("DISK"), machine.template.vectors("NIC"))
    if clusters and str(host.cluster_id) not in clusters:
        raise Refusal(
            Code.ACTION,
            f"Cannot migrate  VM [{number}] to host [{host.id}]. Host is in cluster [{host.cluster_id}], and VM "
            f"requires to be placed on cluster [{','.join(clusters)}]",
        )
    now = one.now
    done = _ended(one, here, user, _LIVE_MIGRATE if live else _MIGRATION).model_copy(
        update={"end": now, "running_end": now}
    )
    needs = machine.template.get("AUTOMATIC_DS_REQUIREMENTS")
    transfer = f'(TM_MAD = "{here.tm_mad}")'
    if needs and transfer not in needs:
        needs = f"{needs} & {transfer}"
    template = machine.template.with_({"AUTOMATIC_DS_REQUIREMENTS": needs}) if needs else machine.template
    history = (*machine.history[:-1], done, _stay(host, datastore, now))
    moved = machine.model_copy(update={"template": template, "history": history})
    _go(one, moved, (ACTIVE, _MIGRATE), (ACTIVE, _RUNNING))
    return number


def _ended(one: FrontEnd, stay: History, user: User, action: int) -> History:
    """The stay, with who ended it and how."""
    one.requests += 1
    return stay.model_copy(update={"action": action, "uid": user.id, "gid": user.gid, "request_id": one.requests})


@calls.method("one.vm.action")
def action(one: FrontEnd, user: User, name: str, number: int) -> int:
    """Power off, resume or terminate a VM, hold or release one that waits."""
    if name not in _ACTIONS:
        raise Refusal(Code.ACTION, f'Action "{name}" is not supported')
    machine = KIND.owned(one, user, number, "MANAGE")
    running = (machine.state, machine.lcm_state) == (ACTIVE, _RUNNING)
    if name in ("hold", "release"):
        _expect(name, machine, machine.state == (PENDING if name == "hold" else HOLD))
        one.store.put(machine.model_copy(update={"state": HOLD if name == "hold" else PENDING}))
    elif name.startswith("poweroff"):
        _expect(name, machine, running)
        code = _POWEROFF_HARD if name.endswith("-hard") else _POWEROFF_ACTION
        stay = _ended(one, machine.history[-1], user, code).model_copy(update={"running_end": one.now})
        _go(one, _with_last(machine, stay), (ACTIVE, _SHUTDOWN_POWEROFF), (POWEROFF, 0))
    elif name == "resume":
        _expect(name, machine, machine.state == POWEROFF)
        stay = machine.history[-1].model_copy(update={"running_start": one.now, "running_end": 0, "action": 0})
        _go(one, _with_last(machine, stay), (ACTIVE, _BOOT), (ACTIVE, _RUNNING))
    else:
        _terminate(one, user, machine, name, running)
    return number


def _terminate(one: FrontEnd, user: User, machine: Machine, name: str, running: bool) -> None:
    running = running or (machine.state, machine.lcm_state) == (ACTIVE, _UNKNOWN)
    _expect(name, machine, running or machine.state in (PENDING, HOLD, POWEROFF))
    now = one.now
    if not machine.history:
        _finished(one, machine)
        return
    hard = name.endswith("-hard") and running
    stay = _ended(one, machine.history[-1], user, _TERMINATE_HARD if hard else _TERMINATE)
    stay = stay.model_copy(update={"epilog_start": now, "running_end": stay.running_end or now})
    _go(one, _with_last(machine, stay), (ACTIVE, _EPILOG), (DONE, 0))


def _expect(name: str, machine: Machine, fits: bool) -> None:
    if not fits:
        state = _STATES[machine.state]
        raise Refusal(Code.ACTION, f'Error performing action "{name}": This action is not available for state {state}')


def _with_last(machine: Machine, stay: History) -> Machine:
    return machine.model_copy(update={"history": (*machine.history[:-1], stay)})


def _finished(one: FrontEnd, machine: Machine) -> None:
    """The VM is DONE: its stay is over, its leases are free."""
    now = one.now
    if machine.history:
        machine = _with_last(machine, machine.history[-1].model_copy(update={"end": now, "epilog_end": now}))
    for nic in machine.template.vectors("NIC"):
        addresses.release(one, int(nic["NETWORK_ID"]), "VM", machine.id)
    change = {"state": DONE, "lcm_state": 0, "next_state": None, "due": 0.0, "ended": now}
    one.store.put(machine.model_copy(update=change))


@calls.method("lab.vm.report")
def report(one: FrontEnd, user: User, number: int, found: str) -> int:
    """The monitoring result of a VM that no longer runs: POWEROFF, or UNKNOWN if its host does not answer.

    Only the lab has this call. A real front-end gets this from the agents on the hosts.
    """
    machine = KIND.owned(one, user, number, "ADMIN")
    if found not in ("POWEROFF", "UNKNOWN"):
        raise Refusal(Code.API, f"A VM cannot be found {found}")
    if machine.state != ACTIVE or machine.lcm_state not in (_BOOT, _RUNNING, _MIGRATE, _UNKNOWN):
        return number  # it is changing to another state, or is in this one already
    change: dict[str, object] = {"next_state": None, "due": 0.0, "lcm_state": _UNKNOWN}
    if found == "POWEROFF":
        stay = machine.history[-1].model_copy(update={"running_end": one.now, "action": _BY_MONITORING})
        machine = _with_last(machine, stay)
        change |= {"state": POWEROFF, "lcm_state": 0}
    one.store.put(machine.model_copy(update=change))
    return number


def advance(one: FrontEnd) -> None:
    """VMs change to their next state when it is due."""
    for machine in one.store.all(Machine):
        if machine.next_state is None or not one.passed(machine.due):
            continue
        if machine.next_state[0] == DONE:
            if not ends_with_drivers(one, machine):
                _finished(one, machine)
        else:
            state, lcm_state = machine.next_state
            change = {"state": state, "lcm_state": lcm_state, "next_state": None, "due": 0.0}
            one.store.put(machine.model_copy(update=change))


def ends_with_drivers(one: FrontEnd, machine: Machine) -> bool:
    """Whether a VM that is about to be DONE has addresses that a driver must free. `finish` does that, never a call
    that happens to be made then."""
    ending = machine.next_state is not None and machine.next_state[0] == DONE
    return ending and one.ipam is not None and addresses.in_ranges_with_driver(one, machine)


def finish(one: FrontEnd, number: int) -> None:
    """A VM that ends is DONE."""
    machine = one.store.get(Machine, number)
    if machine is not None and machine.next_state is not None and machine.next_state[0] == DONE:
        _finished(one, machine)

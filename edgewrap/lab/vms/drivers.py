"""OpenNebula's network drivers on a host: `pre` before a VM starts, `post` when it runs, `clean` after it has stopped.
They follow the drivers `bridge`, `fw` and `vxlan` of 7.0.2.

Links are created by name in the host's network namespace, rules with the host's own iptables and ipset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from edgewrap.errors import LabError
from edgewrap.lab import kernel
from edgewrap.lab.hosts.machine import Machine
from edgewrap.lab.vms.record import Allocation, Nic
from edgewrap.lab.vms.security_groups import (
    BOTH,
    GLOBAL_CHAIN,
    IPV4,
    SET,
    Command,
    activation,
    bootstrap,
    chain_of,
    deactivation,
)

BRIDGE, FIREWALL, VXLAN = "bridge", "fw", "vxlan"
_FILTERED = (FIREWALL, VXLAN)
_TIME_TO_LIVE = 16  # of VXLAN's packets, as OpenNebulaNetwork.conf is shipped
_FIRST_GROUP = 239 << 24  # the multicast group of VXLAN id 0: 239.0.0.0
_MARK = "# edgewrap-lab"

# Rules are removed some time after the call, and a set only when no rule uses it any more.
_SHELL = """\
set -e
destroy() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		ipset destroy "$1" 2>/dev/null && return
		sleep 0.05
	done
	ipset destroy "$1"
}
"""


def require_known(nics: Iterable[Nic]) -> None:
    """Refuse NICs whose driver the lab does not play. Raises LabError."""
    for nic in nics:
        if nic.driver not in (BRIDGE, *_FILTERED):
            raise LabError(
                f"the network {nic.network!r} cannot be used in the lab",
                cause=f"its driver is {nic.driver!r}; the lab plays {BRIDGE}, {FIREWALL} and {VXLAN}",
                advice="choose another network",
            )


async def pre(machine: Machine, nics: Iterable[Nic]) -> None:
    """Create the missing bridges, and the VXLAN devices of private networks."""
    for nic in nics:
        host = machine.namespace
        if nic.driver == VXLAN and not nic.physical:
            continue
        if nic.bridge not in await links(host):
            await kernel.ip(host, [f"link add name {nic.bridge} type bridge", f"link set {nic.bridge} up"])
        ports = await links(host, "master", nic.bridge)
        if nic.driver == VXLAN and nic.vxlan_device not in ports:
            if nic.vxlan_device not in await links(host):
                await kernel.ip(host, [vxlan_link(nic, await _endpoint(host, nic))])
            await kernel.ip(
                host, [f"link set {nic.vxlan_device} up", f"link set {nic.vxlan_device} master {nic.bridge}"]
            )
        elif nic.driver != VXLAN and nic.physical and nic.physical not in ports:
            await kernel.ip(host, [f"link set {nic.physical} master {nic.bridge}"])


async def post(machine: Machine, vm: Allocation) -> None:
    """Create the rules of the NICs' security groups; they replace existing ones."""
    filtered = [nic for nic in vm.nics if nic.driver in _FILTERED]
    await _forget(machine, vm.vm_id, filtered)
    commands = [command for nic in filtered for command in activation(vm.vm_id, nic, vm.rules)]
    if commands:
        first = [_unless_there(tool) for tool in _tools()]
        await machine.run("\n".join([_SHELL, *first, *batches(commands)]))


async def clean(machine: Machine, vm: Allocation) -> None:
    """Remove the rules, and bridges without other ports together with their VXLAN devices."""
    host = machine.namespace
    for nic in vm.nics:
        present = await links(host)
        if nic.bridge not in present or (nic.driver == VXLAN and not nic.physical):
            continue
        of_driver = {nic.physical, f"{nic.bridge}b"} | ({nic.vxlan_device} if nic.driver == VXLAN else set())
        if await links(host, "master", nic.bridge) - of_driver:
            continue
        if nic.driver == VXLAN:
            await kernel.ip(host, [f"link delete {nic.vxlan_device}"])
        await kernel.ip(host, [f"link delete {nic.bridge}"])
    await _forget(machine, vm.vm_id, [nic for nic in vm.nics if nic.driver in _FILTERED])


async def links(namespace: str, *which: str) -> set[str]:
    """The names of a namespace's interfaces: all of them, or the ports of a bridge (`master`, its name)."""
    return {link["ifname"] for link in await _listing(namespace, "link", "show", *which)}


async def mtu_of(namespace: str, name: str) -> int:
    """An interface's MTU in bytes."""
    return int((await _listing(namespace, "link", "show", "dev", name))[0]["mtu"])


def vxlan_link(nic: Nic, endpoint: str) -> str:
    """The `ip` command that creates the VXLAN device; its port is the kernel's default, 8472."""
    words = [f"link add {nic.vxlan_device} mtu {nic.mtu} type vxlan id {nic.vlan_id}"]
    if nic.vxlan_mode != "evpn":
        group = _FIRST_GROUP + int(nic.vlan_id)
        words.append(f"group {'.'.join(str(octet) for octet in group.to_bytes(4, 'big'))}")
    return " ".join([*words, f"ttl {_TIME_TO_LIVE}", endpoint, *nic.link_options])


def batches(commands: Sequence[Command]) -> list[str]:
    """Shell lines that run the commands, one process per tool; sets first, because rules use them."""
    lines = []
    added = [command.text for command in commands if command.tool == SET and not command.text.startswith("destroy ")]
    if added:
        lines += ["ipset restore <<'.'", *added, "."]
    for tool in _tools():
        rules = [command.text for command in commands if command.tool == tool]
        if rules:
            lines += [f"{tool}-restore --noflush --wait 3 <<'.'", "*filter", *rules, "COMMIT", "."]
    return lines + [command.text for command in commands if command.text.startswith("destroy ")]


async def _forget(machine: Machine, vm_id: int, nics: Sequence[Nic]) -> None:
    """Remove the rules and sets of NICs."""
    if not nics:
        return
    show = "; ".join(f"{tool} -w 3 -S; echo '{_MARK}'" for tool in _tools())
    *rules, sets = (await machine.run(f"{_SHELL}{show}; ipset list -name")).split(f"{_MARK}\n")
    listings = dict(zip(_tools(), rules, strict=True))
    commands = [command for nic in nics for command in deactivation(chain_of(vm_id, nic), listings, sets.split())]
    if commands:
        await machine.run("\n".join([_SHELL, *batches(commands)]))


@cache
def _tools() -> tuple[str, ...]:
    """The tools that the kernel supports: it may have no IPv6."""
    return BOTH if Path("/proc/sys/net/ipv6").exists() else (IPV4,)


def _unless_there(tool: str) -> str:
    made = "; ".join(f"{tool} -w 3 {command.text}" for command in bootstrap(tool))
    return f"{tool} -w 3 -S | grep -qx -e '-N {GLOBAL_CHAIN}' || {{ {made}; }}"


async def _endpoint(host: str, nic: Nic) -> str:
    """The VXLAN device's end of the tunnel: the interface, or with VXLAN_TEP = local_ip its first address."""
    if nic.vxlan_mode == "evpn" and nic.vxlan_endpoint != "dev":
        for link in await _listing(host, "address", "show", "dev", nic.physical):
            for address in link["addr_info"]:
                return f"local {address['local']}"
    return f"dev {nic.physical}"


async def _listing(namespace: str, *what: str) -> list[dict[str, Any]]:
    listing = await kernel.run("ip", "-n", namespace, "-j", *what)
    return [entry for entry in json.loads(listing or "[]") if entry]

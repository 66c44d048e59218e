"""The fabric in the kernel: namespaces, links, routes and rules that follow the desired state.

    lab's own namespace ── internet ──┬── VPC's internet gateway ── VPC's router ──┬── host's ens5
    (tool, AWS, front-end)            └── …                                       └── host's ens6 …

The lab's own namespace and `internet` have addresses for documentation (192.0.2.0/24). The internet has a route to a
public address as long as it is associated; packets to other public addresses are dropped, as on AWS. Nothing has a
route to the outside: the namespaces have no other links. A VPC has two namespaces of its own, so several VPCs can have
the same CIDR.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from edgewrap.lab import kernel
from edgewrap.lab.dns.server import NameServers
from edgewrap.lab.fabric import rules
from edgewrap.lab.fabric.desired import Port, Vpc
from edgewrap.lab.metadata.server import MetadataService

INTERNET = "internet"
TOOL_ADDRESS = "192.0.2.2"
INTERNET_ADDRESS = "192.0.2.1"
PUBLIC_RANGES = ("198.51.100.0/24", "203.0.113.0/24")
"""The ranges of the lab's public addresses."""

VPC_MTU = 9001
INTERNET_MTU = 1500

_FIRST_GATEWAY = 16  # 192.0.2.16, .17, …: the internet gateways
_GATEWAYS = 240
_ROUTER_LINK, _GATEWAY_LINK = "169.254.0.1", "169.254.0.2"
_VOID = "void"  # a bridge without ports: drops packets to public addresses that are not assigned
_LINK_LOCAL = "169.254.0.0/16"

_NO_REVERSE_PATH = {"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0"}
_ROUTER = {
    **_NO_REVERSE_PATH,
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


class _Ground:
    """One VPC's two namespaces and what was last configured in them."""

    def __init__(self, vpc_id: str, number: int) -> None:
        self.id = vpc_id
        self.number = number
        self.gateway = f"igw-{vpc_id}"
        self.link = f"vpc{number}"
        self.address = f"192.0.2.{_FIRST_GATEWAY + number}"
        self.ports: dict[str, Port] = {}
        self.loaded: dict[str, str] = {}


class Fabric:
    """The fabric of one lab. Call `prepare` once, then `follow` for each new desired state; not concurrently."""

    def __init__(self, metadata: MetadataService, names: NameServers) -> None:
        self._metadata = metadata
        self._names = names
        self._grounds: dict[str, _Ground] = {}
        self._public: dict[str, str] = {}
        self._number = itertools.count()

    @property
    def vpc_ids(self) -> tuple[str, ...]:
        """The VPCs that the fabric plays now; each is also the name of its router's namespace."""
        return tuple(self._grounds)

    async def prepare(self) -> None:
        """Create the internet and connect the lab's own namespace to it."""
        await kernel.add_namespace(INTERNET, _ROUTER)
        await kernel.ip(
            INTERNET,
            [
                f"link add {_VOID} type bridge",
                f"link set {_VOID} arp off up",
                *(f"route add {public} dev {_VOID}" for public in PUBLIC_RANGES),
            ],
        )
        await kernel.ip(
            "",
            [
                "link set lo up",
                f"link add {INTERNET} mtu {INTERNET_MTU} type veth peer name lab mtu {INTERNET_MTU} netns {INTERNET}",
                f"address add {TOOL_ADDRESS} peer {INTERNET_ADDRESS}/32 dev {INTERNET}",
                f"link set {INTERNET} up",
            ],
        )
        await kernel.ip(INTERNET, [f"address add {INTERNET_ADDRESS} peer {TOOL_ADDRESS}/32 dev lab", "link set lab up"])
        await kernel.ip("", [f"route add default via {INTERNET_ADDRESS}"])
        self._names.open_outside(TOOL_ADDRESS)

    async def follow(self, vpcs: Iterable[Vpc]) -> None:
        """Make the kernel agree with the desired state; only what differs is changed."""
        wanted = {vpc.id: vpc for vpc in vpcs}
        for vpc_id in wanted.keys() - self._grounds.keys():
            await self._break_ground(vpc_id, wanted[vpc_id].cidr)
        await asyncio.gather(*(self._shape(self._grounds[vpc.id], vpc) for vpc in wanted.values()))
        await self._publish(rules.public_routes(wanted.values()))
        for vpc_id in self._grounds.keys() - wanted.keys():
            await asyncio.to_thread(self._metadata.close, vpc_id)
            self._names.close(vpc_id)
            await self._raze(self._grounds.pop(vpc_id))

    async def counters(self) -> Mapping[str, int]:
        """Packets dropped since the lab was started, by reason, over all VPCs."""
        total = dict.fromkeys((*rules.VPC_COUNTERS, *rules.GATEWAY_COUNTERS), 0)
        namespaces = [name for ground in self._grounds.values() for name in (ground.id, ground.gateway)]
        for namespace in namespaces:
            with contextlib.suppress(kernel.KernelError):  # a VPC may have been deleted since
                for name, packets in _counters(await kernel.read_nft(namespace, "list", "counters")):
                    total[name] = total.get(name, 0) + packets
        return total

    async def _break_ground(self, vpc_id: str, cidr: str) -> None:
        ground = _Ground(vpc_id, next(self._number) % _GATEWAYS)
        await kernel.add_namespace(vpc_id, {**_ROUTER, "net/ipv4/conf/default/proxy_arp": "1"})
        await kernel.add_namespace(ground.gateway, _ROUTER)
        await kernel.ip(
            vpc_id,
            [
                f"link add {rules.TO_GATEWAY} mtu {INTERNET_MTU} type veth"
                f" peer name {rules.TO_VPC} mtu {INTERNET_MTU} netns {ground.gateway}",
                f"address add {_ROUTER_LINK} peer {_GATEWAY_LINK}/32 dev {rules.TO_GATEWAY}",
                f"link set {rules.TO_GATEWAY} up",
                f"route add blackhole {cidr}",
                f"route add blackhole {_LINK_LOCAL}",
                f"address add {rules.METADATA}/32 dev lo",
                f"address add {rules.RESOLVER}/32 dev lo",
            ],
        )
        await kernel.ip(
            ground.gateway,
            [
                f"address add {_GATEWAY_LINK} peer {_ROUTER_LINK}/32 dev {rules.TO_VPC}",
                f"link set {rules.TO_VPC} up",
                f"route add {cidr} via {_ROUTER_LINK}",
                f"link add {rules.TO_INTERNET} mtu {INTERNET_MTU} type veth"
                f" peer name {ground.link} mtu {INTERNET_MTU} netns {INTERNET}",
                f"address add {ground.address} peer {INTERNET_ADDRESS}/32 dev {rules.TO_INTERNET}",
                f"link set {rules.TO_INTERNET} up",
            ],
        )
        await kernel.ip(
            INTERNET,
            [
                f"address add {INTERNET_ADDRESS} peer {ground.address}/32 dev {ground.link}",
                f"link set {ground.link} up",
            ],
        )
        await kernel.ip(vpc_id, [f"route add default via {_GATEWAY_LINK}"])
        await kernel.ip(ground.gateway, [f"route add default via {INTERNET_ADDRESS}"])
        self._metadata.open(vpc_id)
        self._names.open_inside(vpc_id, rules.RESOLVER)
        self._grounds[vpc_id] = ground

    async def _raze(self, ground: _Ground) -> None:
        for name in ground.ports:
            await kernel.ip(ground.id, [f"link delete {name}"], force=True)
        await kernel.ip(INTERNET, [f"link delete {ground.link}"], force=True)
        await kernel.delete_namespace(ground.gateway)
        await kernel.delete_namespace(ground.id)

    async def _shape(self, ground: _Ground, vpc: Vpc) -> None:
        wanted = {port.name: port for port in vpc.ports}
        gone = [name for name, port in ground.ports.items() if name not in wanted or wanted[name].wire != port.wire]
        if gone:
            await kernel.ip(ground.id, [f"link delete {name}" for name in gone], force=True)
        for name in gone:
            del ground.ports[name]
        # Rules before ports, so that no packet passes unchecked. Routes to a removed port were deleted with its link.
        await self._load(ground, ground.gateway, rules.gateway_rules(vpc))
        await self._load(ground, ground.id, rules.vpc_rules(vpc))
        stayed = {name: port for name, port in wanted.items() if name in ground.ports}
        moves = [_moved(port, ground.ports[name].secondary) for name, port in stayed.items()]
        # An address may move from one port to another: remove before you add.
        await kernel.ip(ground.id, [command for gone, _ in moves for command in gone])
        await kernel.ip(ground.id, [command for _, come in moves for command in come])
        ground.ports = stayed
        await self._plug(ground, [port for name, port in wanted.items() if name not in stayed])

    async def _plug(self, ground: _Ground, ports: list[Port]) -> None:
        """Connect all ports in one batch; if that fails, one by one, so that one bad port does not block the others."""
        try:
            await kernel.ip(ground.id, [command for port in ports for command in _plug(port)])
        except kernel.KernelError:
            if len(ports) == 1:
                await kernel.ip(ground.id, [f"link delete {ports[0].name}"], force=True)
                raise
            await kernel.ip(ground.id, [f"link delete {port.name}" for port in ports], force=True)
            for port in ports:
                await self._plug(ground, [port])
            return
        # By default, a new link delays its replies to ARP for others' addresses by up to 0.8 s.
        kernel.write_sysctls(ground.id, {f"net/ipv4/neigh/{port.name}/proxy_delay": "0" for port in ports})
        ground.ports |= {port.name: port for port in ports}

    async def _load(self, ground: _Ground, namespace: str, ruleset: str) -> None:
        if ground.loaded.get(namespace) != ruleset:
            await kernel.nft(namespace, ruleset)
            ground.loaded[namespace] = ruleset

    async def _publish(self, public: Mapping[str, str]) -> None:
        links = {address: self._grounds[vpc_id] for address, vpc_id in public.items()}
        commands = [f"route delete {address}/32" for address in self._public if address not in links] + [
            f"route replace {address}/32 via {ground.address} dev {ground.link}"
            for address, ground in links.items()
            if self._public.get(address) != ground.id
        ]
        await kernel.ip(INTERNET, commands)
        self._public = dict(public)


def _plug(port: Port) -> list[str]:
    return [
        f"link add {port.name} mtu {VPC_MTU} type veth"
        f" peer name {port.nic} mtu {VPC_MTU} address {port.mac} netns {port.namespace}",
        f"address add {port.router}/32 dev {port.name}",
        f"link set {port.name} up",
        # As on AWS, the router knows where an address is without ARP.
        f"neighbour replace {port.primary} lladdr {port.mac} dev {port.name} nud permanent",
        f"route replace {port.primary}/32 dev {port.name}",
        *(_secondary_route(port, address) for address in port.secondary),
    ]


def _moved(port: Port, before: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The commands for the secondary addresses that were removed, and for those that were added."""
    gone, come = set(before) - set(port.secondary), [address for address in port.secondary if address not in before]
    return (
        [f"route delete {address}/32 dev {port.name}" for address in sorted(gone)],
        [_secondary_route(port, address) for address in come],
    )


def _secondary_route(port: Port, address: str) -> str:
    return f"route replace {address}/32 via {port.primary} dev {port.name} onlink"


def _counters(listing: str) -> Iterable[tuple[str, int]]:
    entries: list[dict[str, Any]] = json.loads(listing)["nftables"]
    return [(entry["counter"]["name"], entry["counter"]["packets"]) for entry in entries if "counter" in entry]

"""BGP-EVPN between the hosts: who talks to whom, and FRR's two files.

The reflectors are the living hosts with the lowest indexes; they talk to every host, the others to the reflectors only.
Of two that talk, the one with the higher index is the other's client, whatever either is: so a host that becomes a
reflector, or no longer is one, only gains or loses neighbours, and no session that stays is reset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from edgewrap.outputs import HostOutput
from edgewrap.spec.models import Evpn

PEERS = "hosts"  # the peer group of all neighbours
KEEPALIVE_S, HOLD_S, CONNECT_S = 3, 9, 2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another host's primary address. `client`: what comes from it is reflected to every other neighbour, and what
    comes from others to it."""

    address: str
    client: bool


@dataclass(frozen=True, slots=True)
class Bgp:
    """BGP on one host; `address` is its primary one, and its router id."""

    asn: int
    address: str
    neighbours: tuple[Neighbour, ...]
    password: SecretStr | None = None


def reflectors_of(evpn: Evpn, hosts: Mapping[str, HostOutput]) -> frozenset[str]:
    """The keys of the hosts that reflect: fewer than wanted where there are fewer hosts."""
    return frozenset(sorted(hosts, key=lambda key: hosts[key].index)[: evpn.reflectors])


def bgp_of(evpn: Evpn, hosts: Mapping[str, HostOutput], reflectors: Collection[str], key: str) -> Bgp:
    """BGP on the host `key`, one of `hosts`."""
    here = hosts[key]
    others = sorted((host for host in hosts.values() if host.key != key), key=lambda host: host.index)
    return Bgp(
        asn=evpn.asn,
        address=here.private_address,
        neighbours=tuple(
            Neighbour(host.private_address, client=host.index > here.index)
            for host in others
            if key in reflectors or host.key in reflectors
        ),
        password=evpn.password,
    )


def frr_conf(bgp: Bgp) -> str:
    """The text of frr.conf. Nothing is left to FRR's defaults, which differ between its profiles."""
    return "".join(f"{line}\n" for line in _frr_lines(bgp))


def frr_daemons(bgp: Bgp) -> str:
    """The text of FRR's file `daemons`: zebra always runs, and bgpd, which listens on the primary address alone."""
    return (
        "bgpd=yes\n"
        "vtysh_enable=yes\n"
        'zebra_options="  -A 127.0.0.1 -s 90000000"\n'
        f'bgpd_options="   -A 127.0.0.1 -l {bgp.address}"\n'
        'staticd_options="-A 127.0.0.1"\n'
    )


def _frr_lines(bgp: Bgp) -> Iterator[str]:
    yield "log syslog informational"
    yield f"router bgp {bgp.asn}"
    yield f" bgp router-id {bgp.address}"
    yield f" bgp cluster-id {bgp.address}"
    yield " no bgp default ipv4-unicast"
    yield f" neighbor {PEERS} peer-group"
    yield f" neighbor {PEERS} remote-as {bgp.asn}"
    if bgp.password is not None:
        yield f" neighbor {PEERS} password {bgp.password.get_secret_value()}"
    yield f" neighbor {PEERS} update-source {bgp.address}"
    yield f" neighbor {PEERS} timers {KEEPALIVE_S} {HOLD_S}"
    yield f" neighbor {PEERS} timers connect {CONNECT_S}"
    for neighbour in bgp.neighbours:
        yield f" neighbor {neighbour.address} peer-group {PEERS}"
    yield " address-family l2vpn evpn"
    yield f"  neighbor {PEERS} activate"
    for neighbour in bgp.neighbours:
        if neighbour.client:
            yield f"  neighbor {neighbour.address} route-reflector-client"
    yield "  advertise-all-vni"
    yield " exit-address-family"
    yield "exit"

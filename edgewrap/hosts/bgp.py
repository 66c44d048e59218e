"""BGP-EVPN between the hosts: which hosts are neighbours.

The reflectors are the hosts with the lowest indexes. They are neighbours of every host, the others of the reflectors
only. Of two neighbours, the one with the higher index is the other's client, whether it is a reflector or not. So a
host that becomes a reflector, or stops being one, only gains or loses neighbours; no other session is reset.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from edgewrap.outputs import HostOutput
from edgewrap.spec.models import Evpn


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another host's primary address. `client`: routes that it sends are reflected to every other neighbour, and those
    of all others to it."""

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
    """The keys of the reflectors: at most as many as there are hosts."""
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

"""What a rule of the VMs' security group allows, and its key, which says so. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from edgewrap.spec.formats import canonical_ports, port_range

_KEY = re.compile(r"vms-(ingress|egress)-(tcp|udp|icmp|all)-(all|[0-9]+(?:-[0-9]+)?)-([0-9.]+/[0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RuleMeaning:
    """One direction, protocol (as in the spec), range of ports and network. All ports are 0 to 65535."""

    direction: str
    protocol: str
    low: int
    high: int
    cidr: IPv4Network

    @property
    def key(self) -> str:
        """The `for_each` key of the rule, the same however the spec spells it."""
        return f"vms-{self.direction}-{self.protocol}-{canonical_ports(self.low, self.high)}-{self.cidr}"

    def overlaps(self, other: RuleMeaning) -> bool:
        """Whether some packet is allowed by both; rules of different protocols are never compared."""
        return (
            (self.direction, self.protocol) == (other.direction, other.protocol)
            and self.low <= other.high
            and other.low <= self.high
            and self.cidr.overlaps(other.cidr)
        )


def meaning_of(key: str) -> RuleMeaning | None:
    """The meaning of a key, also of one that an earlier edgewrap made from the spec's spelling (`443-443`, `0443`);
    None if it is not the key of a VM rule."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    direction, protocol, ports, cidr = found.groups()
    try:
        return RuleMeaning(direction, protocol, *port_range(ports), IPv4Network(cidr))
    except ValueError:
        return None


def canonical_key(key: str) -> str:
    """The key that a rule has now; any other key unchanged."""
    meaning = meaning_of(key)
    return key if meaning is None else meaning.key

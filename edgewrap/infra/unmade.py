"""What was decided for a cluster and is not made: only what stands holds on to what was decided for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from edgewrap.infra.lost import INSTANCE, KEY_PAIR, SUBNET, VPC

VPC_KEY, SUBNET_KEY, KEY_PAIR_KEY = "vpc", "subnet", "key-pair"


def unmade(hosts: Iterable[str], addresses: Collection[str]) -> frozenset[str]:
    """The keys of what a state that holds `addresses` lacks of `hosts`, VPC, subnet and key pair."""
    wanted = {VPC_KEY: VPC, SUBNET_KEY: SUBNET, KEY_PAIR_KEY: KEY_PAIR, **{key: INSTANCE.format(key) for key in hosts}}
    return frozenset(key for key, address in wanted.items() if address not in addresses)

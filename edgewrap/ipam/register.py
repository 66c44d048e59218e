"""A range gets an Elastic IP, or returns it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from edgewrap.aws.elastic_ips import ElasticIp, ElasticIps
from edgewrap.errors import IpamError
from edgewrap.ipam.specs import CLUSTER_ATTRIBUTE

DRIVER = "edgewrap"
MASK = "255.255.255.254"  # an address and its gateway
ALLOCATION, KEY = "AWS_ALLOCATION_ID", "EDGEWRAP_KEY"
_OF_THE_FRONT_END = frozenset({"AR_ID", "MAC", "MAC_END", "IP_END", "USED_LEASES", "NEXT_INDEX", "SHARED", "LEASES"})


def register(attributes: Mapping[str, str], addresses: ElasticIps, cluster: str) -> dict[str, str]:
    """The whole range: with a new Elastic IP, or with the one of the cluster that it names.

    If anything fails, what was allocated is released. Raises IpamError and AwsError.
    """
    if attributes.get("SIZE", "1") != "1":
        raise IpamError(
            f"a range of size {attributes['SIZE']} is not possible",
            cause="each Elastic IP has a gateway of its own, so it is a range of its own",
            advice="request ranges with SIZE = 1, one for each Elastic IP",
        )
    if attributes.get(ALLOCATION) or attributes.get(KEY):
        return _complete(attributes, cluster, *_named(attributes, addresses))
    if attributes.get("IP"):
        raise IpamError(
            f"the address {attributes['IP']} cannot be requested",
            cause="AWS and the driver choose the addresses of a range",
            advice=f"leave IP out, or name an Elastic IP of the cluster by {ALLOCATION}",
        )
    request = str(uuid4())
    try:
        made, place = addresses.request(request)
    except BaseException as error:
        _undo(addresses, request, error)
        raise
    return _complete(attributes, cluster, made, place.address)


def unregister(attributes: Mapping[str, str], addresses: ElasticIps) -> None:
    """Release the Elastic IP of a range, if the driver requested it. One of the spec is Terraform's.

    The range's private address decides: unlike its other attributes, nobody can change it.
    """
    found = addresses.at(attributes.get("IP", ""))
    if found is None:  # never associated, or disassociated by someone
        found = addresses.allocated(attributes.get(ALLOCATION, "")) if attributes.get(ALLOCATION) else None
        if found is not None and found.association_id:
            found = None  # it serves another range
    if found is not None and found.by_driver:
        addresses.release(found)


def _named(attributes: Mapping[str, str], addresses: ElasticIps) -> tuple[ElasticIp, str]:
    """The Elastic IP that a range names, and its private address."""
    allocation, key = attributes.get(ALLOCATION, ""), attributes.get(KEY, "")
    named = addresses.allocated(allocation) if allocation else next(iter(addresses.find(key=key)), None)
    if named is None or (key and named.key != key) or not named.private_address:
        raise IpamError(
            f"{allocation or key} is not an Elastic IP of this cluster",
            cause="there is none with this id and key, or it is not associated with an address of the cluster",
            advice=f"leave {ALLOCATION} and {KEY} out to get a new one",
        )
    if attributes.get("IP", named.private_address) != named.private_address:
        raise IpamError(
            f"{named.key} has the address {named.private_address}, not {attributes['IP']}",
            cause="each Elastic IP has one private address",
            advice="leave IP out",
        )
    return named, named.private_address


def _complete(attributes: Mapping[str, str], cluster: str, one: ElasticIp, address: str) -> dict[str, str]:
    """The attributes of the request, and those that a VM needs."""
    kept = {name: value for name, value in attributes.items() if name not in _OF_THE_FRONT_END}
    return {
        **kept,
        "TYPE": "IP4",
        "IP": address,
        "SIZE": "1",
        "GATEWAY": _next(address),
        "NETWORK_MASK": MASK,
        "EXTERNAL_IP": one.public_address,
        ALLOCATION: one.allocation_id,
        KEY: one.key,
        CLUSTER_ATTRIBUTE: cluster,
        "IPAM_MAD": attributes.get("IPAM_MAD", DRIVER),
    }


def _next(address: str) -> str:
    """The odd address after an even one. The last number of an even address is at most 254."""
    start, _, last = address.rpartition(".")
    return f"{start}.{int(last) + 1}"


def _undo(addresses: ElasticIps, request: str, error: BaseException) -> None:
    """Release what the failed request allocated; if that fails too, say so in the error."""
    try:
        addresses.undo(request)
    except BaseException:
        left = f"an Elastic IP with the tag edgewrap:request={request} may be left"
        error.add_note(f"{left}, and is billed until the next `edgewrap apply` releases it")

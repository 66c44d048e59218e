"""A range gets an Elastic IP, or returns it.

Whoever owns a network may change almost every attribute of its ranges (`one.vn.update_ar`), and add attributes when it
is made. So nothing that a range says decides about an Elastic IP, except its IP, which the front-end never changes, and
the unguessable id of its own request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import uuid4

from edgewrap.aws.elastic_ips import ElasticIps
from edgewrap.errors import IpamError
from edgewrap.ipam.specs import CLUSTER_ATTRIBUTE

DRIVER = "edgewrap"
MASK = "255.255.255.254"  # an address and its gateway
REQUEST = "EDGEWRAP_REQUEST"
_OURS = ("AWS_ALLOCATION_ID", "EDGEWRAP_KEY", "EXTERNAL_IP", "GATEWAY", "IP", REQUEST)
_OF_THE_FRONT_END = frozenset({"AR_ID", "MAC", "MAC_END", "IP_END", "USED_LEASES", "NEXT_INDEX", "SHARED", "LEASES"})
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def register(attributes: Mapping[str, str], addresses: ElasticIps, cluster: str, request: str) -> dict[str, str]:
    """The whole range, with a new Elastic IP. `request` is a new UUID.

    If anything fails, what was allocated is released. Raises IpamError and AwsError.
    """
    size = attributes.get("SIZE", "1").strip()
    if size != "1":
        raise IpamError(
            f"a range of size {size} is not possible",
            cause="each Elastic IP has a gateway of its own, so it is a range of its own",
            advice="request ranges with SIZE = 1, one for each Elastic IP",
        )
    named = [name for name in _OURS if attributes.get(name)]
    if named:
        raise IpamError(
            f"a range cannot choose its {' and '.join(named)}",
            cause="the driver and AWS choose the addresses of a range",
            advice="leave them out",
        )
    try:
        made, place = addresses.request(request)
    except BaseException as error:
        undo(addresses, request, error)
        raise
    return {
        **{name: value for name, value in attributes.items() if name not in _OF_THE_FRONT_END},
        "TYPE": "IP4",
        "IP": place.address,
        "SIZE": "1",
        "GATEWAY": place.gateway,
        "NETWORK_MASK": MASK,
        "EXTERNAL_IP": made.public_address,
        "AWS_ALLOCATION_ID": made.allocation_id,
        "EDGEWRAP_KEY": place.key,
        REQUEST: request,
        CLUSTER_ATTRIBUTE: cluster,
        "IPAM_MAD": attributes.get("IPAM_MAD", DRIVER),
    }


def new_request() -> str:
    """The id of a request: nobody can guess it."""
    return str(uuid4())


def unregister(attributes: Mapping[str, str], addresses: ElasticIps) -> None:
    """Release the Elastic IP that the driver has requested for this range: it is at the range's IP, and has the id of
    its request. Any other is left alone. Without that id (its owner has removed it) a later apply releases the Elastic
    IP, once no range has its address."""
    request = attributes.get(REQUEST, "")
    if not _UUID.fullmatch(request):
        return
    for one in addresses.find(request=request):
        if one.by_driver and one.private_address in ("", attributes.get("IP")):
            addresses.release(one)


def undo(addresses: ElasticIps, request: str, error: BaseException) -> None:
    """Release what a failed request allocated; if that fails too, say so in the error."""
    try:
        addresses.undo(request)
    except BaseException:
        left = f"an Elastic IP with the tag edgewrap:request={request} may be left"
        error.add_note(f"{left} and is billed: `edgewrap plan` shows it")

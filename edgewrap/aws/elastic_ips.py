"""The Elastic IPs that the IPAM driver requests: which place is free, allocate, associate, release.

AWS is the arbiter. An address is associated without reassociation, so of two requests for one place one is refused and
takes the next. Every address carries the tag `edgewrap:request` of its request, so that one whose answer got lost is
found again, and `edgewrap:requested`, the time (UTC).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from edgewrap.aws.clients import CLUSTER_TAG, KEY_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.forms import ALLOCATION_ID, address
from edgewrap.counted import counted
from edgewrap.errors import AwsError, IpamError
from edgewrap.outputs import BY_DRIVER
from edgewrap.poll import until
from edgewrap.spec.addressing import active_indexes, block, eip_place, ipam_number, ipam_place, pair
from edgewrap.spec.models import Spec

REQUEST_TAG, TIME_TAG = "edgewrap:request", "edgewrap:requested"
_DRIVER_KEY = re.compile(rf"{BY_DRIVER}(0|[1-9][0-9]{{0,4}})", re.ASCII)
_GROUP_KEY = re.compile(r"group-(?:0|[1-9][0-9]?)", re.ASCII)

TAKEN = "Resource.AlreadyAssociated"
UNKNOWN_ADDRESS = ("InvalidAllocationID.NotFound", "InvalidAddressID.NotFound")
GONE = (*UNKNOWN_ADDRESS, "InvalidAssociationID.NotFound")
PAUSE_S = 0.5
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MOST_VALUES = 200  # of one filter
APPEARS_S = 10.0  # until AWS knows an address that it has just allocated


@dataclass(frozen=True, slots=True)
class ElasticIp:
    """One Elastic IP as AWS has it. `private_address` and `association_id` are empty if it is not associated;
    `requested` is empty if the IPAM driver did not request it."""

    key: str
    allocation_id: str
    public_address: str
    private_address: str
    association_id: str
    requested: str

    @property
    def by_driver(self) -> bool:
        """Whether the IPAM driver requested it, rather than the spec."""
        return self.key.startswith(BY_DRIVER)


@dataclass(frozen=True, slots=True)
class FreePlace:
    """A free place for an Elastic IP: the interface of a group, and the addresses of a pair."""

    key: str
    interface_id: str
    address: str
    gateway: str


class ElasticIps:
    """The Elastic IPs of one cluster in AWS. All methods raise AwsError."""

    def __init__(self, spec: Spec, clients: Clients) -> None:
        self._spec = spec
        self._clients = clients
        self._asked = False  # whether an Elastic IP may have been allocated

    def find(self, **filters: str) -> tuple[ElasticIp, ...]:
        """The cluster's Elastic IPs with these tags (`uuid="…"` for `edgewrap:uuid`), in the order of their keys."""
        own = {f"tag:edgewrap:{name}": value for name, value in filters.items()}
        return self._describe(_filters({f"tag:{CLUSTER_TAG}": self._spec.name, **own}))

    def by_driver(self, uuid: str, allocation_ids: Collection[str]) -> tuple[ElasticIp, ...]:
        """Those that the driver requested for the cluster with this UUID, and those with these allocation ids, whatever
        their tags are by now."""
        found = {one.allocation_id: one for one in self.find(uuid=uuid) if one.by_driver}
        left = sorted({*allocation_ids} - found.keys())
        for first in range(0, len(left), MOST_VALUES):
            known = self._describe([{"Name": "allocation-id", "Values": left[first : first + MOST_VALUES]}])
            found |= {one.allocation_id: one for one in known}
        return tuple(found.values())

    def request(self, request: str) -> tuple[ElasticIp, FreePlace]:
        """Allocate an Elastic IP and associate it with a free pair. `request` is unique: `undo` finds by it whatever
        was allocated, even if this method was interrupted. Raises IpamError if no pair is free."""
        uuid, places = self._free_places()
        allocated: ElasticIp | None = None
        for place in places:
            if allocated is None:
                allocated = self._allocate(place.key, uuid, request)
            else:
                self._rename(allocated, place.key)
            if self._associate(allocated, place):
                return allocated, place
        raise IpamError(
            f"no Elastic IP is free: every pair of {self._spec.name} is in use",
            cause="each interface group is one interface, which has a fixed number of addresses",
            advice="remove address ranges that nobody uses, or retire Elastic IPs of the spec (`edgewrap status`)",
        )

    def free_pairs(self) -> int:
        """How many more can be requested."""
        return sum(1 for _ in self._free_places()[1])

    def check_rights(self) -> None:
        """Raises AwsError if these credentials may not allocate Elastic IPs."""
        try:
            with self._clients.translate_errors():
                self._clients.ec2_once.allocate_address(Domain="vpc", DryRun=True)
        except AwsError as error:
            if error.code != "DryRunOperation":
                raise

    def undo(self, request: str) -> None:
        """Release whatever a request has allocated; no calls if it did not get that far."""
        for one in self.find(request=request) if self._asked else ():
            self.release(one)

    def release(self, one: ElasticIp) -> None:
        """Disassociate and release. One that no longer exists is fine."""
        if one.association_id:
            self._unless_gone("disassociate_address", AssociationId=one.association_id)
        self._unless_gone("release_address", AllocationId=one.allocation_id)

    def _describe(self, filters: Any) -> tuple[ElasticIp, ...]:
        with self._clients.translate_errors():
            found = map(elastic_ip, self._clients.ec2.describe_addresses(Filters=filters)["Addresses"])
            return tuple(sorted(found, key=lambda one: (one.key, one.allocation_id)))

    def _free_places(self) -> tuple[str, Iterator[FreePlace]]:
        """The cluster's UUID, and its free pairs: each time the highest of the group that has the most."""
        uuid, interfaces, pairs = self._groups()
        subnet, count = self._subnet(), self._spec.public_network.groups
        most = max((number for _, number in pairs), default=-1) + 1
        spec = self._spec.public_network.elastic_ips
        reserved = {eip_place(index, count) for index in active_indexes(spec.count, spec.retired)}
        numbers = (driver_number(one.key) for one in self.find(uuid=uuid))
        reserved |= {ipam_place(number, count, most) for number in numbers if number is not None}
        free: dict[int, list[int]] = {index: [] for index in interfaces}
        for index, number in sorted(place for place, taken in pairs.items() if not taken and place not in reserved):
            free[index].append(number)

        def places() -> Iterator[FreePlace]:
            while any(free.values()):
                index = max(free, key=lambda group: (len(free[group]), -group))
                number = free[index].pop()
                found = pair(block(subnet, count, index), number)
                key = f"{BY_DRIVER}{ipam_number(index, number, count, most)}"
                yield FreePlace(key, interfaces[index], str(found.address), str(found.gateway))

        return uuid, places()

    def _groups(self) -> tuple[str, dict[int, str], dict[tuple[int, int], bool]]:
        """The cluster's UUID, the interface of each group by index, and for each pair (group and number) whether it
        has an Elastic IP. Raises IpamError if the cluster is not in AWS, or is not the one of the spec."""
        name, subnet, count = self._spec.name, self._subnet(), self._spec.public_network.groups
        with self._clients.translate_errors():
            pages = self._clients.ec2.get_paginator("describe_network_interfaces")
            answers = pages.paginate(Filters=_filters({f"tag:{CLUSTER_TAG}": name}))
            found = [(item, tags_of(item.get("TagSet", []))) for page in answers for item in page["NetworkInterfaces"]]
            groups = [(item, tags) for item, tags in found if _GROUP_KEY.fullmatch(tags.get(KEY_TAG, ""))]
            uuids = {tags.get(UUID_TAG, "") for _, tags in groups}
            if len(uuids) != 1:
                raise IpamError(
                    f"{len(uuids) or 'no'} clusters named {name} have interface groups in {self._spec.aws.region}",
                    cause="the spec on the front-end is another cluster's, or it is not applied yet",
                    advice="an administrator runs `edgewrap apply`, and `edgewrap ipam install` with the applied spec",
                )
            interfaces: dict[int, str] = {}
            pairs: dict[tuple[int, int], bool] = {}
            for item, tags in groups:
                index = int(tags[KEY_TAG].removeprefix("group-"))
                own = block(subnet, count, index) if index < count else subnet
                if item["PrivateIpAddress"] != str(own.network_address):
                    raise _another_spec(name, f"group-{index} has the address {item['PrivateIpAddress']} in AWS")
                interfaces[index] = item["NetworkInterfaceId"]
                first = int(pair(own, 0).address)
                for each in item["PrivateIpAddresses"]:
                    offset = int(IPv4Address(each["PrivateIpAddress"])) - first
                    if offset >= 0:
                        pairs[index, offset // 2] = bool(each.get("Association"))
        if len(interfaces) != count:
            raise _another_spec(name, f"AWS has {len(interfaces)} of its {counted(count, 'interface group')}")
        return uuids.pop(), interfaces, pairs

    def _subnet(self) -> IPv4Network:
        """The subnet's addresses. Raises IpamError if the spec leaves them to AWS."""
        if subnet := self._spec.aws.network.subnet_cidr:
            return subnet
        raise IpamError(
            f"the spec of {self._spec.name} does not have the addresses of its subnet",
            cause="the driver computes the addresses of Elastic IPs from aws.network.subnet",
            advice="an administrator writes the existing subnet's addresses there, and runs `edgewrap ipam install`",
        )

    def _allocate(self, key: str, uuid: str, request: str) -> ElasticIp:
        """A new Elastic IP. The call is never made twice: after a lost answer there may be one already."""
        spec = self._spec
        tags = {
            **spec.aws.tags,
            "Name": f"{spec.name}-{key}",
            CLUSTER_TAG: spec.name,
            UUID_TAG: uuid,
            KEY_TAG: key,
            REQUEST_TAG: request,
            TIME_TAG: datetime.now(UTC).strftime(TIME_FORMAT),
        }
        self._asked = True
        with self._clients.translate_errors():
            made = self._clients.ec2_once.allocate_address(
                Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": _tag_list(tags)}]
            )
            number, public = ALLOCATION_ID.check(made["AllocationId"]), address(made["PublicIp"])
        return ElasticIp(key, number, public, "", "", tags[TIME_TAG])

    def _rename(self, one: ElasticIp, key: str) -> None:
        tags = {KEY_TAG: key, "Name": f"{self._spec.name}-{key}"}
        with self._clients.translate_errors():
            self._clients.ec2.create_tags(Resources=[one.allocation_id], Tags=_tag_list(tags))

    def _associate(self, one: ElasticIp, place: FreePlace) -> bool:
        """Whether the place was still free. AWS may not know a new address at once."""

        def associate(_waited_s: float) -> bool | None:
            try:
                with self._clients.translate_errors():
                    self._clients.ec2.associate_address(
                        AllocationId=one.allocation_id,
                        NetworkInterfaceId=place.interface_id,
                        PrivateIpAddress=place.address,
                        AllowReassociation=False,
                    )
            except AwsError as error:
                if error.code == TAKEN:
                    return False
                if error.code in UNKNOWN_ADDRESS:
                    return None
                raise
            return True

        done = until(associate, APPEARS_S, pause_s=PAUSE_S)
        if done is None:
            raise AwsError(
                f"AWS does not know {one.allocation_id} {APPEARS_S:.0f} s after it was allocated",
                cause="AWS is slow to make new addresses known",
                advice="request the range again",
            )
        return done

    def _unless_gone(self, operation: str, **arguments: str) -> None:
        try:
            with self._clients.translate_errors():
                getattr(self._clients.ec2, operation)(**arguments)
        except AwsError as error:
            if error.code not in GONE:
                raise


def driver_number(key: str) -> int | None:
    """The number in a key of the driver's (3 in `eip-x-3`); None for any other text."""
    found = _DRIVER_KEY.fullmatch(key)
    return int(found[1]) if found else None


def _another_spec(name: str, cause: str) -> IpamError:
    return IpamError(
        f"the spec of {name} on the front-end is not the one that was applied",
        cause=cause,
        advice="an administrator runs `edgewrap ipam install` with the spec that was applied, or `edgewrap apply`",
    )


def elastic_ip(item: Mapping[str, Any]) -> ElasticIp:
    """One address of EC2's answer. Raises LookupError, TypeError or ValueError for one of another form."""
    tags = tags_of(item.get("Tags", []))
    private = item.get("PrivateIpAddress", "")
    return ElasticIp(
        key=tags.get(KEY_TAG, ""),
        allocation_id=ALLOCATION_ID.check(item["AllocationId"]),
        public_address=address(item["PublicIp"]),
        private_address=address(private) if private else "",
        association_id=str(item.get("AssociationId", "")),
        requested=tags.get(TIME_TAG, ""),
    )


def _filters(wanted: Mapping[str, str]) -> Any:
    return [{"Name": name, "Values": [value]} for name, value in wanted.items()]


def _tag_list(tags: Mapping[str, str]) -> Any:
    return [{"Key": name, "Value": value} for name, value in tags.items()]

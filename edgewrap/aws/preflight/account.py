"""What the AWS account has and uses in one region: quotas, and what counts in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, cast

from edgewrap.aws.clients import KEY_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.preflight.quotas import Quota, vcpu_quota
from edgewrap.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import AddressTypeDef, InstanceTypeDef, InstanceTypeInfoTypeDef, TagTypeDef

COUNTED_STATES = ("pending", "running")  # of instances
OTHER_STATES = ("stopping", "stopped")  # they exist, and count in no quota of vCPUs
MOST_TYPES = 100  # in one question
AMAZON_POOL = "amazon"
DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True, slots=True)
class InUse:
    """What counts in a quota: how much, the keys of the cluster's own resources, and those of them that do not
    count."""

    count: int
    own: frozenset[str]
    idle: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC of the region. `key` is edgewrap's, empty if it is not this cluster's; `owner` is the account that it
    belongs to: a VPC that another account shares with ours counts in that account's quota."""

    id: str
    key: str
    networks: tuple[IPv4Network, ...]
    owner: str


class Account:
    """One account and region; `uuid` is the cluster's, empty if it has none yet. Every method raises AwsError."""

    def __init__(self, clients: Clients, uuid: str) -> None:
        self._clients = clients
        self._uuid = uuid

    def caller(self) -> tuple[str, str]:
        """Who the credentials belong to: account and ARN."""
        with self._clients.translate_errors():
            answer = self._clients.sts.get_caller_identity()
            return answer["Account"], answer["Arn"]

    def limit(self, quota: Quota) -> int:
        """The quota in force: what was granted, else AWS's default, else what EC2 itself says."""
        try:
            return self._service_quota(quota)
        except AwsError as error:
            if not quota.attribute or error.code not in DENIED | {"NoSuchResourceException"}:
                raise
            return self._attribute(quota)

    def elastic_ips(self) -> InUse:
        """The Elastic IPs of the region that count."""
        with self._clients.translate_errors():
            addresses = [one for one in self._clients.ec2.describe_addresses()["Addresses"] if _counts(one)]
            return InUse(len(addresses), self._own(address.get("Tags", []) for address in addresses))

    def vpcs(self) -> tuple[Vpc, ...]:
        """All VPCs of the region, the default one and those that other accounts share with us among them."""
        with self._clients.translate_errors():
            pages = self._clients.ec2.get_paginator("describe_vpcs").paginate()
            return tuple(
                Vpc(
                    vpc["VpcId"],
                    next(iter(self._own([vpc.get("Tags", [])])), ""),
                    tuple(IPv4Network(one["CidrBlock"]) for one in vpc.get("CidrBlockAssociationSet", [])),
                    vpc.get("OwnerId", ""),
                )
                for page in pages
                for vpc in page["Vpcs"]
            )

    def vcpus(self, quota: Quota) -> InUse:
        """The vCPUs of the running on-demand instances that count in the quota."""
        kinds: Counter[str] = Counter()
        own: dict[bool, set[str]] = {True: set(), False: set()}
        with self._clients.translate_errors():
            for instance in self._clients.instances("instance-state-name", [*COUNTED_STATES, *OTHER_STATES]):
                counts = instance["State"]["Name"] in COUNTED_STATES
                own[counts] |= self._own([instance.get("Tags", [])])
                if counts and _on_demand(instance) and vcpu_quota(instance["InstanceType"]) == quota:
                    kinds[instance["InstanceType"]] += 1
        sizes = self.vcpus_of(kinds)
        used = sum(sizes[kind] * count for kind, count in kinds.items())
        return InUse(used, frozenset(own[True] | own[False]), frozenset(own[False] - own[True]))

    def vcpus_of(self, types: Collection[str]) -> Mapping[str, int]:
        """The vCPUs of each of these instance types."""
        asked = cast("list[InstanceTypeType]", sorted(types))
        found: list[InstanceTypeInfoTypeDef] = []
        with self._clients.translate_errors():
            for first in range(0, len(asked), MOST_TYPES):
                some = asked[first : first + MOST_TYPES]
                found += self._clients.ec2.describe_instance_types(InstanceTypes=some)["InstanceTypes"]
            sizes = {str(one["InstanceType"]): int(one["VCpuInfo"]["DefaultVCpus"]) for one in found}
            return {kind: sizes[kind] for kind in asked}

    def _service_quota(self, quota: Quota) -> int:
        """A quota that was never changed has no value of its own in some accounts: then it is AWS's default."""
        asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        with self._clients.translate_errors():
            client = self._clients.quotas
            try:
                answer = client.get_service_quota(**asked)
            except client.exceptions.NoSuchResourceException:
                answer = client.get_aws_default_service_quota(**asked)
            found = answer["Quota"]
            if "Value" not in found:  # AWS then may say why
                reason = found.get("ErrorReason", {})
                raise _no_value(quota, reason.get("ErrorMessage") or reason.get("ErrorCode") or "no reason given")
            return int(found["Value"])

    def _attribute(self, quota: Quota) -> int:
        with self._clients.translate_errors():
            answer = self._clients.ec2.describe_account_attributes(AttributeNames=[quota.attribute])  # type: ignore[list-item]
            values = [
                value["AttributeValue"] for one in answer["AccountAttributes"] for value in one["AttributeValues"]
            ]
            if not values:
                raise _no_value(quota, "the account has no such attribute")
            return int(values[0])

    def _own(self, tag_lists: Iterable[Iterable[TagTypeDef]]) -> frozenset[str]:
        """The keys of those that carry the cluster's UUID."""
        named = map(tags_of, tag_lists)
        return frozenset(
            tags[KEY_TAG] for tags in named if self._uuid and tags.get(UUID_TAG) == self._uuid and KEY_TAG in tags
        )


def _no_value(quota: Quota, reason: str) -> AwsError:
    what = f"AWS returned no value for the quota {quota.code} of {quota.name}"
    return AwsError(what, cause=reason, advice=f"look at {quota.code} in Service Quotas")


def _counts(address: AddressTypeDef) -> bool:
    """Whether an address counts in the quota: one of AWS's own, not of your own pool, an Outpost, a carrier, or an AWS
    service."""
    foreign = address.get("CustomerOwnedIp") or address.get("CarrierIp") or address.get("ServiceManaged")
    return not foreign and address.get("PublicIpv4Pool", AMAZON_POOL) == AMAZON_POOL


def _on_demand(instance: InstanceTypeDef) -> bool:
    """Whether an instance counts in a quota of on-demand vCPUs: neither spot nor on a dedicated host, which has a quota
    of its own."""
    return "InstanceLifecycle" not in instance and instance.get("Placement", {}).get("Tenancy") != "host"

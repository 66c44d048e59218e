"""The few requests that edgewrap itself sends to AWS, by boto3.

They are sent when something new must be decided. Only the states of the instances are read in every run, since
Terraform does not notice a stopped instance.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from edgewrap.aws.clients import CLUSTER_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.existing.network import AVAILABLE, ExistingNetwork, Subnet
from edgewrap.aws.existing.read import read_allocations, read_network
from edgewrap.aws.forms import IMAGE_ID, WORD, address
from edgewrap.aws.inputs.model import Inputs, InterfaceLimits
from edgewrap.errors import AwsError
from edgewrap.spec.models import DEFAULT_CIDR, Spec
from edgewrap.spec.public_key import read_public_key

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, InstanceTypeInfoTypeDef

CANONICAL = {"us-gov-": "513442679011", "cn-": "837727238323", "": "099720109477"}
"""Canonical's account by what a region's name begins with: AWS's partitions have accounts of their own."""

UBUNTU_NAMES = {
    "ubuntu-22.04": "ubuntu/images/hvm-ssd*/ubuntu-jammy-22.04-{machine}-server-*",
    "ubuntu-24.04": "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-{machine}-server-*",
}
MACHINES = {"x86_64": "amd64", "arm64": "arm64"}  # EC2's name of an architecture: Ubuntu's
MOST_VALUES = 200  # in one filter
MOST_STATUSES = 100  # in one call


@dataclass(frozen=True, slots=True)
class InstanceNow:
    """An instance in AWS: its state in EC2's terms, its public address, empty if it has none, and all private addresses
    of its network interfaces."""

    state: str
    public_address: str
    private_addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Disks:
    """The disks of an instance type: whether hosts see EBS volumes and instance store as NVMe devices, and the
    instance-store disks: number and size in GB."""

    volumes_as_nvme: bool
    store_as_nvme: bool
    store: tuple[tuple[int, int], ...] = ()


class AwsLookups:
    """The lookups of one spec against its AWS."""

    def __init__(self, spec: Spec, clients: Clients) -> None:
        self._spec = spec
        self._region = spec.aws.region
        self._instance_type = spec.hosts.instance_type
        self._ami = spec.hosts.ami
        self._public_key = spec.local_path(spec.ssh.public_key)
        self._clients = clients
        self._known_type: InstanceTypeInfoTypeDef | None = None

    def new_uuid(self) -> str:
        return str(uuid.uuid4())

    def first_zone(self, preferred: str = "") -> str:
        """The zone `preferred` if it offers the type, else the first, by name. Raises AwsError if none does."""
        zones = self.zones()
        if not zones:
            raise AwsError(
                f"no zone of {self._region} offers {self._instance_type}",
                cause="the type is not sold in this region",
                advice="use another hosts.instance_type or aws.region",
            )
        return preferred if preferred in zones else zones[0]

    def zones(self) -> Sequence[str]:
        """The availability zones that offer the type, by name. Local and Wavelength Zones (`us-west-2-lax-1a`) do not
        count: they must be enabled first, and have few services. Raises AwsError if AWS cannot be asked."""
        with self._clients.translate_errors():
            offerings = self._clients.ec2.describe_instance_type_offerings(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [self._instance_type]}]
            )["InstanceTypeOfferings"]
            own = re.compile(re.escape(self._region) + "[a-z]")
            return sorted(offering["Location"] for offering in offerings if own.fullmatch(offering["Location"]))

    def image(self) -> str:
        """The newest of Canonical's own images for the type's architecture. Raises AwsError if there is none."""
        return self._newest_image(())

    def _newest_image(self, preferred: Collection[str]) -> str:
        """The newest of the `preferred` images that are Canonical's, else the newest of all.

        DescribeImages rather than Canonical's SSM parameter: it needs no permission beyond EC2's own, and LocalStack
        and moto have it.
        """
        machine, owner = self._machine(), canonical(self._region)
        name = UBUNTU_NAMES[self._ami].format(machine=MACHINES[machine])
        with self._clients.translate_errors():
            images = self._clients.ec2.describe_images(
                Owners=[owner],
                Filters=[
                    {"Name": "name", "Values": [name]},
                    {"Name": "architecture", "Values": [machine]},
                    {"Name": "state", "Values": ["available"]},
                ],
            )["Images"]
            known = [(image["CreationDate"], IMAGE_ID.check(image["ImageId"])) for image in images]
            found = max([one for one in known if one[1] in preferred] or known, default=None)
        if found is None:
            raise AwsError(
                f"no image of {self._ami} for {machine} in {self._region}",
                cause=f"owner {owner} offers none named {name}",
                advice="write the id of an image: `ami: ami-…` in hosts",
            )
        return found[1]

    def interface_limits(self) -> InterfaceLimits:
        """What the type allows on its first network card. Raises AwsError if there is no such type."""
        with self._clients.translate_errors():
            network = self._type()["NetworkInfo"]
            cards = {card["NetworkCardIndex"]: card for card in network.get("NetworkCards", [])}
            interfaces = cards[0]["MaximumNetworkInterfaces"] if 0 in cards else network["MaximumNetworkInterfaces"]
            return InterfaceLimits(interfaces=interfaces, addresses_per_interface=network["Ipv4AddressesPerInterface"])

    def disks(self) -> Disks:
        """The disks that the type can have. Raises AwsError if there is no such type."""
        with self._clients.translate_errors():
            kind = self._type()
            store = kind.get("InstanceStorageInfo", {})
            return Disks(
                volumes_as_nvme=kind.get("EbsInfo", {}).get("NvmeSupport", "required") != "unsupported",
                store_as_nvme=store.get("NvmeSupport", "required") != "unsupported",
                store=tuple((disk["Count"], disk["SizeInGB"]) for disk in store.get("Disks", [])),
            )

    def public_key(self) -> str:
        """The text of the user's public key file. Raises ToolError if it cannot be read or is not one."""
        return read_public_key(self._public_key)

    def network(self, uuid: str) -> ExistingNetwork:
        """The spec's VPC; `uuid` is the cluster's, empty if it has none yet. Raises AwsError."""
        return read_network(self._clients, self._spec, uuid)

    def allocations(self, ids: Sequence[str]) -> dict[str, Allocation]:
        """The account's Elastic IPs of these ids, by id. Raises AwsError."""
        return read_allocations(self._clients, ids)

    def instances(self, ids: Sequence[str]) -> dict[str, InstanceNow]:
        """The instances of these ids as they are; one that AWS no longer knows is `terminated`."""
        found = dict.fromkeys(ids, InstanceNow("terminated", ""))
        with self._clients.translate_errors():
            for first in range(0, len(ids), MOST_VALUES):
                for instance in self._clients.instances("instance-id", ids[first : first + MOST_VALUES]):
                    found[instance["InstanceId"]] = _instance_now(instance)
        return found

    def failing_checks(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The status checks that fail, by instance id: `system` or `instance`. All instances must be running ones."""
        failing = {}
        with self._clients.translate_errors():
            for first in range(0, len(ids), MOST_STATUSES):
                asked = ids[first : first + MOST_STATUSES]
                for one in self._clients.ec2.describe_instance_status(InstanceIds=asked)["InstanceStatuses"]:
                    checks = {"system": one["SystemStatus"], "instance": one["InstanceStatus"]}
                    failing[one["InstanceId"]] = tuple(
                        name for name, check in checks.items() if check["Status"] == "impaired"
                    )
        return failing

    def clusters_named(self, name: str) -> dict[str, str]:
        """The VPCs that have a cluster of that name, in this region: the UUID in the tags by VPC id. An existing VPC
        has no tag of edgewrap's, but security groups in it do."""
        filters: list[FilterTypeDef] = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [name]}]
        with self._clients.translate_errors():
            vpcs = self._clients.ec2.describe_vpcs(Filters=filters)["Vpcs"]
            groups = self._clients.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
            found = {str(one["VpcId"]): tags_of(one.get("Tags", [])).get(UUID_TAG, "") for one in (*groups, *vpcs)}
        return dict(sorted(found.items()))

    def get_ready(self) -> None:
        """Create the client, which takes half a second, before the first request."""
        with self._clients.translate_errors():
            _ = self._clients.ec2

    def _machine(self) -> str:
        """The type's architecture: the first that Ubuntu has images for, since some types list i386 too."""
        with self._clients.translate_errors():
            offered = self._type()["ProcessorInfo"]["SupportedArchitectures"]
            if known := [machine for machine in offered if machine in MACHINES]:
                return known[0]
            raise AwsError(
                f"{self._instance_type} is of architecture {', '.join(offered) or 'unknown'}",
                cause=f"Ubuntu's images are for {' and '.join(MACHINES)}",
                advice="use another hosts.instance_type, or write the id of an image: `ami: ami-…` in hosts",
            )

    def _type(self) -> InstanceTypeInfoTypeDef:
        if self._known_type is None:
            asked = cast("InstanceTypeType", self._instance_type)
            with self._clients.translate_errors():
                self._known_type = self._clients.ec2.describe_instance_types(InstanceTypes=[asked])["InstanceTypes"][0]
        return self._known_type


class DecidedLookups(AwsLookups):
    """The same, with the answers that a saved plan has, where AWS may give another one today: the random UUID of a new
    cluster, its zone, and the newest image. An answer that AWS would never give does not count: the file may have been
    edited."""

    def __init__(self, spec: Spec, clients: Clients, decided: Inputs) -> None:
        super().__init__(spec, clients)
        self._decided = decided

    def new_uuid(self) -> str:
        return self._decided.uuid

    def first_zone(self, preferred: str = "") -> str:
        return super().first_zone(preferred or self._decided.foundation.zone)

    def image(self) -> str:
        return self._newest_image(self._decided.amis.values())


def canonical(region: str) -> str:
    """The id of Canonical's account, which owns Ubuntu's images, for a region."""
    return next(account for prefix, account in CANONICAL.items() if region.startswith(prefix))


def _instance_now(instance: InstanceTypeDef) -> InstanceNow:
    public = instance.get("PublicIpAddress", "")
    interfaces = instance.get("NetworkInterfaces", ())
    addresses = (one for interface in interfaces for one in interface.get("PrivateIpAddresses", ()))
    private = frozenset(one.get("PrivateIpAddress", "") for one in addresses)
    return InstanceNow(WORD.check(instance["State"]["Name"]), address(public) if public else "", private)


class OfflineLookups(AwsLookups):
    """Well-formed placeholders for what only AWS knows, for a render without AWS; never for an apply."""

    def new_uuid(self) -> str:
        """A UUID that no cluster has."""
        return "00000000-0000-0000-0000-000000000000"

    def first_zone(self, preferred: str = "") -> str:
        """The zone `preferred`, else the first of the region."""
        return preferred or f"{self._region}a"

    def image(self) -> str:
        """An id without an image, the same for the same name."""
        return f"ami-{hashlib.sha256(self._ami.encode()).hexdigest()[:17]}"

    def network(self, uuid: str) -> ExistingNetwork:  # noqa: ARG002
        """One that has what the spec says, and the default addresses for what it does not."""
        wanted, zone = self._spec.aws.network, self._spec.aws.zone
        cidr = wanted.subnet or wanted.cidr or DEFAULT_CIDR
        subnet = Subnet(wanted.subnet_id or "", cidr, self.first_zone() if zone == "auto" else zone)
        subnets, gateway = ((subnet,) if wanted.subnet_id else ()), "igw-00000000000000000"
        return ExistingNetwork("", "", AVAILABLE, (wanted.cidr or cidr,), subnets, gateway, gateway)

    def allocations(self, ids: Sequence[str]) -> dict[str, Allocation]:
        """Addresses that nobody has, the same for the same ids."""
        return {number: Allocation(number, f"192.0.2.{index % 256}", "") for index, number in enumerate(ids)}

    def interface_limits(self) -> InterfaceLimits:
        """Those of c5.metal."""
        return InterfaceLimits(interfaces=15, addresses_per_interface=50)

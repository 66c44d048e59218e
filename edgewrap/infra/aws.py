"""The few questions that edgewrap itself puts to AWS, by boto3.

Asked when something new is to be decided; only the states of the instances are asked for in every run, since Terraform
takes a stopped instance for a sound one. With an endpoint of one's own (`aws.endpoint_url`, or AWS_ENDPOINT_URL)
the client is localstack-client's, so that moto and LocalStack serve as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from edgewrap.errors import AwsError, ToolError
from edgewrap.infra.inputs import InterfaceLimits
from edgewrap.spec.models import Spec

if TYPE_CHECKING:  # boto3 takes 0.2 s to import: only when it is needed
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeInfoTypeDef

CANONICAL = "099720109477"
UBUNTU_NAMES = {
    "ubuntu-22.04": "ubuntu/images/hvm-ssd*/ubuntu-jammy-22.04-{machine}-server-*",
    "ubuntu-24.04": "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-{machine}-server-*",
}
MACHINES = {"x86_64": "amd64", "arm64": "arm64"}  # EC2's word for an architecture: Ubuntu's
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
ATTEMPTS = 4
MOST_VALUES = 200  # in one filter
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

ADVICE = {
    "AuthFailure": ("the credentials are not valid in this region", "check them with `aws sts get-caller-identity`"),
    "ExpiredToken": ("the session has ended", "sign in again (`aws sso login`)"),
    "InvalidClientTokenId": ("the access key does not exist", "check them with `aws sts get-caller-identity`"),
    "InvalidInstanceType": ("no such instance type", "correct hosts.instance_type"),
    "OptInRequired": ("the account is not signed up for this region", "enable the region in the account's settings"),
    "RequestExpired": ("the session has ended, or this machine's clock is wrong", "sign in again; check the clock"),
    "UnauthorizedOperation": (
        "the credentials have too few rights",
        "allow ec2:DescribeInstances, ec2:DescribeInstanceTypes, ec2:DescribeInstanceTypeOfferings and "
        "ec2:DescribeImages",
    ),
}


@dataclass(frozen=True, slots=True)
class InstanceNow:
    """An instance as AWS has it: EC2's word for its state, and its public address, empty where it has none."""

    state: str
    public_address: str


class AwsLookups:
    """The lookups of one spec against its AWS."""

    def __init__(self, spec: Spec, environ: Mapping[str, str]) -> None:
        self._region = spec.aws.region
        self._instance_type = spec.hosts.instance_type
        self._ami = spec.hosts.ami
        self._endpoint = spec.aws.endpoint_url or environ.get("AWS_ENDPOINT_URL") or ""
        self._public_key = spec.local_path(spec.ssh.public_key)
        self._client: EC2Client | None = None
        self._known_type: InstanceTypeInfoTypeDef | None = None

    def new_uuid(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    def first_zone(self) -> str:
        """The first availability zone, by name, that offers the type. Raises AwsError where none does."""
        with _explained(self._endpoint):
            offerings = self._ec2().describe_instance_type_offerings(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [self._instance_type]}]
            )["InstanceTypeOfferings"]
        zones = sorted(offering["Location"] for offering in offerings)
        if not zones:
            raise AwsError(
                f"no zone of {self._region} offers {self._instance_type}",
                cause="the type is not sold in this region",
                advice="take another hosts.instance_type or aws.region",
            )
        return zones[0]

    def image(self) -> str:
        """The newest of Canonical's own images for the type's architecture. Raises AwsError where there is none.

        DescribeImages rather than Canonical's SSM parameter: it needs no right beyond EC2's own, and every endpoint
        that stands in for AWS has it.
        """
        machine = self._type()["ProcessorInfo"]["SupportedArchitectures"][0]
        name = UBUNTU_NAMES[self._ami].format(machine=MACHINES[machine])
        with _explained(self._endpoint):
            images = self._ec2().describe_images(
                Owners=[CANONICAL],
                Filters=[
                    {"Name": "name", "Values": [name]},
                    {"Name": "architecture", "Values": [machine]},
                    {"Name": "state", "Values": ["available"]},
                ],
            )["Images"]
        if not images:
            raise AwsError(
                f"no image of {self._ami} for {machine} in {self._region}",
                cause=f"owner {CANONICAL} offers none named {name}",
                advice="name one by its id: `ami: ami-…` in hosts",
            )
        return max(images, key=lambda image: (image["CreationDate"], image["ImageId"]))["ImageId"]

    def interface_limits(self) -> InterfaceLimits:
        """What the type allows on its first network card. Raises AwsError where there is no such type."""
        network = self._type()["NetworkInfo"]
        cards = {card["NetworkCardIndex"]: card for card in network.get("NetworkCards", [])}
        interfaces = cards[0]["MaximumNetworkInterfaces"] if 0 in cards else network["MaximumNetworkInterfaces"]
        return InterfaceLimits(interfaces=interfaces, addresses_per_interface=network["Ipv4AddressesPerInterface"])

    def public_key(self) -> str:
        """The text of the user's public key file. Raises ToolError where it cannot be read or is not one."""
        advice = "make one with `ssh-keygen -t ed25519`, or name another file in ssh.public_key"
        try:
            text = self._public_key.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(
                f"the public key {self._public_key} cannot be read", cause=str(error), advice=advice
            ) from error
        if len(text.splitlines()) != 1 or not text.startswith(("ssh-", "ecdsa-", "sk-")):
            raise ToolError(
                f"{self._public_key} is not a public key file",
                cause="it should hold one line: type, key, comment",
                advice=advice,
            )
        return text

    def instances(self, ids: Sequence[str]) -> dict[str, InstanceNow]:
        """The instances of these ids as they are; one that AWS no longer knows is `terminated`."""
        found = dict.fromkeys(ids, InstanceNow("terminated", ""))
        with _explained(self._endpoint):
            pages = self._ec2().get_paginator("describe_instances")
            for first in range(0, len(ids), MOST_VALUES):
                some = ids[first : first + MOST_VALUES]
                # by a filter, which knows no error for an id that is gone
                for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": some}]):
                    for instance in (one for reservation in page["Reservations"] for one in reservation["Instances"]):
                        public = instance.get("PublicIpAddress", "")
                        found[instance["InstanceId"]] = InstanceNow(instance["State"]["Name"], public)
        return found

    def clusters_named(self, name: str) -> dict[str, str]:
        """The VPCs that edgewrap made for a cluster of that name, in this region: the UUID in their tags by VPC id."""
        filters: list[FilterTypeDef] = [{"Name": "tag:edgewrap:cluster", "Values": [name]}]
        with _explained(self._endpoint):
            vpcs = self._ec2().describe_vpcs(Filters=filters)["Vpcs"]
        tags = {vpc["VpcId"]: {tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])} for vpc in vpcs}
        return {vpc_id: found.get("edgewrap:uuid", "") for vpc_id, found in sorted(tags.items())}

    def get_ready(self) -> None:
        """Make the client, which takes half a second, ahead of the first question."""
        with _explained(self._endpoint):
            self._ec2()

    def _type(self) -> InstanceTypeInfoTypeDef:
        if self._known_type is None:
            asked = cast("InstanceTypeType", self._instance_type)
            with _explained(self._endpoint):
                self._known_type = self._ec2().describe_instance_types(InstanceTypes=[asked])["InstanceTypes"][0]
        return self._known_type

    def _ec2(self) -> EC2Client:
        self._client = self._client or _make_client(self._region, self._endpoint)
        return self._client


def _make_client(region: str, endpoint: str) -> EC2Client:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    if not endpoint:
        return boto3.client("ec2", region_name=region, config=config)
    if (urlsplit(endpoint).hostname or "").endswith(AWS_DOMAINS):
        return boto3.client("ec2", region_name=region, config=config, endpoint_url=endpoint)
    from edgewrap.infra.endpoint import EndpointSession

    client: EC2Client = EndpointSession(endpoint, region).client("ec2", config=config)  # type: ignore[no-untyped-call]
    return client


@contextmanager
def _explained(endpoint: str) -> Iterator[None]:
    """Turn what botocore raises into AwsError with its cause and advice."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        cause, advice = ADVICE.get(code, ("AWS refused the call", f"look up the code {code} in the EC2 API reference"))
        raise AwsError(str(error), cause=cause, advice=advice) from error
    except (NoCredentialsError, ProfileNotFound) as error:
        raise AwsError(
            str(error),
            cause="none of AWS's usual places holds credentials",
            advice="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`)",
        ) from error
    except BotoCoreError as error:
        raise AwsError(
            str(error),
            cause=f"{endpoint or 'AWS'} could not be asked",
            advice="check the network, the proxy settings, and aws.endpoint_url or AWS_ENDPOINT_URL",
        ) from error

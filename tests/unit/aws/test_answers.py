"""What AWS, or something else at its endpoint, may answer: it is used in the form of its field, or refused in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws import answers, clients
from edgewrap.aws.clients import Clients
from edgewrap.aws.elastic_ips import ElasticIps
from edgewrap.aws.existing.network import network_violations
from edgewrap.aws.existing.read import read_allocations, read_network
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.preflight.account import Account
from edgewrap.aws.preflight.quotas import ELASTIC_IPS
from edgewrap.aws.state.s3 import Bucket
from edgewrap.aws.state.untracked import find_untracked
from edgewrap.aws.terraform.resources import EIP
from edgewrap.errors import AwsError, EdgewrapError, StateError
from edgewrap.spec.models import S3Backend
from tests.support.aws_plane import make_spec
from tests.support.odd_servers import ANSWERS, odd_server

SLOW = ("silence", "drip", "endless 100")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_BYTES", 4 << 20)
    monkeypatch.setattr(clients, "ATTEMPTS", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_odd_server_is_an_error_in_time(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = any(word in answer for word in SLOW)
    monkeypatch.setattr(answers, "ANSWER_S", 0.4 if slow else 20)
    with odd_server(answer) as url:
        aws = Clients(make_spec(), {"AWS_ENDPOINT_URL": url})
        bucket = Bucket(S3Backend(bucket="states", key="a.tfstate", region="eu-west-3"), url)
        begun = time.monotonic()
        with pytest.raises(AwsError) as raised:
            Account(aws, "").caller()  # the client of STS is the one that takes the shortest to make
        if answer not in ("a page", "a bomb"):  # any text is an object; the state is checked later
            with pytest.raises(StateError):
                bucket.read("a.tfstate")
        assert time.monotonic() - begun < 15
    assert ("no complete answer within" in raised.value.what) is slow
    assert len(raised.value.what) <= 300


GUEST = make_spec(
    aws={"network": {"vpc_id": "vpc-0123456789abcdef0", "subnet_id": "subnet-0123456789abcdef0"}},
)
Call = Callable[[Clients], object]
UUID = "0f6a1e9c-1111-4a6e-9d55-2f5f7ce1a001"
TAGS = [{"Key": "edgewrap:uuid", "Value": UUID}, {"Key": "edgewrap:key", "Value": "eip-x-3"}]
RIGHT: dict[str, tuple[Call, dict[str, dict[str, Any]]]] = {
    "zones": (
        lambda aws: AwsLookups(make_spec(), aws).zones(),
        {"describe_instance_type_offerings": {"InstanceTypeOfferings": [{"Location": "eu-west-3a"}]}},
    ),
    "image": (
        lambda aws: AwsLookups(make_spec(), aws).image(),
        {
            "describe_instance_types": {
                "InstanceTypes": [{"ProcessorInfo": {"SupportedArchitectures": ["x86_64"]}}],
            },
            "describe_images": {"Images": [{"ImageId": "ami-1", "CreationDate": "2026-01-01"}]},
        },
    ),
    "interface limits": (
        lambda aws: AwsLookups(make_spec(), aws).interface_limits(),
        {
            "describe_instance_types": {
                "InstanceTypes": [
                    {
                        "NetworkInfo": {
                            "MaximumNetworkInterfaces": 15,
                            "Ipv4AddressesPerInterface": 50,
                            "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 15}],
                        }
                    }
                ]
            }
        },
    ),
    "instances": (
        lambda aws: AwsLookups(make_spec(), aws).instances(["i-1"]),
        {
            "describe_instances": {
                "Reservations": [
                    {"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}, "PublicIpAddress": "1.2.3.4"}]}
                ]
            }
        },
    ),
    "clusters": (
        lambda aws: AwsLookups(make_spec(), aws).clusters_named("a"),
        {
            "describe_vpcs": {"Vpcs": [{"VpcId": "vpc-1", "Tags": TAGS}]},
            "describe_security_groups": {"SecurityGroups": [{"VpcId": "vpc-2", "Tags": TAGS}]},
        },
    ),
    "Elastic IPs": (
        lambda aws: ElasticIps(make_spec(), aws).by_driver(UUID, ["eipalloc-1"]),
        {
            "describe_addresses": {
                "Addresses": [
                    {
                        "AllocationId": "eipalloc-1",
                        "PublicIp": "1.2.3.4",
                        "PrivateIpAddress": "10.0.0.1",
                        "Tags": TAGS,
                    }
                ]
            }
        },
    ),
    "existing Elastic IPs": (
        lambda aws: read_allocations(aws, ["eipalloc-1"]),
        {
            "describe_addresses": {
                "Addresses": [
                    {
                        "AllocationId": "eipalloc-1",
                        "PublicIp": "1.2.3.4",
                        "PrivateIpAddress": "10.0.0.1",
                        "AssociationId": "eipassoc-1",
                        "NetworkInterfaceId": "eni-1",
                        "NetworkBorderGroup": "eu-west-3",
                        "Tags": TAGS,
                    }
                ]
            },
            "describe_network_interfaces": {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "TagSet": TAGS}]},
        },
    ),
    "existing VPC": (
        lambda aws: [*network_violations(GUEST, read_network(aws, GUEST, UUID), UUID)],
        {
            "get_caller_identity": {"Account": "1", "Arn": "arn:aws:iam::1:user/ci"},
            "describe_vpcs": {
                "Vpcs": [
                    {
                        "VpcId": "vpc-0123456789abcdef0",
                        "OwnerId": "1",
                        "State": "available",
                        "CidrBlockAssociationSet": [
                            {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}}
                        ],
                    }
                ]
            },
            "describe_security_groups": {
                "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "edge-paris-vms", "Tags": TAGS}]
            },
            "describe_internet_gateways": {"InternetGateways": [{"InternetGatewayId": "igw-1"}]},
            "describe_route_tables": {
                "RouteTables": [
                    {
                        "Associations": [{"Main": False, "SubnetId": "subnet-0123456789abcdef0"}, {"Main": True}],
                        "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}],
                    }
                ]
            },
            "describe_network_interfaces": {
                "NetworkInterfaces": [
                    {
                        "NetworkInterfaceId": "eni-1",
                        "Description": "a printer",
                        "Groups": [{"GroupId": "sg-2"}],
                        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.4.10"}],
                        "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.4.16/28"}],
                    }
                ]
            },
            "describe_subnets": {
                "Subnets": [
                    {
                        "SubnetId": "subnet-0123456789abcdef0",
                        "CidrBlock": "10.0.4.0/22",
                        "AvailabilityZone": "eu-west-3a",
                        "State": "available",
                        "MapPublicIpOnLaunch": True,
                        "Tags": TAGS,
                    }
                ]
            },
            "describe_vpc_attribute": {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}},
        },
    ),
    "untracked": (
        lambda aws: find_untracked(aws, UUID, [EIP.address("eip-x-3")]),
        {"describe_addresses": {"Addresses": [{"AllocationId": "eipalloc-1", "Tags": TAGS}]}},
    ),
    "the account": (
        lambda aws: Account(aws, UUID).caller(),
        {"get_caller_identity": {"Account": "1", "Arn": "arn:aws:iam::1:user/ci"}},
    ),
    "a quota": (
        lambda aws: Account(aws, UUID).limit(ELASTIC_IPS),
        {"get_service_quota": {"Quota": {"Value": 5.0}}},
    ),
    "VPCs": (
        lambda aws: Account(aws, UUID).vpcs(),
        {"describe_vpcs": {"Vpcs": [{"VpcId": "vpc-1", "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}]}]}},
    ),
}


class Answering:
    """Clients whose every call has an answer by its name, whatever its form."""

    def __init__(self) -> None:
        self.clients = Clients(make_spec(), {})
        self.known: dict[str, Any] = {}
        for service in ("ec2", "service-quotas", "sts"):
            client: Any = boto3.Session().client(service, "eu-west-3")
            methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
            client._make_api_call = lambda operation, _arguments, methods=methods: self.known[methods[operation]]
            self.clients._made[service] = client


@pytest.fixture(scope="module")
def aws() -> Answering:
    """Made once: a client takes a tenth of a second."""
    return Answering()


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_is_used(aws: Answering, name: str) -> None:
    call, aws.known = RIGHT[name]
    assert call(aws.clients)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an answer: what holds it, and its key."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, -1, 1e300, float("nan"), True, "", "-oProxyCommand=x", "$(id)", "a\x1b]0;b\n", [], {}, [None], [[7]]]
)


@given(st.data())
def test_a_value_of_another_form_is_refused_or_harmless(aws: Answering, data: st.DataObject) -> None:
    call, right = RIGHT[data.draw(st.sampled_from(sorted(RIGHT)))]
    aws.known = deepcopy(right)
    holder, key = data.draw(st.sampled_from(list(_places(aws.known))))
    if data.draw(st.booleans()):
        holder[key] = data.draw(WRONG)
    elif isinstance(holder, dict) and holder is not aws.known:
        del holder[key]
    with suppress(EdgewrapError):
        call(aws.clients)

"""What is wrong with an existing VPC or subnet, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from edgewrap.aws.existing.network import ExistingNetwork, Interface, Subnet, network_violations, planned_addresses
from edgewrap.aws.inputs.decide import decide_inputs
from edgewrap.errors import RefusedChangeError
from tests.support.aws_plane import VPC, FixedLookups, make_spec

OWN = {"vpc_id": "vpc-0123456789abcdef0", "subnet": "10.0.8.0/22"}
EXISTING = {"vpc_id": "vpc-0123456789abcdef0", "subnet_id": "subnet-0123456789abcdef0"}
SUBNET = VPC.subnets[0]
UUID = "7e5a1c9e-0000-4000-8000-000000000001"


def at(*addresses: str) -> tuple[Interface, ...]:
    return (Interface("eni-1", "a printer", tuple(map(IPv4Network, addresses))),)


def subnets(**changes: Any) -> tuple[Subnet, ...]:
    return (replace(SUBNET, **changes),)


WRONG = [
    pytest.param(OWN, {"state": ""}, "vpc_id: AWS has no vpc-0123456789abcdef0 in eu-west-3", id="no VPC"),
    pytest.param(OWN, {"state": "pending"}, "vpc_id: vpc-0123456789abcdef0 is pending", id="state of the VPC"),
    pytest.param(OWN, {"owner": "999"}, "belongs to the account 999, and the credentials to 123456789012", id="owner"),
    pytest.param(OWN, {"gateway": ""}, "has no internet gateway; attach one", id="no gateway"),
    pytest.param(OWN, {"off": ("enableDnsHostnames",)}, "vpc-0123456789abcdef0 --enable-dns-hostnames`, or", id="DNS"),
    pytest.param(
        OWN, {"groups": (("edge-paris-vms", "sg-1"),)}, "name: vpc-0123456789abcdef0 has a security group", id="a group"
    ),
    pytest.param({**OWN, "cidr": "10.0.0.0/20"}, {}, "cidr: vpc-0123456789abcdef0 has 10.0.0.0/16, not", id="cidr"),
    pytest.param({**OWN, "subnet": "10.1.8.0/22"}, {}, "10.1.8.0/22 is not in the VPC's 10.0.0.0/16", id="out"),
    pytest.param(
        {**OWN, "subnet": "10.0.4.0/24"}, {}, "10.0.4.0/24 overlaps the subnet subnet-0123456789abcdef0", id="overlap"
    ),
    pytest.param(EXISTING, {"subnets": ()}, "has no IPv4 subnet subnet-0123456789abcdef0", id="no subnet"),
    pytest.param(
        EXISTING, {"subnets": subnets(state="pending")}, "subnet-0123456789abcdef0 is pending", id="its state"
    ),
    pytest.param(
        {**EXISTING, "subnet": "10.0.4.0/23"}, {}, "has 10.0.4.0/22; write `subnet: 10.0.4.0/22`", id="another"
    ),
    pytest.param(EXISTING, {"subnets": subnets(zone="eu-west-3-x-1a")}, "Local or Wavelength Zone", id="local zone"),
    pytest.param(EXISTING, {"default_route": ""}, "the default route (0.0.0.0/0) of subnet-", id="no route"),
    pytest.param(EXISTING, {"default_route": "nat-1"}, "leads to nat-1; use a public subnet", id="private subnet"),
    pytest.param(EXISTING, {"subnets": subnets(public_at_launch=False)}, "write `address: eip` in hosts", id="address"),
    pytest.param(
        EXISTING, {"interfaces": at("10.0.4.11")}, "host-1 needs 10.0.4.11, and eni-1 (a printer)", id="a host's"
    ),
    pytest.param(
        EXISTING, {"interfaces": at("10.0.4.99", "10.0.6.129")}, "group-1 needs 10.0.6.128/25", id="a block's"
    ),
    pytest.param(EXISTING, {"interfaces": at("10.0.4.0/28")}, "host-0 needs 10.0.4.10, and eni-1", id="a prefix"),
]


@pytest.mark.parametrize(("network", "change", "message"), WRONG)
def test_one_thing_is_wrong(network: dict[str, str], change: dict[str, Any], message: str) -> None:
    found = replace(VPC, **change)
    [violation] = network_violations(make_spec(aws={"network": network}), found, "")
    assert message in str(violation)
    with pytest.raises(RefusedChangeError) as caught:
        decide_inputs(make_spec(aws={"network": network}), None, FixedLookups(vpc=found))
    assert caught.value.refusals == (str(violation),)


RIGHT = [
    pytest.param({"network": OWN}, {}, id="a new subnet"),
    pytest.param({"network": EXISTING}, {}, id="an existing subnet"),
    pytest.param({"network": {**EXISTING, "cidr": "10.0.0.0/16", "subnet": "10.0.4.0/22"}}, {}, id="all written out"),
    pytest.param({"network": EXISTING, "zone": "eu-west-3b"}, {}, id="its zone"),
    pytest.param({"network": OWN}, {"default_route": ""}, id="a new subnet gets a route"),
    pytest.param({"network": OWN}, {"subnets": subnets(cidr=IPv4Network("10.0.8.0/22"), uuid=UUID)}, id="our subnet"),
    pytest.param({"network": EXISTING}, {"interfaces": at("10.0.4.13", "10.0.5.255")}, id="others' addresses"),
]


@pytest.mark.parametrize(("aws", "change"), RIGHT)
def test_nothing_is_wrong(aws: dict[str, Any], change: dict[str, Any]) -> None:
    found = replace(VPC, **change)
    assert list(network_violations(make_spec(aws=aws), found, UUID)) == []


def test_private_hosts_need_neither_names_nor_public_addresses() -> None:
    found = replace(VPC, off=("enableDnsSupport", "enableDnsHostnames"), subnets=subnets(public_at_launch=False))
    spec = make_spec(aws={"network": EXISTING}, hosts={"address": "private"})
    assert list(network_violations(spec, found, "")) == []


def test_another_zone_is_named() -> None:
    spec = make_spec(aws={"network": EXISTING, "zone": "eu-west-3a"})
    [violation] = network_violations(spec, VPC, "")
    assert str(violation).endswith("write `zone: auto` or `zone: eu-west-3b`")


def test_a_subnet_that_is_too_small_is_refused_when_it_is_known() -> None:
    small = replace(VPC, subnets=subnets(cidr=IPv4Network("10.0.4.0/28")))
    assert planned_addresses(make_spec(), IPv4Network("10.0.4.0/28")) == {}
    with pytest.raises(RefusedChangeError, match="its upper half, is too small for 4 blocks") as caught:
        decide_inputs(make_spec(aws={"network": EXISTING}), None, FixedLookups(vpc=small))
    assert [text.split(":")[0] for text in caught.value.refusals] == ["hosts.count", "public_network.groups"]


def test_what_is_read_is_kept_in_the_inputs() -> None:
    existing = decide_inputs(make_spec(aws={"network": EXISTING}), None, FixedLookups()).foundation
    assert (existing.vpc_cidr, existing.subnet_cidr, existing.zone) == ("10.0.0.0/16", "10.0.4.0/22", "eu-west-3b")
    assert (existing.vpc_id, existing.subnet_id) == (EXISTING["vpc_id"], EXISTING["subnet_id"])
    own = decide_inputs(make_spec(aws={"network": OWN}), None, FixedLookups()).foundation
    assert (own.vpc_cidr, own.subnet_cidr, own.zone) == ("10.0.0.0/16", "10.0.8.0/22", "eu-west-3a")
    assert (own.gateway_id, own.subnet_id) == ("igw-0123456789abcdef0", None)


def test_it_is_read_once() -> None:
    spec, lookups = make_spec(aws={"network": EXISTING}), FixedLookups()
    inputs = decide_inputs(spec, None, lookups)
    assert decide_inputs(spec, inputs, later := FixedLookups(vpc=ExistingNetwork("", "", "", (), ()))) == inputs
    assert later.asked == []


ALL_MISSING = {"host-0", "host-1", "host-2", "vpc", "subnet", "key-pair"}


def test_a_wrong_vpc_is_corrected_until_something_is_in_it() -> None:
    inputs = decide_inputs(make_spec(), None, FixedLookups())
    moved = make_spec(aws={"network": OWN})
    assert decide_inputs(moved, inputs, FixedLookups(), missing=ALL_MISSING).foundation.vpc_id == OWN["vpc_id"]
    for missing in (ALL_MISSING - {"vpc"}, ()):
        with pytest.raises(RefusedChangeError, match="nothing moves between VPCs") as caught:
            decide_inputs(moved, inputs, FixedLookups(), missing=missing)
        assert len(caught.value.refusals) == 1

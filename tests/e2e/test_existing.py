"""A cluster in a VPC and a subnet of the user's own, with an Elastic IP of the user's own: packets, leases, the IPAM
driver beside it, and what is left after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import Lab
from tests.support.lab_opennebula import tree
from tests.support.packets import connect, server

SPEC = """
apiVersion: edgewrap/v1
name: edge-guest
aws:
  region: eu-west-3
  network: {{ vpc_id: {vpc}, subnet_id: {subnet}, subnet: 10.50.4.0/22 }}
hosts: {{ count: 1 }}
public_network:
  groups: 1
  elastic_ips: {{ count: 1 }}
  existing: {{ {existing} }}
"""
RANGE = 'AR = [ IPAM_MAD = "edgewrap", SIZE = "1", TYPE = "IP4" ]'
WEB = 80


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "lab")
    made.up()
    yield made
    made.down()


def site(ec2: Any) -> dict[str, str]:
    """A VPC with a public subnet, and an Elastic IP."""
    vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.50.4.0/22", AvailabilityZone="eu-west-3b")["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    [main] = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return {"vpc": vpc, "subnet": subnet, "office": ec2.allocate_address(Domain="vpc")["AllocationId"]}


def described(ec2: Any) -> list[Any]:
    """All that AWS says of the network, but for the default VPC's, and of all Elastic IPs."""
    operations = ("vpcs", "subnets", "internet_gateways", "route_tables", "security_groups", "network_interfaces")
    answers = [getattr(ec2, f"describe_{name}")() for name in (*operations, "network_acls", "addresses", "key_pairs")]
    return [{key: value for key, value in answer.items() if key != "ResponseMetadata"} for answer in answers]


@pytest.mark.full
def test_a_guest_leaves_everything_as_it_was(lab: Lab, tmp_path: Path) -> None:
    with lab.network():
        known = site(lab.ec2)
        before = described(lab.ec2)
    spec = tmp_path / "edge.yaml"
    spec.write_text(SPEC.format(**known, existing=f"office: {known['office']}"))
    apply = ("apply", "--file", str(spec), "--auto-approve")
    lab.edgewrap("preflight", "--file", str(spec))
    lab.edgewrap(*apply)
    assert lab.edgewrap("plan", "--file", str(spec)).stdout.count("nothing to do") == 3

    public, private = (
        lab.edgewrap("output", "--file", str(spec), f"eips.office.{name}_address").stdout.strip()
        for name in ("public", "private")
    )
    assert public in lab.edgewrap("status", "--file", str(spec)).stdout
    lab.tool("lab", "vm", "start", "web", "--host", "host-0", "--ip", private)
    with server(lab, "web", WEB), server(lab, "internet", WEB):
        assert connect(lab, "internet", public, WEB).startswith("192.0.2.")
        assert connect(lab, "web", connect(lab, "internet", public, WEB), WEB) == public
        beside(lab, tmp_path, known, public)
    lab.tool("lab", "vm", "stop", "web")
    assert lab.edgewrap("plan", "--file", str(spec)).stdout.count("nothing to do") == 3

    lab.edgewrap("ipam", "install", "--file", str(spec))
    network = next(
        int(one.findtext("ID") or "")
        for one in tree(lab.one("one.vnpool.info", -2, -1, -1))
        if one.findtext("NAME") == "edge-guest-public"
    )
    lab.one("one.vn.add_ar", network, RANGE)
    found = {
        one.findtext("EDGEWRAP_KEY"): one for one in tree(lab.one("one.vn.info", network, False)).findall("AR_POOL/AR")
    }
    assert set(found) == {"eip-0", "office", "eip-x-1"}  # office has the pair of eip-x-0
    assert found["office"].findtext("AWS_ALLOCATION_ID") == known["office"]
    lab.edgewrap(*apply)

    lab.one("one.vn.hold", network, f'LEASES = [ IP = "{private}" ]')
    spec.write_text(SPEC.format(**known, existing=""))
    refused = lab.edgewrap(*apply, check=False)
    assert (refused.returncode, "office" in refused.stderr) == (1, True), refused.stderr
    lab.one("one.vn.release", network, f'LEASES = [ IP = "{private}" ]')
    lab.edgewrap(*apply)
    spec.write_text(SPEC.format(**known, existing=f"office: {known['office']}"))
    lab.edgewrap(*apply)

    lab.edgewrap("destroy", "--file", str(spec), "--auto-approve")
    with lab.network():
        assert described(lab.ec2) == before


def beside(lab: Lab, tmp_path: Path, known: dict[str, str], public: str) -> None:
    """A second cluster in the same VPC, in a subnet of its own, from its apply to its destroy: its VM and the one that
    has the Elastic IP `public` reach each other."""
    spec = tmp_path / "second.yaml"
    network = f"{{ vpc_id: {known['vpc']}, subnet: 10.50.8.0/22 }}"
    text = f"apiVersion: edgewrap/v1\nname: edge-second\naws: {{ region: eu-west-3, network: {network} }}\n"
    spec.write_text(f"{text}hosts: {{ count: 1 }}\npublic_network: {{ groups: 1, elastic_ips: {{ count: 1 }} }}\n")
    lab.edgewrap("apply", "--file", str(spec), "--auto-approve")
    instance, own, private = (
        lab.edgewrap("output", "--file", str(spec), name).stdout.strip()
        for name in ("hosts.host-0.instance_id", "eips.eip-0.public_address", "eips.eip-0.private_address")
    )
    lab.tool("lab", "vm", "start", "second", "--host", instance, "--ip", private)
    with server(lab, "second", WEB):
        assert connect(lab, "second", public, WEB) == own
        assert connect(lab, "web", own, WEB) == public
    lab.tool("lab", "vm", "stop", "second")
    lab.edgewrap("destroy", "--file", str(spec), "--auto-approve")

"""Clusters in a VPC of the user's own, with Elastic IPs of the user's own, by the real terraform on the lab's AWS.

The tests are in the order of two clusters' lives side by side; each starts from what the one before left. What the user
had is compared as AWS describes it, before the first apply and after the last destroy.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from edgewrap.errors import RefusedChangeError
from edgewrap.finding import Verdict

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

pytestmark = pytest.mark.full

TAGS = [{"Key": "owner", "Value": "network team"}, {"Key": "Name", "Value": "theirs"}]
SMALL: dict[str, Any] = {"hosts": {"count": 1, "address": "public"}}
ONE_GROUP: dict[str, Any] = {"groups": 1, "elastic_ips": {"count": 1}}
NOTHING: Any = ()


@dataclass(frozen=True)
class Site:
    """What the user has: a VPC with a public subnet, in which there is an interface, and two Elastic IPs."""

    ec2: EC2Client
    vpc: str
    gateway: str
    subnet: str
    table: str
    interface: str
    office: str
    spare: str

    def described(self) -> dict[str, Any]:
        """All that AWS says of it, and of all else in the VPC."""
        ec2: Any = self.ec2
        inside = [{"Name": "vpc-id", "Values": [self.vpc]}]
        answers: dict[str, Any] = {
            "vpcs": ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"],
            "subnets": ec2.describe_subnets(Filters=inside)["Subnets"],
            "gateways": ec2.describe_internet_gateways(InternetGatewayIds=[self.gateway])["InternetGateways"],
            "tables": ec2.describe_route_tables(Filters=inside)["RouteTables"],
            "groups": ec2.describe_security_groups(Filters=inside)["SecurityGroups"],
            "interfaces": ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"],
            "acls": ec2.describe_network_acls(Filters=inside)["NetworkAcls"],
            "addresses": ec2.describe_addresses(AllocationIds=[self.office, self.spare])["Addresses"],
        }
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            answer = dict(ec2.describe_vpc_attribute(VpcId=self.vpc, Attribute=name))
            answers[name] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        return answers


@pytest.fixture(scope="module")
def site(ec2: EC2Client) -> Site:
    def tagged(kind: Any) -> Any:
        return [{"ResourceType": kind, "Tags": TAGS}]

    vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
    gateway = made["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    where: Any = {"VpcId": vpc, "CidrBlock": "10.50.4.0/22", "AvailabilityZone": "eu-west-3b"}
    subnet = ec2.create_subnet(**where, TagSpecifications=tagged("subnet"))["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.50.4.200", Description="a printer")
    office, spare = (
        ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"] for _ in range(2)
    )
    number = interface["NetworkInterface"]["NetworkInterfaceId"]
    return Site(ec2, vpc, gateway, subnet, table, number, office, spare)


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, Any]:
    return site.described()


@pytest.fixture(scope="module")
def first(make_cluster: Any) -> Any:
    return make_cluster("own-subnet")


@pytest.fixture(scope="module")
def second(make_cluster: Any) -> Any:
    return make_cluster("existing-subnet")


@pytest.fixture(scope="module")
def applied(first: Any, second: Any, site: Site, before: Any) -> Any:
    """Both clusters, made at the same time: plan and outputs of each."""
    with ThreadPoolExecutor() as pool:
        specs = (first_spec(first, site, office=site.office), second_spec(second, site))
        return tuple(pool.map(lambda cluster, spec: cluster.apply(spec), (first, second), specs))


def first_spec(first: Any, site: Site, *, eips: int = 1, **existing: str) -> Any:
    network = {"vpc_id": site.vpc, "subnet": "10.50.8.0/22"}
    public = {**ONE_GROUP, "elastic_ips": {"count": eips}, "existing": existing}
    return first.spec(aws={"network": network}, **SMALL, public_network=public)


def second_spec(second: Any, site: Site, **public: Any) -> Any:
    network = {"vpc_id": site.vpc, "subnet_id": site.subnet}
    return second.spec(name="edge-lyon", aws={"network": network}, **SMALL, public_network={**ONE_GROUP, **public})


def test_preflight_finds_nothing_wrong(first: Any, second: Any, site: Site, before: Any) -> None:
    own = first.plane(first_spec(first, site, office=site.office)).preflight()
    existing = second.plane(second_spec(second, site)).preflight()
    verdicts = {one.check: one.verdict for one in (*own, *existing)}
    assert verdicts["existing VPC"] is verdicts["existing Elastic IPs"] is Verdict.OK
    assert "VPCs" not in verdicts


def test_a_cluster_in_an_existing_vpc_makes_a_subnet_only(applied: Any, site: Site, before: Any) -> None:
    plan, outputs = applied[0]
    kinds = {change.kind for change in plan.changes}
    assert {"subnet", "route table", "route", "elastic ip association"} <= kinds
    assert not {"vpc", "internet gateway"} & kinds
    assert (outputs.vpc_id, outputs.vpc_cidr, outputs.subnet_cidr) == (site.vpc, "10.50.0.0/16", "10.50.8.0/22")
    office = outputs.eips["office"]
    assert (office.allocation_id, office.public_address) == (site.office, before["addresses"][0]["PublicIp"])
    assert office == plan.predicted.eips["office"]
    [address] = site.ec2.describe_addresses(AllocationIds=[site.office])["Addresses"]
    assert address["PrivateIpAddress"] == office.private_address == "10.50.10.98"  # the top pair: 49 fit an interface
    assert address["NetworkInterfaceId"] == outputs.groups["group-0"].interface_id
    assert address["Tags"] == before["addresses"][0]["Tags"]


def test_a_second_cluster_beside_it_uses_a_subnet_as_it_is(applied: Any, site: Site) -> None:
    plan, outputs = applied[1]
    assert not {"vpc", "internet gateway", "subnet", "route table", "route"} & {change.kind for change in plan.changes}
    assert (outputs.subnet_id, outputs.subnet_cidr, outputs.zone) == (site.subnet, "10.50.4.0/22", "eu-west-3b")
    assert outputs.hosts["host-0"].private_address == "10.50.4.10"
    assert outputs.hosts["host-0"].public_address
    assert outputs.eips["eip-0"].private_address == "10.50.6.2"


@pytest.mark.usefixtures("applied")
def test_a_second_run_has_nothing_to_do(second: Any, site: Site) -> None:
    spec = second_spec(second, site)
    plan = second.plan(spec)
    assert (plan.changes, plan.pending) == (NOTHING, False)
    plane = second.plane(spec)
    assert [one for one in plane.preflight(plane.current()) if one.verdict is Verdict.FAILURE] == []


@pytest.mark.usefixtures("applied")
def test_a_cluster_without_its_state_is_found(first: Any, second: Any, site: Site) -> None:
    for cluster, spec in ((first, first_spec(first, site)), (second, second_spec(second, site))):
        plane = cluster.plane(spec)
        assert plane.clusters_named() == {site.vpc: plane.current().outputs.uuid}


@pytest.mark.usefixtures("applied")
def test_an_elastic_ip_of_the_other_cluster_is_refused(second: Any, site: Site) -> None:
    with pytest.raises(RefusedChangeError, match=r"existing\.mine: eipalloc-\w+ is associated with 10\.50\.10\.98"):
        second.plan(second_spec(second, site, existing={"mine": site.office}))


@pytest.mark.usefixtures("applied")
def test_one_more_is_associated_and_changes_nothing_else(first: Any, site: Site) -> None:
    plan, outputs = first.apply(first_spec(first, site, office=site.office, spare=site.spare))
    assert [(change.action, change.kind, change.key) for change in plan.changes] == [
        ("create", "elastic ip association", "spare")
    ]
    assert outputs.eips["spare"].private_address == "10.50.10.96"
    assert list(outputs.eips) == ["eip-0", "office", "spare"]


def test_another_id_for_a_key_and_another_key_for_an_id_are_refused(first: Any, site: Site) -> None:
    with pytest.raises(RefusedChangeError) as caught:
        first.plan(first_spec(first, site, office=site.spare, spare=site.office))
    assert [text.split(":")[0] for text in caught.value.refusals] == [
        "public_network.existing.office",
        "public_network.existing.spare",
    ]
    with pytest.raises(RefusedChangeError, match="has the key office"):
        first.plan(first_spec(first, site, branch=site.office, spare=site.spare))


@pytest.mark.full
def test_an_association_that_a_killed_run_made_is_imported(first: Any, site: Site) -> None:
    spec = first_spec(first, site, office=site.office, spare=site.spare)
    first.plane(spec)._terraform.state_rm(['module.eips.aws_eip_association.existing["spare"]'])
    plan, outputs = first.apply(spec)
    assert [(change.kind, change.key, change.why) for change in plan.changes] == [
        ("elastic ip association", "spare", "created by a run that was killed; imported")
    ]
    assert outputs.eips["spare"].private_address == "10.50.10.96"


@pytest.mark.full
def test_one_that_is_in_use_elsewhere_since_then_stays_there(first: Any, site: Site) -> None:
    """The provider would: it never sends `AllowReassociation = false`."""
    spec = first_spec(first, site, office=site.office, spare=site.spare)
    [address] = site.ec2.describe_addresses(AllocationIds=[site.spare])["Addresses"]
    site.ec2.associate_address(AllocationId=site.spare, NetworkInterfaceId=site.interface, AllowReassociation=True)
    with pytest.raises(RefusedChangeError, match=r"existing\.spare: eipalloc-\w+ is associated with 10\.50\.4\.200"):
        first.plan(spec)
    [now] = site.ec2.describe_addresses(AllocationIds=[site.spare])["Addresses"]
    site.ec2.disassociate_address(AssociationId=now["AssociationId"])
    plan, _ = first.apply(spec)
    assert [(change.kind, change.key, change.why) for change in plan.changes] == [
        ("elastic ip association", "spare", "deleted outside")
    ]
    [again] = site.ec2.describe_addresses(AllocationIds=[site.spare])["Addresses"]
    assert again["PrivateIpAddress"] == address["PrivateIpAddress"]


def test_one_that_is_removed_is_disassociated(first: Any, site: Site, before: Any) -> None:
    plan, outputs = first.apply(first_spec(first, site, eips=2, office=site.office))
    assert ("delete", "elastic ip association", "spare", "no longer in the spec") in {
        (change.action, change.kind, change.key, change.why) for change in plan.changes
    }
    assert "elastic ip" not in {change.kind for change in plan.changes if change.action == "delete"}
    assert list(outputs.eips) == ["eip-0", "eip-1", "office"]
    assert site.described()["addresses"][1] == before["addresses"][1]


def test_vpc_and_subnet_cannot_change(first: Any, second: Any, site: Site) -> None:
    own = second.spec(name="edge-lyon", **SMALL, public_network=ONE_GROUP)
    with pytest.raises(RefusedChangeError, match=f"write `vpc_id: {site.vpc}`"):
        second.plan(own)
    network = {"vpc_id": site.vpc, "subnet": "10.50.4.0/22"}
    with pytest.raises(RefusedChangeError, match=f"write `subnet_id: {site.subnet}`"):
        second.plan(second.spec(name="edge-lyon", aws={"network": network}, **SMALL, public_network=ONE_GROUP))


@pytest.mark.usefixtures("applied")
def test_after_both_are_destroyed_everything_is_as_before(first: Any, second: Any, site: Site, before: Any) -> None:
    def destroy(cluster: Any, spec: Any) -> set[str]:
        plane = cluster.plane(spec)
        plan = plane.destroy(plane.current())
        plane.apply(plan)
        return {change.kind for change in plan.changes}

    with ThreadPoolExecutor() as pool:
        specs = (first_spec(first, site), second_spec(second, site))
        own, existing = pool.map(destroy, (first, second), specs)
    assert "subnet" in own
    assert not {"vpc", "internet gateway"} & own
    assert not {"vpc", "internet gateway", "subnet", "route table"} & existing
    assert site.described() == before

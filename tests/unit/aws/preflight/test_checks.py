"""What a replaced host needs from the quota of vCPUs, and checks that AWS does not answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, cast

import pytest

from edgewrap.aws.existing.addresses import Allocation
from edgewrap.aws.existing.network import Interface
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.preflight.checks import DISKS, AwsPreflight
from edgewrap.aws.preflight.quotas import vcpu_quota
from edgewrap.aws.preflight.topics import Topic
from edgewrap.finding import Finding, Verdict
from tests.support.aws_plane import OFFICE, VPC, FixedLookups, first_inputs, make_spec
from tests.support.scripted import Scripted

SPEC = make_spec()
VCPUS = vcpu_quota("c5.metal")
STORE = [{"Count": 4, "SizeInGB": 900, "Type": "ssd"}]
C5D = {"InstanceStorageInfo": {"Disks": STORE, "NvmeSupport": "required"}}
OLD = {
    "InstanceStorageInfo": {"Disks": STORE, "NvmeSupport": "unsupported"},
    "EbsInfo": {"NvmeSupport": "unsupported"},
}


@pytest.mark.parametrize(
    ("state", "replaced", "limit", "verdict", "text"),
    [
        ("stopped", ("host-1",), 287, Verdict.FAILURE, "192 of 287 in use, 96 to add: 1 too many"),
        ("stopped", ("host-1",), 288, Verdict.OK, "192 of 288 in use, 96 to add, 0 left after that"),
        ("stopped", (), 192, Verdict.OK, "192 of 192 in use, 0 to add"),
        ("running", ("host-1",), 288, Verdict.OK, "288 of 288 in use, 0 to add"),
    ],
)
def test_replacing_a_stopped_host_needs_quota_and_a_running_one_does_not(
    state: str, replaced: tuple[str, ...], limit: int, verdict: Verdict, text: str
) -> None:
    inputs = first_inputs(SPEC)
    instances = [
        {
            "InstanceType": "c5.metal",
            "State": {"Name": state if key == "host-1" else "running"},
            "Tags": [{"Key": "edgewrap:uuid", "Value": inputs.uuid}, {"Key": "edgewrap:key", "Value": key}],
        }
        for key in ("host-0", "host-1", "host-2")
    ]
    sizes = {"InstanceTypes": [{"InstanceType": "c5.metal", "VCpuInfo": {"DefaultVCpus": 96}}]}
    assert VCPUS is not None
    aws = Scripted(SPEC)
    aws.stub("ec2").add_response("describe_instance_types", sizes)
    aws.stub("ec2").add_response("describe_instances", {"Reservations": [{"Instances": instances}]})
    aws.stub("ec2").add_response("describe_instance_types", sizes)
    aws.value("get_service_quota", VCPUS, float(limit))
    preflight = AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), inputs, replaced)
    finding = preflight._vcpus()
    assert (finding.verdict, finding.text) == (verdict, text)
    aws.done()


@pytest.mark.parametrize(
    ("code", "first", "zone", "offer", "interfaces"),
    [
        ("InternalError", True, "auto", Verdict.FAILURE, Verdict.FAILURE),
        ("InternalError", False, "eu-west-3a", Verdict.FAILURE, Verdict.FAILURE),
        ("UnauthorizedOperation", True, "auto", Verdict.FAILURE, Verdict.FAILURE),
        ("UnauthorizedOperation", True, "eu-west-3a", Verdict.WARNING, Verdict.FAILURE),
        ("UnauthorizedOperation", False, "auto", Verdict.WARNING, Verdict.WARNING),
    ],
)
def test_what_a_run_must_know_and_aws_does_not_answer_is_a_failure(
    code: str, first: bool, zone: str, offer: Verdict, interfaces: Verdict
) -> None:
    """The run asks EC2 the same, so it could not work: `preflight` does not end with code 0."""
    spec = make_spec(aws={"zone": zone})
    aws = Scripted(spec)
    aws.caller()
    aws.refuse("ec2", "describe_instance_types", code)
    inputs = None if first else first_inputs(SPEC)
    preflight = AwsPreflight(spec, aws.clients, AwsLookups(spec, aws.clients), inputs)
    refused = Scripted(spec)  # checks run side by side, and scripted answers have one order
    refused.refuse("ec2", "describe_instance_type_offerings", code)
    offered = AwsPreflight(spec, refused.clients, AwsLookups(spec, refused.clients), inputs)
    preflight._checks = lambda topics: {"instance type": offered._offer}  # type: ignore[method-assign]
    _, *found = preflight.everything()
    assert [one.verdict for one in found] == [offer, interfaces]
    assert all(code in one.text for one in found)


@pytest.mark.parametrize(
    ("kind", "disk", "info", "verdict", "text"),
    [
        ("c5d.metal", "instance-store", C5D, Verdict.OK, "instance store of 4 x 900 GB on each host; lost when"),
        ("c5.metal", "instance-store", {}, Verdict.FAILURE, "c5.metal has no instance store"),
        ("i2.xlarge", "instance-store", OLD, Verdict.FAILURE, "i2.xlarge is of an old generation"),
        ("c5.metal", {"gb": 100}, {}, Verdict.OK, "an EBS volume for each host"),
        ("m4.large", {"gb": 100}, OLD, Verdict.FAILURE, "m4.large is of an old generation"),
    ],
)
def test_the_instance_type_has_the_disk(kind: str, disk: Any, info: Any, verdict: Verdict, text: str) -> None:
    spec = make_spec(hosts={"instance_type": kind, "hypervisor": "lxc", "datastore_volume": disk})
    aws = Scripted(spec)
    aws.stub("ec2").add_response("describe_instance_types", {"InstanceTypes": [{"InstanceType": kind, **info}]})
    preflight = AwsPreflight(spec, aws.clients, AwsLookups(spec, aws.clients), None)
    found = preflight._checks([Topic.HOSTS])[DISKS]()
    assert (found.verdict, found.text[: len(text)]) == (verdict, text)
    aws.done()


def test_the_root_volume_needs_no_check() -> None:
    aws = Scripted(SPEC)
    assert DISKS not in AwsPreflight(SPEC, aws.clients, AwsLookups(SPEC, aws.clients), None)._checks(tuple(Topic))


NETWORK = {"vpc_id": "vpc-0123456789abcdef0", "subnet_id": "subnet-0123456789abcdef0"}
EXISTING = make_spec(aws={"network": NETWORK}, public_network={"existing": {"office": OFFICE.allocation_id}})


def judged(lookups: FixedLookups, inputs: Inputs | None, topics: Collection[Topic]) -> dict[str, Finding]:
    aws = Scripted(EXISTING)
    preflight = AwsPreflight(EXISTING, aws.clients, cast("AwsLookups", lookups), inputs)
    checks = preflight._checks(topics)
    return {name: checks[name]() for name in ("existing VPC", "VPCs", "addresses of the VPC") if name in checks}


@pytest.mark.parametrize("topics", [tuple(Topic), (Topic.VPC,), (Topic.HOSTS,)])
def test_an_existing_vpc_is_checked_instead_of_the_quota(topics: tuple[Topic, ...]) -> None:
    """Also later, for new hosts: their addresses must be free."""
    for inputs in (None, first_inputs(EXISTING)):
        assert [one.verdict for one in judged(FixedLookups(), inputs, topics).values()] == [Verdict.OK]
    printer = Interface("eni-1", "a printer", (IPv4Network("10.0.4.10/32"),))
    wrong = FixedLookups(vpc=replace(VPC, gateway="", interfaces=(printer,)))
    [finding] = judged(wrong, None, topics).values()
    assert finding.verdict is Verdict.FAILURE
    assert "has no internet gateway; aws.network.subnet_id: host-0 needs 10.0.4.10" in finding.text
    assert "attach one" in finding.advice


def test_nothing_is_read_of_a_vpc_for_other_changes() -> None:
    assert judged(FixedLookups(), first_inputs(EXISTING), [Topic.ELASTIC_IPS, Topic.RULES]) == {}


def test_the_zone_and_the_addresses_of_an_existing_subnet_are_read() -> None:
    preflight = AwsPreflight(EXISTING, Scripted(EXISTING).clients, cast("AwsLookups", FixedLookups()), None)
    assert "room for 196 Elastic IPs in 4 groups" in preflight._interfaces().text
    gone = cast("AwsLookups", FixedLookups(vpc=replace(VPC, subnets=())))
    found = AwsPreflight(EXISTING, Scripted(EXISTING).clients, gone, None)._interfaces()
    assert (found.verdict, "room" in found.text) == (Verdict.OK, False)


@pytest.mark.parametrize(
    ("known", "verdict", "text"),
    [
        ({OFFICE.allocation_id: OFFICE}, Verdict.OK, "office: in the account, and not used elsewhere"),
        ({}, Verdict.FAILURE, "public_network.existing.office: the account has no Elastic IP"),
    ],
)
def test_existing_elastic_ips(known: dict[str, Allocation], verdict: Verdict, text: str) -> None:
    lookups = cast("AwsLookups", FixedLookups(elastic_ips=known))
    finding = AwsPreflight(EXISTING, Scripted(EXISTING).clients, lookups, None)._existing_elastic_ips()
    assert (finding.verdict, finding.text.startswith(text)) == (verdict, True)

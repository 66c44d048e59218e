"""What a replaced host needs from the quota of vCPUs, and checks that AWS does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.preflight.checks import DISKS, AwsPreflight
from edgewrap.aws.preflight.quotas import vcpu_quota
from edgewrap.aws.preflight.topics import Topic
from edgewrap.finding import Verdict
from tests.support.aws_plane import first_inputs, make_spec
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

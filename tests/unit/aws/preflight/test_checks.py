"""What a replaced host needs from the quota of vCPUs."""

from __future__ import annotations

import pytest

from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.preflight.checks import AwsPreflight
from edgewrap.aws.preflight.quotas import vcpu_quota
from edgewrap.finding import Verdict
from tests.support.aws_plane import first_inputs, make_spec
from tests.support.scripted import Scripted

SPEC = make_spec()
VCPUS = vcpu_quota("c5.metal")


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

"""Instances that take a while to stop: what AWS refuses in that time. And status checks that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from edgewrap.lab.aws.client import LabAwsClient
from tests.support.aws import AwsAccount, refused

SLOW_S = 0.5


@pytest.fixture
def slow(lab_aws: LabAwsClient) -> Iterator[AwsAccount]:
    lab_aws.set_metal(stop_s=SLOW_S)
    yield AwsAccount(lab_aws.endpoint)
    lab_aws.set_metal(stop_s=0)


@pytest.mark.parametrize(
    ("call", "between", "end"),
    [("stop_instances", "stopping", "stopped"), ("terminate_instances", "shutting-down", "terminated")],
)
def test_an_interface_cannot_be_detached_while_its_instance_stops(
    slow: AwsAccount, lab_aws: LabAwsClient, call: str, between: str, end: str
) -> None:
    instance = slow.run()
    interface = slow.ec2.create_network_interface(SubnetId=slow.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    attached = slow.ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=1)
    [change] = next(iter(getattr(slow.ec2, call)(InstanceIds=[instance]).values()))
    assert change["CurrentState"]["Name"] == between
    assert state(slow, instance) == between
    with refused("IncorrectState"):
        slow.ec2.detach_network_interface(AttachmentId=attached["AttachmentId"], Force=True)
    serial = lab_aws.cloud().serial
    until(lambda: state(slow, instance) == end)
    assert lab_aws.cloud(serial, timeout_s=1).serial > serial  # the fabric follows
    shown = slow.shown(interface)
    assert ("Attachment" in shown) == (end == "stopped")
    if end == "stopped":
        slow.ec2.detach_network_interface(AttachmentId=attached["AttachmentId"], Force=True)


def test_status_checks_fail_and_recover(lab_aws: LabAwsClient) -> None:
    aws = AwsAccount(lab_aws.endpoint)
    instance = aws.run()

    def status() -> str:
        [found] = aws.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
        return found["SystemStatus"]["Status"]

    assert status() == "ok"
    lab_aws.set_impaired(instance)
    assert status() == "impaired"
    lab_aws.set_impaired(instance, impaired=False)
    assert status() == "ok"


def state(aws: AwsAccount, instance: str) -> str:
    return str(aws.instance(instance)["State"]["Name"])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)

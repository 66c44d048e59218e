"""The process, and the lab's own API."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from edgewrap.errors import LabError
from edgewrap.lab.aws.amis import images
from edgewrap.lab.aws.client import LabAwsClient, LabAwsProcess
from edgewrap.lab.aws.leaked_resources import leaked_resources
from edgewrap.lab.cloud import Cloud, CloudAddress, CloudInterface, CloudRule
from tests.support.aws import refused

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client

REGION = "eu-west-3"
SESSION = boto3.Session("AKIALAB", "secret-of-the-lab", region_name=REGION)
IMAGE = next(image.id for image in images() if image.newest)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5WFKMMBPxdAaCYCgOmFWFmVFhAhBKDqBJj9AtxGJvF user"


@pytest.fixture(scope="module")
def ec2(lab_aws: LabAwsClient) -> EC2Client:
    lab_aws.set_quotas(vpcs=50, elastic_ips=50)
    once = Config(retries={"total_max_attempts": 1})
    return SESSION.client("ec2", endpoint_url=lab_aws.endpoint, config=once)


class Cluster:
    """A VPC with a subnet, a host and a group's interface with two addresses, one of them with an Elastic IP."""

    def __init__(self, ec2: EC2Client) -> None:
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        ec2.modify_subnet_attribute(SubnetId=self.subnet, MapPublicIpOnLaunch={"Value": True})
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.group = ec2.create_security_group(GroupName="vms", Description="vms", VpcId=self.vpc)["GroupId"]
        self.key_pair = f"key-of-{self.vpc}"
        ec2.import_key_pair(KeyName=self.key_pair, PublicKeyMaterial=KEY.encode())
        nics: Any = [
            {
                "DeviceIndex": 0,
                "SubnetId": self.subnet,
                "PrivateIpAddress": "10.0.0.10",
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.11"}],
                "Groups": [self.group],
            }
        ]
        self.host = ec2.run_instances(
            ImageId=IMAGE,
            InstanceType="c5.metal",
            MinCount=1,
            MaxCount=1,
            KeyName=self.key_pair,
            UserData="#cloud-config\n",
            NetworkInterfaces=nics,
        )["Instances"][0]["InstanceId"]
        listed: Any = [{"PrivateIpAddress": "10.0.0.130", "Primary": True}, {"PrivateIpAddress": "10.0.0.132"}]
        self.interface = ec2.create_network_interface(
            SubnetId=self.subnet, PrivateIpAddresses=listed, Groups=[self.group]
        )["NetworkInterface"]["NetworkInterfaceId"]
        self.attachment = ec2.attach_network_interface(
            NetworkInterfaceId=self.interface, InstanceId=self.host, DeviceIndex=1
        )["AttachmentId"]
        self.elastic = ec2.allocate_address(Domain="vpc")
        self.association = ec2.associate_address(
            AllocationId=self.elastic["AllocationId"],
            NetworkInterfaceId=self.interface,
            PrivateIpAddress="10.0.0.132",
        )["AssociationId"]


def interface_of(cloud: Cloud, interface_id: str) -> CloudInterface:
    return next(interface for interface in cloud.interfaces if interface.id == interface_id)


def test_the_snapshot_has_what_the_fabric_needs(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    cluster = Cluster(ec2)
    cloud = lab_aws.cloud()
    assert cloud.vpc_cidrs[cluster.vpc] == "10.0.0.0/16"
    (host,) = (instance for instance in cloud.instances if instance.id == cluster.host)
    assert (host.state, host.generation, host.boots) == ("running", 1, 0)
    assert (host.key_name, host.public_key, host.user_data) == (cluster.key_pair, KEY, "#cloud-config\n")
    (primary,) = (each for each in cloud.interfaces if each.instance_id == cluster.host and each.device_index == 0)
    assert (primary.primary_address, primary.secondary_addresses) == ("10.0.0.10", ("10.0.0.11",))
    assert primary.secondary_at_launch == ("10.0.0.11",)
    group = interface_of(cloud, cluster.interface)
    assert (group.instance_id, group.device_index, group.primary_address) == (cluster.host, 1, "10.0.0.130")
    assert (group.secondary_addresses, group.secondary_at_launch) == (("10.0.0.132",), ())
    assert (group.security_groups, group.source_dest_check) == ((cluster.group,), True)
    addresses = {address.interface_id: address for address in cloud.addresses}
    assert addresses[cluster.interface] == CloudAddress(
        public_address=cluster.elastic["PublicIp"],
        allocation_id=cluster.elastic["AllocationId"],
        interface_id=cluster.interface,
        private_address="10.0.0.132",
    )
    assert addresses[primary.id].public_address.startswith("198.51.100.")
    assert (addresses[primary.id].allocation_id, addresses[primary.id].private_address) == ("", "10.0.0.10")


def test_the_snapshot_follows_every_kind_of_change(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    cluster = Cluster(ec2)

    def changed(cloud: Cloud) -> Cloud:
        seen = lab_aws.cloud(after=cloud.serial)
        assert seen.serial > cloud.serial
        return seen

    cloud = lab_aws.cloud()
    permissions: Any = [
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "UserIdGroupPairs": [{"GroupId": cluster.group}]},
    ]
    ec2.authorize_security_group_ingress(GroupId=cluster.group, IpPermissions=permissions)
    cloud = changed(cloud)
    rules = {rule for rule in cloud.rules if rule.group_id == cluster.group}
    given: dict[str, Any] = {"group_id": cluster.group, "direction": "ingress"}
    tcp = CloudRule(**given, protocol="tcp", from_port=80, to_port=81, cidr="192.0.2.0/24", peer_group="")
    icmp = CloudRule(**given, protocol="icmp", from_port=0, to_port=65535, cidr="", peer_group=cluster.group)
    assert {tcp, icmp} < rules
    ec2.revoke_security_group_ingress(GroupId=cluster.group, IpPermissions=permissions[:1])
    cloud = changed(cloud)
    assert {rule for rule in cloud.rules if rule.group_id == cluster.group} == rules - {tcp}

    (subnet,) = (each for each in cloud.subnets if each.id == cluster.subnet)
    assert not subnet.internet_gateway
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [cluster.vpc]}])["RouteTables"][0]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=cluster.gateway)
    cloud = changed(cloud)
    assert [each.internet_gateway for each in cloud.subnets if each.id == cluster.subnet] == [True]

    ec2.disassociate_address(AssociationId=cluster.association)
    cloud = changed(cloud)
    assert cluster.interface not in {address.interface_id for address in cloud.addresses}
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=cluster.interface, PrivateIpAddresses=["10.0.0.132"])
    cloud = changed(cloud)
    assert interface_of(cloud, cluster.interface).secondary_addresses == ()
    ec2.detach_network_interface(AttachmentId=cluster.attachment)
    cloud = changed(cloud)
    assert interface_of(cloud, cluster.interface).instance_id == ""
    ec2.modify_network_interface_attribute(NetworkInterfaceId=cluster.interface, SourceDestCheck={"Value": False})
    cloud = changed(cloud)
    assert not interface_of(cloud, cluster.interface).source_dest_check

    for act, expected in (
        (ec2.reboot_instances, ("running", 1, 1)),
        (ec2.stop_instances, ("stopped", 1, 1)),
        (ec2.start_instances, ("running", 2, 1)),
        (ec2.terminate_instances, ("terminated", 2, 1)),
    ):
        act(InstanceIds=[cluster.host])
        cloud = changed(cloud)
        (host,) = (each for each in cloud.instances if each.id == cluster.host)
        assert (host.state, host.generation, host.boots) == expected
    assert not [each for each in cloud.interfaces if each.instance_id == cluster.host]


def test_reading_does_not_increment_the_serial(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    before = lab_aws.cloud()
    ec2.describe_instances()
    ec2.describe_vpcs()
    with refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId="vpc-0123456789abcdef0")
    assert lab_aws.cloud().serial == before.serial


def test_long_poll_answers_at_the_change_or_after_the_timeout(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    before = lab_aws.cloud()
    began = time.monotonic()
    assert lab_aws.cloud(after=before.serial, timeout_s=0.3).serial == before.serial
    assert time.monotonic() - began >= 0.3
    timer = threading.Timer(0.3, lambda: ec2.create_vpc(CidrBlock="10.9.0.0/16"))
    timer.start()
    began = time.monotonic()
    assert lab_aws.cloud(after=before.serial, timeout_s=30).serial > before.serial
    assert time.monotonic() - began < 20
    timer.join()


def test_calls_are_logged_without_credentials(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    last = max((call.serial for call in lab_aws.calls()), default=0)
    ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])
    with refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId="vpc-0123456789abcdef0")
    described, deleted = lab_aws.calls(after=last)
    assert (described.service, described.region, described.action) == ("ec2", REGION, "DescribeVpcs")
    assert described.parameters == {"Filter.1.Name": "cidr", "Filter.1.Value.1": "10.0.0.0/16"}
    assert (deleted.action, deleted.status, deleted.error) == ("DeleteVpc", 400, "InvalidVpcID.NotFound")
    with urlopen(f"{lab_aws.endpoint}/_lab/requests") as answer:  # noqa: S310 (the lab's own endpoint)
        text = answer.read().decode()
    assert "AKIALAB" not in text
    assert "Signature" not in text


def test_a_repeated_write_is_executed_once(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    def number(request: Any, **_: object) -> None:
        request.headers["amz-sdk-invocation-id"] = "the same"

    ec2.meta.events.register("before-send.ec2.CreateVpc", number)
    first, second = (ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(2))
    ec2.meta.events.unregister("before-send.ec2.CreateVpc", number)
    third = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    assert first == second != third
    for vpc in (first, third):
        ec2.delete_vpc(VpcId=vpc)


def test_calls_that_moto_lacks_give_a_readable_error(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    last = max((call.serial for call in lab_aws.calls()), default=0)
    with refused("UnsupportedOperation"):
        ec2.describe_fpga_images()
    with refused("UnsupportedOperation"):
        SESSION.client("service-quotas", endpoint_url=lab_aws.endpoint).list_services()
    assert [call.error for call in lab_aws.calls(after=last)] == ["UnsupportedOperation"] * 2


def test_instances_can_stop_without_an_api_call(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    cluster = Cluster(ec2)
    lab_aws.set_instance_state(cluster.host, "stopped")
    (host,) = (each for each in lab_aws.cloud().instances if each.id == cluster.host)
    assert host.state == "stopped"
    shown = ec2.describe_instances(InstanceIds=[cluster.host])["Reservations"][0]["Instances"][0]
    assert shown["State"]["Name"] == "stopped"
    lab_aws.set_instance_state(cluster.host, "terminated")
    for instance_id, state in ((cluster.host, "asleep"), (cluster.host, "running"), ("i-0", "stopped")):
        with pytest.raises(LabError, match="refused POST"):
            lab_aws.set_instance_state(instance_id, state)


def test_leaked_resources_are_listed_until_deleted(lab_aws: LabAwsClient, ec2: EC2Client) -> None:
    before = set(leaked_resources(lab_aws.endpoint, REGION))
    cluster = Cluster(ec2)
    made = set(leaked_resources(lab_aws.endpoint, REGION)) - before
    kinds = sorted(item.rsplit(" ", 1)[0] for item in made)
    assert kinds == [
        "Elastic IP",
        "instance",
        "internet gateway",
        "key pair",
        "network interface",
        "network interface",
        "route table",
        "security group",
        "security group",
        "subnet",
        "volume",
        "vpc",
    ]
    ec2.terminate_instances(InstanceIds=[cluster.host])
    ec2.delete_network_interface(NetworkInterfaceId=cluster.interface)
    ec2.release_address(AllocationId=cluster.elastic["AllocationId"])
    ec2.detach_internet_gateway(InternetGatewayId=cluster.gateway, VpcId=cluster.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=cluster.gateway)
    ec2.delete_security_group(GroupId=cluster.group)
    ec2.delete_subnet(SubnetId=cluster.subnet)
    ec2.delete_vpc(VpcId=cluster.vpc)
    ec2.delete_key_pair(KeyName=cluster.key_pair)
    assert set(leaked_resources(lab_aws.endpoint, REGION)) == before


def test_one_of_many_concurrent_writers_creates_the_lock_object(lab_aws: LabAwsClient) -> None:
    s3: S3Client = SESSION.client("s3", endpoint_url=lab_aws.endpoint)
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})

    def put(writer: int) -> str:
        try:
            s3.put_object(Bucket="state", Key="lock", Body=str(writer).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(put, range(8)))
    assert answers == ["PreconditionFailed"] * 7 + ["won"]


def test_there_is_a_versioned_bucket_for_states(lab_aws: LabAwsClient) -> None:
    s3 = SESSION.client("s3", endpoint_url=lab_aws.endpoint)
    for body in (b"1", b"2"):
        s3.put_object(Bucket="edgewrap-lab", Key="edge.tfstate", Body=body)
    assert len(s3.list_object_versions(Bucket="edgewrap-lab")["Versions"]) == 2


def test_sigterm_ends_the_server_cleanly_and_the_log_stays(tmp_path: Path) -> None:
    process = LabAwsProcess(tmp_path, arguments=["--quotas", '{"elastic_ips": 7}'])
    client = process.wait_ready()
    assert client.quotas().elastic_ips == 7
    assert _listening_addresses(process.pid, urlsplit(client.endpoint).port or 0) == {"0100007F"}  # 127.0.0.1
    SESSION.client("ec2", endpoint_url=client.endpoint).describe_regions()
    poll = threading.Thread(target=_poll_until_it_ends, args=(client,), daemon=True)
    poll.start()
    began = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began < 5  # a poll that waits for a change does not hold it up
    poll.join(10)
    (line,) = (tmp_path / "requests.ndjson").read_text().splitlines()
    assert json.loads(line)["action"] == "DescribeRegions"
    with pytest.raises(LabError, match="does not answer"):
        client.cloud()


def _poll_until_it_ends(client: LabAwsClient) -> None:
    with contextlib.suppress(LabError):
        client.cloud(after=10**9, timeout_s=30)


def _listening_addresses(pid: int, port: int) -> set[str]:
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    lines += Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]
    places = [line.split()[1].split(":") for line in lines if line.split()[3] == "0A"]
    return {address for address, number in places if int(number, 16) == port}


def test_it_ends_with_its_parent_process(tmp_path: Path) -> None:
    starter = (
        "import sys\n"
        "from pathlib import Path\n"
        "from edgewrap.lab.aws.client import LabAwsProcess\n"
        "process = LabAwsProcess(Path(sys.argv[1]))\n"
        "process.wait_ready()\n"
        "print(process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/status").exists() and "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline, "it outlives the process that started it"
        time.sleep(0.1)


def test_a_port_in_use_is_an_error_with_its_cause(lab_aws: LabAwsClient, tmp_path: Path) -> None:
    process = LabAwsProcess(tmp_path, port=urlsplit(lab_aws.endpoint).port or 0)
    with pytest.raises(LabError, match="ended while it started"):
        process.wait_ready()
    process.stop()


def test_invalid_quotas_on_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "edgewrap.lab.aws",
            "--port",
            "0",
            "--directory",
            str(tmp_path),
            "--quotas",
            '{"ip": 1}',
        ],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    assert "ip" in done.stderr
    assert not list(tmp_path.iterdir())

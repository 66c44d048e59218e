"""What tests of the lab's fabric and hosts build with boto3 alone, and how they look at it."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewrap.lab import control
from edgewrap.lab.directory import LabDirectory
from tests.support.lab import CLONE_NEWNET, Lab

SETTLE_S = 20.0
_NSENTER = {"mnt": "mount"}
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Network:
    """A VPC with DNS hostnames and an internet gateway, one subnet that gives public addresses, two security groups."""

    vpc: str
    subnet: str
    hosts_group: str
    vms_group: str


@dataclass(frozen=True)
class Instance:
    """A running instance."""

    id: str
    key: str
    private: str
    public: str
    interface: str


class LabCloud:
    """boto3's EC2 against a lab, and the network seen from the lab's places."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._directory = LabDirectory(lab.directory.name, lab.directory)

    def call(self, operation: str, **parameters: Any) -> Any:
        """One EC2 call (`run_instances`)."""
        with self.lab.network():
            return getattr(self.lab.ec2, operation)(**parameters)

    def make_network(self, cidr: str = "10.0.0.0/16", subnet: str = "10.0.0.0/24") -> Network:
        """Create what hosts need."""
        vpc = self.call("create_vpc", CidrBlock=cidr)["Vpc"]["VpcId"]
        self.call("modify_vpc_attribute", VpcId=vpc, EnableDnsHostnames={"Value": True})
        gateway = self.call("create_internet_gateway")["InternetGateway"]["InternetGatewayId"]
        self.call("attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
        subnet_id = self.call("create_subnet", VpcId=vpc, CidrBlock=subnet)["Subnet"]["SubnetId"]
        self.call("modify_subnet_attribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
        table = self.call("create_route_table", VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.call("create_route", RouteTableId=table, DestinationCidrBlock=ANYWHERE, GatewayId=gateway)
        self.call("associate_route_table", RouteTableId=table, SubnetId=subnet_id)
        hosts = self.make_group(vpc, "hosts", rule("tcp", 22), rule("icmp", -1))
        self.allow(hosts, {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": hosts}]})
        vms = self.make_group(vpc, "vms", rule("-1"))
        key = (self.lab.directory / "home" / ".ssh" / "id_ed25519.pub").read_bytes()
        if not self.call("describe_key_pairs")["KeyPairs"]:
            self.call("import_key_pair", KeyName="lab", PublicKeyMaterial=key)
        return Network(vpc, subnet_id, hosts, vms)

    def make_group(self, vpc: str, name: str, *rules: dict[str, Any]) -> str:
        """A security group with these rules inwards; AWS itself allows everything outwards."""
        group: str = self.call("create_security_group", GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for each in rules:
            self.allow(group, each)
        return group

    def allow(self, group: str, permission: dict[str, Any]) -> None:
        """Allow something inwards."""
        self.call("authorize_security_group_ingress", GroupId=group, IpPermissions=[permission])

    def revoke(self, group: str, permission: dict[str, Any]) -> None:
        """Revoke it."""
        self.call("revoke_security_group_ingress", GroupId=group, IpPermissions=[permission])

    def launch(self, network: Network, index: int, cluster: str = "t", user_data: str = "") -> Instance:
        """Run the instance `host-INDEX` at the subnet's address 10 + index."""
        image = self.call("describe_images")["Images"][0]["ImageId"]
        base = self.call("describe_subnets", SubnetIds=[network.subnet])["Subnets"][0]["CidrBlock"].rpartition(".")[0]
        tags = [{"Key": "edgewrap:key", "Value": f"host-{index}"}, {"Key": "Name", "Value": f"{cluster}-host-{index}"}]
        made = self.call(
            "run_instances",
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            InstanceType="c5.metal",
            KeyName="lab",
            UserData=user_data,
            NetworkInterfaces=[
                {
                    "DeviceIndex": 0,
                    "SubnetId": network.subnet,
                    "Groups": [network.hosts_group],
                    "PrivateIpAddress": f"{base}.{10 + index}",
                }
            ],
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        return self.instance(made["Instances"][0]["InstanceId"])

    def instance(self, instance_id: str) -> Instance:
        """The instance as it is now."""
        found = self.call("describe_instances", InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        return Instance(
            id=instance_id,
            key=tags["Name"],
            private=found["PrivateIpAddress"],
            public=found.get("PublicIpAddress", ""),
            interface=found["NetworkInterfaces"][0]["NetworkInterfaceId"],
        )

    def make_interface(self, network: Network, *addresses: str) -> str:
        """An interface of its own, its primary address first."""
        listed = [{"PrivateIpAddress": address, "Primary": address == addresses[0]} for address in addresses]
        made = self.call(
            "create_network_interface", SubnetId=network.subnet, Groups=[network.vms_group], PrivateIpAddresses=listed
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def attach(self, interface: str, instance: Instance, index: int = 1) -> str:
        """Attach an interface; returns the attachment's id."""
        made = self.call(
            "attach_network_interface", NetworkInterfaceId=interface, InstanceId=instance.id, DeviceIndex=index
        )
        return str(made["AttachmentId"])

    def make_eip(self) -> tuple[str, str]:
        """An Elastic IP: allocation id and address."""
        made = self.call("allocate_address", Domain="vpc")
        return made["AllocationId"], made["PublicIp"]

    def associate(self, allocation: str, interface: str, address: str) -> None:
        """Associate an Elastic IP, wherever it was before."""
        self.call(
            "associate_address",
            AllocationId=allocation,
            NetworkInterfaceId=interface,
            PrivateIpAddress=address,
            AllowReassociation=True,
        )

    def ready(self, *instances: Instance) -> None:
        """Wait until the hosts answer by SSH."""
        for instance in instances:
            wait_until(lambda instance=instance: self.ssh(instance.public, "true").returncode == 0)  # type: ignore[misc]

    def ssh(
        self, address: str, command: str, *, user: str = "ubuntu", options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at an address by SSH, from where the tool runs; whatever key the host shows is taken."""
        return subprocess.run(
            [
                *("nsenter", f"--net=/proc/{self.lab.facts['init']['pid']}/ns/net", "ssh", "-F", "none", "-T"),
                *("-i", str(self.lab.directory / "home" / ".ssh" / "id_ed25519"), "-o", "BatchMode=yes"),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
                *(*options, "-o", "ConnectTimeout=3", f"{user}@{address}", command),  # the first one counts
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def on(self, host: Instance | str, script: str) -> str:
        """Run a shell script as root on a host, or in another place of the lab; returns what it prints.

        The same as `lab exec --in`, without the tool's own start.
        """
        place = host if isinstance(host, str) else host.id
        found = control.ask(self._directory, "place", name=place)["namespaces"]
        root = f"/proc/{self.lab.facts['init']['pid']}/root"
        options = [f"--{_NSENTER.get(kind, kind)}={root}{file}" for kind, file in found.items()]
        done = subprocess.run(
            ["nsenter", *options, "sh", "-ec", script],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{place}: {script!r} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, what: str, **arguments: Any) -> Any:
        """Ask the lab's daemon, as `edgewrap lab` does (`vm start`). Raises LabError."""
        return control.ask(self._directory, what, **arguments)

    def status(self) -> dict[str, Any]:
        """What `lab status --json` prints."""
        answer: dict[str, Any] = control.ask(self._directory, "status")
        return answer

    def host(self, instance: Instance) -> dict[str, Any]:
        """The lab's own word on one host."""
        found: dict[str, Any] = next(host for host in self.status()["hosts"] if host["instance"] == instance.id)
        return found

    def dropped(self) -> dict[str, int]:
        """The fabric's counters."""
        counters: dict[str, int] = self.status()["dropped"]
        return counters

    def opens(self, address: str, port: int, *, place: str = "", timeout: float = 0.5) -> str:
        """Connect from a place (`""`: where the tool runs): `open`, `refused`, `silent`, or the error's name.

        If the other side sends a line at once, the answer is `open LINE`.
        """
        with self.entered(place), socket.socket() as client:
            client.settimeout(timeout)
            try:
                client.connect((address, port))
                client.settimeout(0.5)
                try:
                    return f"open {client.recv(100).decode().strip()}".strip()
                except TimeoutError:
                    return "open"
            except TimeoutError:
                return "silent"
            except ConnectionRefusedError:
                return "refused"
            except OSError as error:
                return type(error).__name__ if error.errno is None else os.strerror(error.errno)

    @contextmanager
    def entered(self, place: str) -> Iterator[None]:
        """Within the block this thread is in a named network namespace of the lab."""
        if not place:
            with self.lab.network():
                yield
            return
        libc = ctypes.CDLL(None, use_errno=True)
        root = Path(f"/proc/{self.lab.facts['init']['pid']}/root/run/netns")
        with ExitStack() as stack:
            home = stack.enter_context(Path("/proc/thread-self/ns/net").open())
            there = stack.enter_context((root / place).open())
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)


def rule(protocol: str, port: int | None = None, cidr: str = ANYWHERE) -> dict[str, Any]:
    """A permission for boto3."""
    ports = {} if port is None else {"FromPort": port, "ToPort": port}
    return {"IpProtocol": protocol, **ports, "IpRanges": [{"CidrIp": cidr}]}


def wait_until(holds: Callable[[], bool], timeout_s: float = SETTLE_S) -> None:
    """Wait until something holds. Raises AssertionError."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.03)

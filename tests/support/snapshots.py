"""Hand-made snapshots of AWS."""

from __future__ import annotations

from edgewrap.lab.cloud import Cloud, CloudAddress, CloudInstance, CloudInterface, CloudRule, CloudSubnet
from edgewrap.lab.fabric.desired import Vpc, desired_vpcs

INSTANCE = "i-0000000000000000a"
OTHER = "i-0000000000000000b"


def interface(number: int, instance: str = INSTANCE, index: int = 0, **changes: object) -> CloudInterface:
    """`eni-…NUMBER` with the primary address 10.0.0.NUMBER."""
    values: dict[str, object] = {
        "id": f"eni-{number:017x}",
        "mac": f"02:00:00:00:00:{number:02x}",
        "subnet_id": "subnet-1",
        "primary_address": f"10.0.0.{number}",
        "secondary_addresses": (),
        "instance_id": instance,
        "device_index": index,
        "security_groups": ("sg-hosts",),
        "source_dest_check": True,
    }
    return CloudInterface.model_validate({**values, **changes})


def instance(instance_id: str = INSTANCE, **changes: object) -> CloudInstance:
    """A running instance."""
    values: dict[str, object] = {
        "id": instance_id,
        "state": "running",
        "generation": 1,
        "boots": 0,
        "key_name": "lab",
        "public_key": "ssh-ed25519 AAAA lab",
        "user_data": "",
        "tags": {"edgewrap:key": "host-0"},
    }
    return CloudInstance.model_validate({**values, **changes})


def rule(group: str = "sg-hosts", direction: str = "ingress", protocol: str = "all", **changes: object) -> CloudRule:
    """A rule that allows everything from and to everywhere."""
    values: dict[str, object] = {
        "group_id": group,
        "direction": direction,
        "protocol": protocol,
        "from_port": 0,
        "to_port": 65535,
        "cidr": "0.0.0.0/0",
        "peer_group": "",
    }
    return CloudRule.model_validate({**values, **changes})


def address(public: str, of: CloudInterface, private: str = "", allocation: str = "eipalloc-1") -> CloudAddress:
    """A public address of an interface."""
    return CloudAddress(
        public_address=public,
        allocation_id=allocation,
        interface_id=of.id,
        private_address=private or of.primary_address,
    )


def snapshot(
    *interfaces: CloudInterface,
    addresses: tuple[CloudAddress, ...] = (),
    rules: tuple[CloudRule, ...] = (),
    gateway: bool = True,
) -> Cloud:
    """One VPC with one subnet and these interfaces."""
    return Cloud(
        serial=1,
        vpc_cidrs={"vpc-1": "10.0.0.0/16", "vpc-2": "10.0.0.0/16"},
        subnets=(
            CloudSubnet(id="subnet-1", vpc_id="vpc-1", cidr="10.0.0.0/24", internet_gateway=gateway),
            CloudSubnet(id="subnet-2", vpc_id="vpc-2", cidr="10.0.64.0/18", internet_gateway=gateway),
        ),
        instances=(instance(),),
        interfaces=interfaces,
        addresses=addresses,
        rules=rules,
    )


def vpc(*rules: CloudRule, gateway: bool = True, checked: bool = True) -> Vpc:
    """The VPC of one host with a group's interface, as the fabric needs it."""
    host = interface(10, source_dest_check=checked)
    group = interface(128, index=1, secondary_addresses=("10.0.0.130",), security_groups=("sg-hosts", "sg-vms"))
    public = (address("198.51.100.1", host), address("203.0.113.1", group, "10.0.0.130"))
    (made,) = desired_vpcs(snapshot(host, group, addresses=public, rules=rules, gateway=gateway), {INSTANCE: "h"})
    return made

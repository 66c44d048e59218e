"""What an earlier run made in AWS and lost: its Terraform was killed before it had noted it in the state.

It is looked for by the cluster's UUID in its tags, and only among the kinds of which something is about to be made:
where nothing is, AWS is not asked. What is found is imported by the next plan instead of being made a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgewrap.aws.clients import Clients
from edgewrap.aws.render.rule_meaning import canonical_key
from edgewrap.aws.render.variables import Variables

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

IMPORTS_FILE = "imports.tf.json"

VPC = "module.network.aws_vpc.this"
SUBNET = "module.network.aws_subnet.this"
GATEWAY = "module.network.aws_internet_gateway.this"
ROUTE_TABLE = "module.network.aws_route_table.this"
ROUTE = "module.network.aws_route.default"
ROUTE_ASSOCIATION = "module.network.aws_route_table_association.this"
KEY_PAIR = "module.hosts.aws_key_pair.this"
SECURITY_GROUP = "module.network.aws_security_group.{}"
RULE = "module.network.aws_vpc_security_group_{}_rule.{}"
HOST_RULE = 'module.hosts.aws_vpc_security_group_ingress_rule.host["hosts-ingress-{}"]'
INSTANCE = 'module.hosts.aws_instance.host["{}"]'
INTERFACE = 'module.hosts.aws_network_interface.group["{}"]'
ATTACHMENT = 'module.hosts.aws_network_interface_attachment.group["{}"]'
EIP = 'module.eips.aws_eip.this["{}"]'
HOST_EIP = 'module.hosts.aws_eip.host["{}"]'
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class Untracked:
    """What was found: `imports` are the ids, as Terraform's import wants them, by the address that they belong to;
    `incomplete` are addresses of those that were not made to their end, and must be made anew."""

    imports: Mapping[str, str] = field(default_factory=dict)
    incomplete: Collection[str] = ()

    def files(self) -> Mapping[str, str]:
        """The file of the root module that imports them; none where nothing is lost."""
        if not self.imports:
            return {}
        blocks = [{"to": address, "id": number} for address, number in sorted(self.imports.items())]
        return {IMPORTS_FILE: json.dumps({"import": blocks}, indent=2) + "\n"}

    def plus(self, other: Untracked) -> Untracked:
        """Both."""
        return Untracked({**self.imports, **other.imports}, (*self.incomplete, *other.incomplete))

    def without(self, ids: Collection[str]) -> Untracked:
        """All but what the state has under some address already: a rule that a killed run changed has its new key in
        its tags, and its old one in the state."""
        return Untracked(
            {address: number for address, number in self.imports.items() if number not in ids}, self.incomplete
        )


NOTHING_UNTRACKED = Untracked()


def addresses_in(resources: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The addresses of all resources in a state."""
    return frozenset(
        f"{resource.get('module', '')}.{resource['type']}.{resource['name']}{_index(instance)}"
        for resource in resources
        for instance in resource.get("instances", [])
    )


def ids_in(resources: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The ids of all resources in a state."""
    instances = (instance for resource in resources for instance in resource.get("instances", []))
    return frozenset(str(instance.get("attributes", {}).get("id", "")) for instance in instances)


def addresses_of(variables: Variables, host_address: str) -> frozenset[str]:
    """The addresses of everything that Terraform is to have and that could be imported."""
    return frozenset(_addresses(variables, host_address))


def rule_address(key: str, *, egress: bool) -> str:
    """The Terraform address of a security group rule, by its key."""
    direction = "egress" if egress else "ingress"
    if key == "hosts-egress-all":
        return RULE.format(direction, "hosts")
    if key == "hosts-ingress-cluster":
        return RULE.format(direction, "cluster")
    if key.startswith("hosts-ingress-ssh-"):
        return RULE.format(direction, f'ssh["{key}"]')
    if key.startswith("hosts-ingress-host-"):
        return HOST_RULE.format(key.removeprefix("hosts-ingress-"))
    return RULE.format(direction, f'vms["{key}"]')


def find_untracked(clients: Clients, uuid: str, missing: Collection[str]) -> Untracked:
    """Look for what belongs to the addresses `missing`. Raises AwsError where AWS cannot be asked."""
    if not missing:
        return NOTHING_UNTRACKED
    with clients.translate_errors():
        found = dict(_found(clients.ec2, uuid, frozenset(missing)))
        imports = {address: number for address, number in found.items() if address in missing}
        return Untracked(imports, tuple(sorted(_incomplete(clients.ec2, uuid, frozenset(missing)))))


def _addresses(variables: Variables, host_address: str) -> Iterator[str]:
    yield from (VPC, SUBNET, GATEWAY, ROUTE_TABLE, ROUTE, ROUTE_ASSOCIATION, KEY_PAIR)
    yield from map(SECURITY_GROUP.format, ("vms", "hosts"))
    yield from (rule_address(key, egress=rule.direction == "egress") for key, rule in variables.vm_rules.items())
    yield from (rule_address(key, egress=False) for key in (*variables.ssh_rules, "hosts-ingress-cluster"))
    yield rule_address("hosts-egress-all", egress=True)
    for key, host in variables.hosts.items():
        if host.instance:
            yield INSTANCE.format(key)
        if host_address == "eip":
            yield HOST_EIP.format(key)
        if host_address != "private":
            yield HOST_RULE.format(key)
    for key in variables.groups:
        yield from (INTERFACE.format(key), ATTACHMENT.format(key))
    yield from map(EIP.format, variables.eips)


def _found(ec2: EC2Client, uuid: str, missing: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Everything of the cluster in AWS of the kinds that are missing: its address, and its id for the import."""
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [uuid]}]
    kinds = {address.split("[")[0].rpartition(".")[0].split(".", 2)[2] for address in missing}

    def every(operation: str, result: str) -> Iterator[dict[str, Any]]:
        for page in ec2.get_paginator(operation).paginate(Filters=ours):  # type: ignore[call-overload]
            yield from page[result]

    lookups: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
        "aws_vpc": lambda: ((VPC, one["VpcId"]) for one in every("describe_vpcs", "Vpcs")),
        "aws_subnet": lambda: ((SUBNET, one["SubnetId"]) for one in every("describe_subnets", "Subnets")),
        "aws_internet_gateway": lambda: (
            (GATEWAY, one["InternetGatewayId"]) for one in every("describe_internet_gateways", "InternetGateways")
        ),
        "aws_route_table": lambda: _routing(every("describe_route_tables", "RouteTables")),
        "aws_security_group": lambda: (
            (SECURITY_GROUP.format(_key(one).removeprefix("security-group-")), one["GroupId"])
            for one in every("describe_security_groups", "SecurityGroups")
        ),
        "aws_vpc_security_group_rule": lambda: (
            (rule_address(canonical_key(_key(one)), egress=one["IsEgress"]), one["SecurityGroupRuleId"])
            for one in every("describe_security_group_rules", "SecurityGroupRules")
        ),
        "aws_key_pair": lambda: (
            (KEY_PAIR, one["KeyName"]) for one in ec2.describe_key_pairs(Filters=ours)["KeyPairs"]
        ),
        "aws_instance": lambda: (
            (INSTANCE.format(_key(one)), one["InstanceId"])
            for reservation in every("describe_instances", "Reservations")
            for one in reservation["Instances"]
            if one["State"]["Name"] not in ("shutting-down", "terminated")
        ),
        "aws_network_interface": lambda: _interfaces(every("describe_network_interfaces", "NetworkInterfaces")),
        "aws_eip": lambda: (
            (_eip(_key(one)), one["AllocationId"]) for one in ec2.describe_addresses(Filters=ours)["Addresses"]
        ),
    }
    for lookup in dict.fromkeys(_SHARED.get(kind, kind) for kind in sorted(kinds)):
        yield from lookups[lookup]()


_SHARED = {
    "aws_route": "aws_route_table",
    "aws_route_table_association": "aws_route_table",
    "aws_network_interface_attachment": "aws_network_interface",
    "aws_vpc_security_group_ingress_rule": "aws_vpc_security_group_rule",
    "aws_vpc_security_group_egress_rule": "aws_vpc_security_group_rule",
}
"""Kinds that one question answers for."""


def _routing(tables: Iterator[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for table in tables:
        number = table["RouteTableId"]
        yield ROUTE_TABLE, number
        if any(route.get("DestinationCidrBlock") == ANYWHERE for route in table["Routes"]):
            yield ROUTE, f"{number}_{ANYWHERE}"
        for association in table["Associations"]:
            if association.get("SubnetId"):
                yield ROUTE_ASSOCIATION, f"{association['SubnetId']}/{number}"


def _interfaces(interfaces: Iterator[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for interface in interfaces:
        key = _key(interface)
        yield INTERFACE.format(key), interface["NetworkInterfaceId"]
        attachment = interface.get("Attachment", {})
        if attachment.get("AttachmentId") and attachment.get("Status") in ("attaching", "attached"):
            yield ATTACHMENT.format(key), attachment["AttachmentId"]


def _eip(key: str) -> str:
    return HOST_EIP.format(key.removeprefix("eip-")) if key.startswith("eip-host-") else EIP.format(key)


def _incomplete(ec2: EC2Client, uuid: str, missing: frozenset[str]) -> Iterator[str]:
    """Security groups that still have the rule that AWS gives each, which lets everything out, and none of ours:
    Terraform takes it away right after making one, before it makes a rule. Left alone, it would stay for ever."""
    rules = [address for address in missing if "_security_group" in address]
    suspects = {"vms" if ".vms" in address else "hosts" for address in rules}
    if not suspects:
        return
    ours: Any = [{"Name": "tag:edgewrap:uuid", "Values": [uuid]}]
    for group in ec2.describe_security_groups(Filters=ours)["SecurityGroups"]:
        name = _key(group).removeprefix("security-group-")
        if name in suspects:
            found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}])
            keys = [_key(rule) for rule in found["SecurityGroupRules"]]
            if keys and not any(keys):
                yield SECURITY_GROUP.format(name)


def _key(thing: Any) -> str:
    """Our key in the tags of a thing; empty without one."""
    listed = thing.get("Tags") or thing.get("TagSet") or []
    return next((str(tag["Value"]) for tag in listed if tag["Key"] == "edgewrap:key"), "")


def _index(instance: Mapping[str, Any]) -> str:
    index = instance.get("index_key")
    return "" if index is None else f"[{json.dumps(index, ensure_ascii=False)}]"

"""The field's own word and our key for each Terraform resource."""

from __future__ import annotations

from dataclasses import dataclass

HIDDEN = frozenset({"terraform_data"})
"""Resources that hold what edgewrap itself remembers: never shown as a change of AWS."""

KINDS = {
    "aws_vpc": "vpc",
    "aws_subnet": "subnet",
    "aws_internet_gateway": "internet gateway",
    "aws_route_table": "route table",
    "aws_route": "route",
    "aws_route_table_association": "route table association",
    "aws_security_group": "security group",
    "aws_vpc_security_group_ingress_rule": "security group rule",
    "aws_vpc_security_group_egress_rule": "security group rule",
    "aws_key_pair": "key pair",
    "aws_instance": "instance",
    "aws_network_interface": "network interface",
    "aws_network_interface_attachment": "network interface attachment",
    "aws_eip": "elastic ip",
    "aws_eip_association": "elastic ip association",
}

KEYS = {
    ("aws_vpc", "this"): "vpc",
    ("aws_subnet", "this"): "subnet",
    ("aws_internet_gateway", "this"): "internet-gateway",
    ("aws_route_table", "this"): "route-table",
    ("aws_route", "default"): "default-route",
    ("aws_route_table_association", "this"): "route-table",
    ("aws_security_group", "vms"): "security-group-vms",
    ("aws_security_group", "hosts"): "security-group-hosts",
    ("aws_vpc_security_group_ingress_rule", "cluster"): "hosts-ingress-cluster",
    ("aws_vpc_security_group_egress_rule", "hosts"): "hosts-egress-all",
    ("aws_key_pair", "this"): "key-pair",
}


@dataclass(frozen=True, slots=True)
class ResourceName:
    """What one Terraform resource is to a person: `elastic ip` `eip-3`."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def resource_name(resource_type: str, name: str, index: object) -> ResourceName:
    """The thing that a resource stands for; `index` is its `for_each` key, None where it has none."""
    key = index if isinstance(index, str) else KEYS.get((resource_type, name), name)
    if (resource_type, name) == ("aws_eip", "host"):
        key = f"eip-{key}"
    return ResourceName(KINDS.get(resource_type, resource_type), key)

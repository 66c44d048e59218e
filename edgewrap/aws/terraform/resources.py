"""The one table of Terraform resources: address, word for people, key, and how AWS finds one by its tags.

A new resource is one entry here and its block in the templates. Plan reading, the import of untracked resources and
`docs/terraform.md` follow from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgewrap.aws.render.variables import Variables

HIDDEN = frozenset({"terraform_data"})
"""Types of resources that hold edgewrap's own records: never shown as a change of AWS."""

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The EC2 call that lists resources by tag, and where they are in its answer (a JMESPath if it has pages)."""

    operation: str
    path: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """How AWS finds a resource by the tags `edgewrap:uuid` and `edgewrap:key`.

    `import_ids` gives the ids that `terraform import` takes, from one item of the lookup's answer. A resource without
    tags of its own (a route, an attachment) is found through the one that it belongs to; `key` is that one's, if it
    differs.
    """

    lookup: Lookup
    import_ids: Callable[[Mapping[str, Any]], Iterable[str]]
    key: str = ""


Keys = Callable[["Variables", str], Iterable[str]]
"""The `for_each` keys that a render leads to, from its variables and the hosts' `address`."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One `resource` block of the templates.

    `kind`: its word for people. `key`: ours; of a block with `for_each` it is this text and then the `for_each` key.
    `shown`: the attributes that a plan shows if it is created or deleted. `tagged`: None if it cannot be imported.
    """

    module: str
    type: str
    name: str
    kind: str
    key: str = ""
    for_each: Keys | None = None
    shown: tuple[str, ...] = ()
    tagged: Tagged | None = None

    @property
    def block(self) -> str:
        """The address of the block, without a `for_each` key."""
        return f"module.{self.module}.{self.type}.{self.name}"

    def address(self, key: str = "") -> str:
        """The Terraform address of the resource with our `key`."""
        return f'{self.block}["{key.removeprefix(self.key)}"]' if self.for_each else self.block

    def addresses(self, variables: Variables, host_address: str) -> Iterator[str]:
        """The addresses that a render leads to."""
        keys = self.for_each(variables, host_address) if self.for_each else [""]
        return (self.address(self.key + key) for key in keys)

    def address_of(self, key: str) -> str | None:
        """The address of the resource that the tag `key` leads to; None if it is another block's."""
        if self.for_each:
            return self.address(key) if key.startswith(self.key) else None
        tag = self.tagged.key if self.tagged and self.tagged.key else self.key
        return self.address() if key == tag else None


@dataclass(frozen=True, slots=True)
class ResourceName:
    """One Terraform resource as people know it: `elastic ip` `eip-3`."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def _field(name: str) -> Callable[[Mapping[str, Any]], Iterable[str]]:
    return lambda item: (str(item[name]),)


def _instance(item: Mapping[str, Any]) -> Iterable[str]:
    return () if item["State"]["Name"] in ("shutting-down", "terminated") else (item["InstanceId"],)


def _default_route(table: Mapping[str, Any]) -> Iterable[str]:
    to_anywhere = any(route.get("DestinationCidrBlock") == ANYWHERE for route in table["Routes"])
    return (f"{table['RouteTableId']}_{ANYWHERE}",) if to_anywhere else ()


def _subnet_association(table: Mapping[str, Any]) -> Iterable[str]:
    subnets = (association.get("SubnetId") for association in table["Associations"])
    return (f"{subnet}/{table['RouteTableId']}" for subnet in subnets if subnet)


def _attachment(interface: Mapping[str, Any]) -> Iterable[str]:
    attachment = interface.get("Attachment", {})
    attached = attachment.get("AttachmentId") and attachment.get("Status") in ("attaching", "attached")
    return (attachment["AttachmentId"],) if attached else ()


def _vm_rules(direction: str) -> Keys:
    return lambda variables, _: [key for key, rule in variables.vm_rules.items() if rule.direction == direction]


ROUTE_TABLES = Lookup("describe_route_tables", "RouteTables")
RULES = Lookup("describe_security_group_rules", "SecurityGroupRules")
INTERFACES = Lookup("describe_network_interfaces", "NetworkInterfaces")
SECURITY_GROUPS = Lookup("describe_security_groups", "SecurityGroups")

_INGRESS, _EGRESS = "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"
_RULE = Tagged(RULES, _field("SecurityGroupRuleId"))
_RULE_SHOWN = ("ip_protocol", "from_port", "to_port", "cidr_ipv4", "description")
_ADDRESS = Tagged(Lookup("describe_addresses", "Addresses"), _field("AllocationId"))
_GROUP = Tagged(SECURITY_GROUPS, _field("GroupId"))

VPC = Resource(
    "network",
    "aws_vpc",
    "this",
    "vpc",
    "vpc",
    shown=("cidr_block",),
    tagged=Tagged(Lookup("describe_vpcs", "Vpcs"), _field("VpcId")),
)
SUBNET = Resource(
    "network",
    "aws_subnet",
    "this",
    "subnet",
    "subnet",
    shown=("cidr_block", "availability_zone"),
    tagged=Tagged(Lookup("describe_subnets", "Subnets"), _field("SubnetId")),
)
GATEWAY = Resource(
    "network",
    "aws_internet_gateway",
    "this",
    "internet gateway",
    "internet-gateway",
    tagged=Tagged(Lookup("describe_internet_gateways", "InternetGateways"), _field("InternetGatewayId")),
)
ROUTE_TABLE = Resource(
    "network",
    "aws_route_table",
    "this",
    "route table",
    "route-table",
    tagged=Tagged(ROUTE_TABLES, _field("RouteTableId")),
)
ROUTE = Resource(
    "network",
    "aws_route",
    "default",
    "route",
    "default-route",
    shown=("destination_cidr_block",),
    tagged=Tagged(ROUTE_TABLES, _default_route, key=ROUTE_TABLE.key),
)
ROUTE_TABLE_ASSOCIATION = Resource(
    "network",
    "aws_route_table_association",
    "this",
    "route table association",
    "route-table",
    tagged=Tagged(ROUTE_TABLES, _subnet_association),
)
VMS_GROUP = Resource(
    "network", "aws_security_group", "vms", "security group", "security-group-vms", shown=("name",), tagged=_GROUP
)
HOSTS_GROUP = Resource(
    "network", "aws_security_group", "hosts", "security group", "security-group-hosts", shown=("name",), tagged=_GROUP
)
VMS_INGRESS = Resource(
    "network",
    _INGRESS,
    "vms",
    "security group rule",
    for_each=_vm_rules("ingress"),
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
VMS_EGRESS = Resource(
    "network",
    _EGRESS,
    "vms",
    "security group rule",
    for_each=_vm_rules("egress"),
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
HOSTS_SSH = Resource(
    "network",
    _INGRESS,
    "ssh",
    "security group rule",
    for_each=lambda variables, _: variables.ssh_rules,
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
HOSTS_CLUSTER = Resource(
    "network",
    _INGRESS,
    "cluster",
    "security group rule",
    "hosts-ingress-cluster",
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
HOSTS_EGRESS = Resource(
    "network",
    _EGRESS,
    "hosts",
    "security group rule",
    "hosts-egress-all",
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
HOSTS_PUBLIC = Resource(
    "hosts",
    _INGRESS,
    "host",
    "security group rule",
    for_each=lambda variables, address: (
        [f"hosts-ingress-{key}" for key in variables.hosts] if address != "private" else []
    ),
    shown=_RULE_SHOWN,
    tagged=_RULE,
)
KEY_PAIR = Resource(
    "hosts",
    "aws_key_pair",
    "this",
    "key pair",
    "key-pair",
    shown=("key_name",),
    tagged=Tagged(Lookup("describe_key_pairs", "KeyPairs"), _field("KeyName")),
)
INSTANCE = Resource(
    "hosts",
    "aws_instance",
    "host",
    "instance",
    for_each=lambda variables, _: [key for key, host in variables.hosts.items() if host.instance],
    shown=("instance_type", "ami", "private_ip"),
    tagged=Tagged(Lookup("describe_instances", "Reservations[].Instances[]"), _instance),
)
INTERFACE = Resource(
    "hosts",
    "aws_network_interface",
    "group",
    "network interface",
    for_each=lambda variables, _: variables.groups,
    shown=("private_ip",),
    tagged=Tagged(INTERFACES, _field("NetworkInterfaceId")),
)
ATTACHMENT = Resource(
    "hosts",
    "aws_network_interface_attachment",
    "group",
    "network interface attachment",
    for_each=lambda variables, _: variables.groups,
    shown=("device_index",),
    tagged=Tagged(INTERFACES, _attachment),
)
HOST_EIP = Resource(
    "hosts",
    "aws_eip",
    "host",
    "elastic ip",
    "eip-",
    for_each=lambda variables, address: variables.hosts if address == "eip" else (),
    shown=("public_ip",),
    tagged=_ADDRESS,
)
HOST_EIP_ASSOCIATION = Resource(
    "hosts",
    "aws_eip_association",
    "host",
    "elastic ip association",
    for_each=lambda variables, address: (
        [key for key, host in variables.hosts.items() if host.instance] if address == "eip" else []
    ),
    shown=("public_ip", "private_ip_address"),
)
EIP = Resource(
    "eips",
    "aws_eip",
    "this",
    "elastic ip",
    for_each=lambda variables, _: variables.eips,
    shown=("public_ip",),
    tagged=_ADDRESS,
)
EIP_ASSOCIATION = Resource(
    "eips",
    "aws_eip_association",
    "this",
    "elastic ip association",
    for_each=lambda variables, _: variables.eips,
    shown=("public_ip", "private_ip_address"),
)

RESOURCES = (
    VPC,
    SUBNET,
    GATEWAY,
    ROUTE_TABLE,
    ROUTE,
    ROUTE_TABLE_ASSOCIATION,
    VMS_GROUP,
    HOSTS_GROUP,
    VMS_INGRESS,
    VMS_EGRESS,
    HOSTS_SSH,
    HOSTS_CLUSTER,
    HOSTS_EGRESS,
    HOSTS_PUBLIC,
    KEY_PAIR,
    INSTANCE,
    INTERFACE,
    ATTACHMENT,
    HOST_EIP,
    HOST_EIP_ASSOCIATION,
    EIP,
    EIP_ASSOCIATION,
)
"""All resources, in the order in which a plan shows them."""

KIND_ORDER = tuple(dict.fromkeys(resource.kind for resource in RESOURCES))
SINGLE_KEYS = frozenset(resource.key for resource in RESOURCES if resource.for_each is None)
"""The keys of the resources that every cluster has once."""

_BY_NAME = {(resource.type, resource.name): resource for resource in RESOURCES}
_BY_BLOCK = {resource.block: resource for resource in RESOURCES}


def find_resource(resource_type: str, name: str) -> Resource | None:
    """The entry for a resource of Terraform's, by its type and name; None for one that is not in the table."""
    return _BY_NAME.get((resource_type, name))


def resource_at(address: str) -> Resource:
    """The entry for an address."""
    return _BY_BLOCK[address.partition("[")[0]]


def resource_name(resource_type: str, name: str, index: object) -> ResourceName:
    """What a person calls a resource of Terraform's; `index` is its `for_each` key, None if it has none."""
    resource = find_resource(resource_type, name)
    if resource is None:
        return ResourceName(resource_type, index if isinstance(index, str) else name)
    return ResourceName(resource.kind, resource.key + index if isinstance(index, str) else resource.key)


def importable_addresses(variables: Variables, host_address: str) -> frozenset[str]:
    """The addresses of everything that a render leads to and that can be imported."""
    return frozenset(
        address for resource in RESOURCES if resource.tagged for address in resource.addresses(variables, host_address)
    )

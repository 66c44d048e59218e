"""The one table of Terraform resources: address, word for people, key, and how AWS finds one by its tags.

A new resource is one entry here and its block in the templates. Plan reading, the import of untracked resources and
`docs/terraform.md` follow from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from edgewrap.aws.render.variables import Variables

HIDDEN = frozenset({"terraform_data"})
"""Types of resources that hold edgewrap's own records: never shown as a change of AWS."""

ANYWHERE = "0.0.0.0/0"
DATASTORE_DEVICE = "/dev/sdf"


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
    `unless`: the variable with the id of an existing one, which is used instead.
    """

    module: str
    type: str
    name: str
    kind: str
    key: str = ""
    for_each: Keys | None = None
    shown: tuple[str, ...] = ()
    tagged: Tagged | None = None
    unless: Literal["", "vpc_id", "subnet_id"] = ""

    @property
    def block(self) -> str:
        """The address of the block, without a `for_each` key."""
        return f"module.{self.module}.{self.type}.{self.name}"

    def address(self, key: str = "") -> str:
        """The Terraform address of the resource with our `key`."""
        return f'{self.block}["{key.removeprefix(self.key)}"]' if self.for_each else self.block

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


def _by(operation: str, path: str, field: str) -> Tagged:
    """Found by this lookup; the id is a `field` of the item."""
    return Tagged(Lookup(operation, path), lambda item: (str(item[field]),))


def _living(item: Mapping[str, Any]) -> Iterable[str]:
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


def _public_rules(variables: Variables, address: str) -> Iterable[str]:
    return [] if address == "private" else [f"hosts-ingress-{key}" for key in variables.hosts]


def _instances(variables: Variables, _address: str) -> Iterable[str]:
    return [key for key, host in variables.hosts.items() if host.instance]


def _datastore_volume(volume: Mapping[str, Any]) -> Iterable[str]:
    """Its id, but not a root volume's, which has the same tags."""
    foreign = any(attached["Device"] != DATASTORE_DEVICE for attached in volume.get("Attachments", ()))
    return () if foreign else (volume["VolumeId"],)


def _datastore_attachment(volume: Mapping[str, Any]) -> Iterable[str]:
    attached = [one for one in volume.get("Attachments", ()) if one["Device"] == DATASTORE_DEVICE]
    return (f"{one['Device']}:{volume['VolumeId']}:{one['InstanceId']}" for one in attached)


def _datastores(variables: Variables, _address: str) -> Iterable[str]:
    return [key for key, host in variables.hosts.items() if host.datastore]


def _attached_datastores(variables: Variables, _address: str) -> Iterable[str]:
    return [key for key, host in variables.hosts.items() if host.datastore and host.instance]


def _groups(variables: Variables, _address: str) -> Iterable[str]:
    return variables.groups


def _host_eips(variables: Variables, address: str) -> Iterable[str]:
    return variables.hosts if address == "eip" else ()


def _rule(module: str, direction: str, name: str, key: str = "", for_each: Keys | None = None) -> Resource:
    resource_type = f"aws_vpc_security_group_{direction}_rule"
    shown = ("ip_protocol", "from_port", "to_port", "cidr_ipv4", "description")
    tagged = _by("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId")
    return Resource(module, resource_type, name, "security group rule", key, for_each, shown, tagged)


def _association(
    module: str, name: str, for_each: Keys, shown: tuple[str, ...] = ("public_ip", "private_ip_address")
) -> Resource:
    """Associations of Elastic IPs. They have no tags: only `adoption` and `existing` know their ids."""
    return Resource(module, "aws_eip_association", name, "elastic ip association", "", for_each, shown)


_VPC = _by("describe_vpcs", "Vpcs", "VpcId")
_SUBNET = _by("describe_subnets", "Subnets", "SubnetId")
_GATEWAY = _by("describe_internet_gateways", "InternetGateways", "InternetGatewayId")
_TABLE = _by("describe_route_tables", "RouteTables", "RouteTableId")
_ROUTE = Tagged(_TABLE.lookup, _default_route, key="route-table")
_SUBNETS_TABLE = Tagged(_TABLE.lookup, _subnet_association)
_GROUP = _by("describe_security_groups", "SecurityGroups", "GroupId")
_KEY_PAIR = _by("describe_key_pairs", "KeyPairs", "KeyName")
_INSTANCE = Tagged(Lookup("describe_instances", "Reservations[].Instances[]"), _living)
_VOLUMES = Lookup("describe_volumes", "Volumes")
_INTERFACE = _by("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")
_ATTACHMENT = Tagged(_INTERFACE.lookup, _attachment)
_ADDRESS = _by("describe_addresses", "Addresses", "AllocationId")
SECURITY_GROUPS = _GROUP.lookup

# module, type, name, word for people, key, `for_each`, what a plan shows, tags
VPC = Resource("network", "aws_vpc", "this", "vpc", "vpc", None, ("cidr_block",), _VPC, "vpc_id")
SUBNET = Resource(
    "network", "aws_subnet", "this", "subnet", "subnet", None, ("cidr_block", "availability_zone"), _SUBNET, "subnet_id"
)
GATEWAY = Resource(
    "network", "aws_internet_gateway", "this", "internet gateway", "internet-gateway", None, (), _GATEWAY, "vpc_id"
)
ROUTE_TABLE = Resource(
    "network", "aws_route_table", "this", "route table", "route-table", None, (), _TABLE, "subnet_id"
)
ROUTE = Resource(
    "network", "aws_route", "default", "route", "default-route", None, ("destination_cidr_block",), _ROUTE, "subnet_id"
)
ROUTE_TABLE_ASSOCIATION = Resource(
    "network",
    "aws_route_table_association",
    "this",
    "route table association",
    "route-table",
    tagged=_SUBNETS_TABLE,
    unless="subnet_id",
)
VMS_GROUP = Resource(
    "network", "aws_security_group", "vms", "security group", "security-group-vms", None, ("name",), _GROUP
)
HOSTS_GROUP = Resource(
    "network", "aws_security_group", "hosts", "security group", "security-group-hosts", None, ("name",), _GROUP
)
VMS_INGRESS = _rule("network", "ingress", "vms", for_each=_vm_rules("ingress"))
VMS_EGRESS = _rule("network", "egress", "vms", for_each=_vm_rules("egress"))
HOSTS_SSH = _rule("network", "ingress", "ssh", for_each=lambda variables, _: variables.ssh_rules)
HOSTS_VNC = _rule("network", "ingress", "vnc", for_each=lambda variables, _: variables.vnc_rules)
HOSTS_CLUSTER = _rule("network", "ingress", "cluster", "hosts-ingress-cluster")
HOSTS_EGRESS = _rule("network", "egress", "hosts", "hosts-egress-all")
HOSTS_PUBLIC = _rule("hosts", "ingress", "host", for_each=_public_rules)
KEY_PAIR = Resource("hosts", "aws_key_pair", "this", "key pair", "key-pair", None, ("key_name",), _KEY_PAIR)
INSTANCE = Resource(
    "hosts", "aws_instance", "host", "instance", "", _instances, ("instance_type", "ami", "private_ip"), _INSTANCE
)
DATASTORE = Resource(
    "hosts",
    "aws_ebs_volume",
    "datastore",
    "volume",
    for_each=_datastores,
    shown=("size", "iops", "throughput"),
    tagged=Tagged(_VOLUMES, _datastore_volume),
)
DATASTORE_ATTACHMENT = Resource(
    "hosts",
    "aws_volume_attachment",
    "datastore",
    "volume attachment",
    for_each=_attached_datastores,
    tagged=Tagged(_VOLUMES, _datastore_attachment),
)
INTERFACE = Resource(
    "hosts", "aws_network_interface", "group", "network interface", "", _groups, ("private_ip",), _INTERFACE
)
ATTACHMENT = Resource(
    "hosts",
    "aws_network_interface_attachment",
    "group",
    "network interface attachment",
    for_each=_groups,
    shown=("device_index", "instance_id"),
    tagged=_ATTACHMENT,
)
HOST_EIP = Resource("hosts", "aws_eip", "host", "elastic ip", "eip-", _host_eips, ("public_ip",), _ADDRESS)
HOST_EIP_ASSOCIATION = _association(
    "hosts", "host", lambda variables, address: _instances(variables, address) if address == "eip" else ()
)
EIP = Resource(
    "eips", "aws_eip", "this", "elastic ip", "", lambda variables, _: variables.eips, ("public_ip",), _ADDRESS
)
EIP_ASSOCIATION = _association("eips", "this", lambda variables, _: variables.eips)
EXISTING_ASSOCIATION = _association(
    "eips", "existing", lambda variables, _: variables.existing, ("allocation_id", "private_ip_address")
)

RESOURCES = tuple(value for value in globals().values() if isinstance(value, Resource))
"""All resources, in the order above, in which a plan shows them."""

RULES_OF = {
    VMS_GROUP: (VMS_INGRESS, VMS_EGRESS),
    HOSTS_GROUP: (HOSTS_SSH, HOSTS_VNC, HOSTS_CLUSTER, HOSTS_EGRESS, HOSTS_PUBLIC),
}
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
        resource.address(resource.key + key)
        for resource in RESOURCES
        if resource.tagged and not (resource.unless and getattr(variables, resource.unless))
        for key in (resource.for_each(variables, host_address) if resource.for_each else [""])
    )

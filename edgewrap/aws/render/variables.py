"""The values of a render: what `terraform.tfvars.json` holds, made from the spec and the inputs.

In a tfvars JSON every string is literal, so nothing that a user wrote is ever read as HCL.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Network

from edgewrap.aws.inputs.model import Inputs, Part, index_of
from edgewrap.aws.render.user_data import user_data
from edgewrap.first_boot.files import sets_itself_up
from edgewrap.spec.addressing import block, eip_place, host_address, ipam_place, pair, pair_capacity
from edgewrap.spec.disks import DatastoreVolume
from edgewrap.spec.formats import canonical_ports, port_range
from edgewrap.spec.models import IgnoreTags, SecurityRule, Spec

SSH_RULE, VNC_RULE = "hosts-ingress-ssh-", "hosts-ingress-vnc-"
"""What the keys of rules for SSH and for the VMs' consoles begin with; the network follows."""

EVERYTHING = SecurityRule(protocol="all", description="everything")
_KEY = re.compile(r"vms-(ingress|egress)-(tcp|udp|icmp|all)-(all|[0-9]+(?:-[0-9]+)?)-([0-9.]+/[0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RuleMeaning:
    """One direction, protocol (as in the spec), range of ports and network. All ports are 0 to 65535."""

    direction: str
    protocol: str
    low: int
    high: int
    cidr: IPv4Network

    @property
    def key(self) -> str:
        """The `for_each` key of the rule, the same however the spec spells it."""
        return f"vms-{self.direction}-{self.protocol}-{canonical_ports(self.low, self.high)}-{self.cidr}"

    def resembles(self, other: RuleMeaning) -> bool:
        """Whether both are of one direction and protocol."""
        return (self.direction, self.protocol) == (other.direction, other.protocol)

    def overlaps(self, other: RuleMeaning) -> bool:
        """Whether some packet is allowed by both; rules of different protocols are never compared."""
        return (
            self.resembles(other)
            and self.low <= other.high
            and other.low <= self.high
            and self.cidr.overlaps(other.cidr)
        )


def meaning_of(key: str) -> RuleMeaning | None:
    """The meaning of a key, also of one that an earlier edgewrap made from the spec's spelling (`443-443`, `0443`);
    None if it is not the key of a VM rule."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    direction, protocol, ports, cidr = found.groups()
    try:
        return RuleMeaning(direction, protocol, *port_range(ports), IPv4Network(cidr))
    except ValueError:
        return None


def canonical_key(key: str) -> str:
    """The key that a rule has now; any other key unchanged."""
    meaning = meaning_of(key)
    return key if meaning is None else meaning.key


class VolumeVariables(Part):
    """One gp3 volume."""

    gb: int
    iops: int
    throughput: int


class HostVariables(Part):
    """One host; `instance` is false if it has none in this step. `datastore`: the volume of its datastores, if it has
    one of its own."""

    ami: str
    private_address: str
    instance: bool = True
    datastore: VolumeVariables | None = None


class GroupVariables(Part):
    """One interface group; `addresses` begins with the interface's own primary one."""

    host: str
    device_index: int
    block: str
    addresses: tuple[str, ...]


class EipVariables(Part):
    group: str
    private_address: str
    gateway: str


class ExistingVariables(EipVariables):
    """An Elastic IP of the user's own."""

    allocation_id: str
    public_address: str


class RuleVariables(Part):
    """One rule of the VMs' security group, in EC2's terms. An empty description is null: AWS has none."""

    direction: str
    protocol: str
    from_port: int | None
    to_port: int | None
    cidr: str
    description: str | None


class Variables(Part):
    """All variables of the root module."""

    name: str
    uuid: str
    region: str
    zone: str
    tags: dict[str, str]
    ignore_tags: IgnoreTags
    vpc_cidr: str
    subnet_cidr: str
    vpc_id: str | None
    subnet_id: str | None
    gateway_id: str | None
    public_at_launch: bool
    ssh_rules: dict[str, str]
    vnc_rules: dict[str, str]
    vm_rules: dict[str, RuleVariables]
    public_key: str
    instance_type: str
    instance_profile: str | None
    protect: bool
    placement_group: str | None
    capacity_reservation: str
    tenancy: str
    root_volume: VolumeVariables
    user_data: str | None
    hosts: dict[str, HostVariables]
    groups: dict[str, GroupVariables]
    eips: dict[str, EipVariables]
    existing: dict[str, ExistingVariables]
    inputs: str
    applied: str
    endpoint_url: str | None = None


def make_variables(spec: Spec, inputs: Inputs, applied: str, without: Collection[str] = ()) -> Variables:
    """The variables; `applied` is the spec as JSON text, `without` are the keys of hosts that have no
    instance in this step.

    The inputs say which hosts, groups and Elastic IPs there are, and what never changes; the spec says the rest. So a
    cluster can be destroyed whatever its spec says by now.
    """
    version = inputs.opennebula_version
    return Variables(
        **inputs.foundation.model_dump(exclude={"groups"}),
        uuid=inputs.uuid,
        tags=dict(sorted(spec.aws.tags.items())),
        ignore_tags=spec.aws.ignore_tags,
        public_at_launch=inputs.host_address == "public",
        ssh_rules=ssh_rules(spec),
        vnc_rules=vnc_rules(spec),
        vm_rules=vm_rules(spec),
        public_key=inputs.public_key,
        instance_profile=spec.aws.instance_profile,
        protect=spec.protect,
        placement_group=spec.hosts.placement_group,
        capacity_reservation=spec.hosts.capacity_reservation,
        tenancy=spec.hosts.tenancy,
        root_volume=VolumeVariables(
            gb=spec.hosts.root_volume_gb,
            iops=spec.hosts.root_volume_iops,
            throughput=spec.hosts.root_volume_throughput,
        ),
        user_data=user_data(spec, version) if version and sets_itself_up(spec) else None,
        hosts=_hosts(inputs, without),
        groups=_groups(inputs),
        eips=_eips(inputs),
        existing=_existing(inputs),
        inputs=inputs.to_text(),
        applied=applied,
        endpoint_url=spec.aws.endpoint_url,
    )


def ssh_rules(spec: Spec) -> dict[str, str]:
    """The networks that may open SSH to the hosts, by the key of their rule."""
    return {f"{SSH_RULE}{cidr}": str(cidr) for cidr in spec.ssh.from_}


def vnc_rules(spec: Spec) -> dict[str, str]:
    """The networks that may open the VMs' consoles on the hosts, by the key of their rule."""
    return {f"{VNC_RULE}{cidr}": str(cidr) for cidr in spec.opennebula.vnc_from}


def vm_rules(spec: Spec) -> dict[str, RuleVariables]:
    """The rules of the VMs' security group, by key. The key is what a rule allows, so reordering or respelling rules
    changes nothing in AWS."""
    own = spec.public_network.security_group
    rules: dict[str, RuleVariables] = {}
    for direction, listed in (("ingress", own.ingress), ("egress", own.egress)):
        for rule in (EVERYTHING,) if listed is None else listed:
            first, last = _ports(rule)
            for cidr in rule.cidrs:
                rules[RuleMeaning(direction, rule.protocol, *rule.port_range, cidr).key] = RuleVariables(
                    direction=direction,
                    protocol="-1" if rule.protocol == "all" else rule.protocol,
                    from_port=first,
                    to_port=last,
                    cidr=str(cidr),
                    description=rule.description or None,
                )
    return rules


def _hosts(inputs: Inputs, without: Collection[str]) -> dict[str, HostVariables]:
    subnet = IPv4Network(inputs.foundation.subnet_cidr)
    hosts: dict[str, HostVariables] = {}
    for key, ami in inputs.amis.items():
        address = str(host_address(subnet, index_of(key)))
        disk = inputs.datastores.get(key)
        volume = VolumeVariables(**disk.model_dump()) if isinstance(disk, DatastoreVolume) else None
        hosts[key] = HostVariables(ami=ami, private_address=address, instance=key not in without, datastore=volume)
    return hosts


def _groups(inputs: Inputs) -> dict[str, GroupVariables]:
    subnet, count = IPv4Network(inputs.foundation.subnet_cidr), inputs.foundation.groups
    pairs = pair_capacity(subnet, count, inputs.limits.addresses_per_interface)
    groups: dict[str, GroupVariables] = {}
    for key, host in inputs.placement.items():
        own = block(subnet, count, index_of(key))
        addresses = (str(own.network_address), *(str(pair(own, number).address) for number in range(pairs)))
        groups[key] = GroupVariables(host=host, device_index=1 + index_of(key), block=str(own), addresses=addresses)
    return groups


def _eips(inputs: Inputs) -> dict[str, EipVariables]:
    foundation = inputs.foundation
    subnet, groups = IPv4Network(foundation.subnet_cidr), foundation.groups
    pairs = pair_capacity(subnet, groups, inputs.limits.addresses_per_interface)
    places = {key: eip_place(index_of(key), groups) for key in inputs.eips}
    places |= {key: ipam_place(index_of(key), groups, pairs) for key in inputs.ipam_eips}
    return {key: _pair(subnet, groups, *place) for key, place in places.items()}


def _existing(inputs: Inputs) -> dict[str, ExistingVariables]:
    places = _eips(inputs.model_copy(update={"eips": (), "ipam_eips": [one.place for one in inputs.existing.values()]}))
    return {
        key: ExistingVariables(**places[one.place].model_dump(), **one.model_dump(exclude={"place"}))
        for key, one in inputs.existing.items()
    }


def _pair(subnet: IPv4Network, groups: int, group: int, number: int) -> EipVariables:
    found = pair(block(subnet, groups, group), number)
    return EipVariables(group=f"group-{group}", private_address=str(found.address), gateway=str(found.gateway))


def _ports(rule: SecurityRule) -> tuple[int | None, int | None]:
    """EC2's two port fields: null for all protocols, -1 for every type of ICMP."""
    if rule.protocol == "all":
        return None, None
    if rule.protocol == "icmp":
        return -1, -1
    return rule.port_range

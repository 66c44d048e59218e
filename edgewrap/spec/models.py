"""The contract `edgewrap/v1`: pydantic models of the spec file, strict (unknown keys are errors).

Only shapes and single values are checked here; what spans several fields is in `checks.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """The base of every part: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Network(Model):
    """The VPC and its one subnet. `subnet: null` takes the whole `cidr`."""

    cidr: IPv4Network = IPv4Network("10.0.0.0/16")
    subnet: IPv4Network | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None

    @property
    def subnet_cidr(self) -> IPv4Network:
        """The subnet's own CIDR."""
        return self.subnet or self.cidr


class Aws(Model):
    """Where the cluster stands in AWS."""

    region: str
    zone: str = "auto"
    network: Network = Network()
    tags: dict[str, str] = Field(default_factory=dict)
    endpoint_url: str | None = None
    instance_profile: str | None = None


class Hosts(Model):
    """The metal hosts; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[int, Field(ge=1)] = 3
    retired: tuple[Annotated[int, Field(ge=0)], ...] = ()
    hypervisor: Literal["kvm", "lxc"] = "kvm"
    instance_type: str = "c5.metal"
    ami: str = "ubuntu-24.04"
    root_volume_gb: Annotated[int, Field(ge=8, le=16384)] = 512
    address: Literal["public", "eip", "private"] = "public"
    on_failure: Literal["move", "replace"] = "move"
    firewall: bool = True


class ElasticIps(Model):
    """How many Elastic IPs; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[int, Field(ge=0)] = 4
    retired: tuple[Annotated[int, Field(ge=0)], ...] = ()


class SecurityRule(Model):
    """One rule of the VMs' security group. `ports` is one port, a range `low-high`, or `all`."""

    protocol: Literal["tcp", "udp", "icmp", "all"]
    ports: int | str = "all"
    cidrs: tuple[IPv4Network, ...] = (IPv4Network("0.0.0.0/0"),)
    description: str = ""


class SecurityGroup(Model):
    """The user's own rules instead of "everything allowed". `None` leaves that direction open."""

    ingress: tuple[SecurityRule, ...] | None = None
    egress: tuple[SecurityRule, ...] | None = None


class PublicNetwork(Model):
    """The Elastic IPs, the interface groups that carry them, and the virtual network that leases them."""

    elastic_ips: ElasticIps = ElasticIps()
    groups: Annotated[int, Field(ge=1)] = 4
    existing: dict[str, str] = Field(default_factory=dict)
    security_group: SecurityGroup = SecurityGroup()
    dns: tuple[IPv4Address, ...] = (IPv4Address("1.1.1.1"),)
    vni: Annotated[int, Field(ge=1, le=16777215)] = 16000000
    ipam: Literal["auto", "none", "edgewrap"] = "auto"


class PrivateNetwork(Model):
    """The template that tenants make private networks from. `mtu` in bytes."""

    mtu: Annotated[int, Field(ge=576, le=9216)] = 8950
    phydev: str = "auto"


class Evpn(Model):
    """BGP-EVPN between the hosts."""

    asn: Annotated[int, Field(ge=1, le=4294967295)] = 65000
    reflectors: Annotated[int, Field(ge=1)] = 2
    password: str | None = None


class OpenNebula(Model):
    """The front-end. `endpoint: null` takes ONE_XMLRPC."""

    endpoint: str | None = None
    version: str = "auto"
    oneadmin_public_key: str | None = None
    replica: str = "auto"
    ca_file: str | None = None


class Ssh(Model):
    """How hosts are reached, and who may."""

    user: str = "ubuntu"
    public_key: str = "~/.ssh/id_ed25519.pub"
    authorized_keys: tuple[str, ...] = ()
    from_: Annotated[tuple[IPv4Network, ...], Field(alias="from")] = (IPv4Network("0.0.0.0/0"),)
    proxy_command: str | None = None
    host_keys: Literal["pin"] = "pin"


class S3Backend(Model):
    """Where the Terraform state is kept in S3."""

    bucket: str
    key: str
    region: str


class S3BackendChoice(Model):
    """`backend: { s3: { … } }`."""

    s3: S3Backend


class TerraformSettings(Model):
    """Which binary, where its providers lie, where its state is kept."""

    binary: str = "terraform"
    plugin_dir: str | None = None
    backend: Literal["local"] | S3BackendChoice = "local"


class Spec(Model):
    """One AWS metal edge cluster."""

    api_version: Annotated[Literal["edgewrap/v1"], Field(alias="apiVersion")]
    name: str
    protect: bool = False
    aws: Aws
    hosts: Hosts = Hosts()
    public_network: PublicNetwork = PublicNetwork()
    private_network: PrivateNetwork = PrivateNetwork()
    evpn: Evpn = Evpn()
    opennebula: OpenNebula = OpenNebula()
    ssh: Ssh = Ssh()
    terraform: TerraformSettings = TerraformSettings()

"""The contract `edgewrap/v1`: pydantic models of the spec file, strict (unknown keys are errors).

Only shapes and single values are checked here (their forms are in `forms.py`); what spans several fields is in
`checks.py`. A field's description is written once, here: the JSON Schema and `docs/spec.md` take it from here.
The networks of the VMs have a file of their own, `networks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, PrivateAttr, Tag

from edgewrap.spec import formats
from edgewrap.spec.formats import FROM_ENVIRONMENT, distinct
from edgewrap.spec.networks import (
    ElasticIps,
    Index,
    Model,
    PrivateNetwork,
    PublicNetwork,
    SecurityGroup,
    SecurityRule,
)
from edgewrap.spec.place import KeyPath

__all__ = [
    "Aws",
    "ElasticIps",
    "Evpn",
    "Hosts",
    "Network",
    "OpenNebula",
    "Origin",
    "PrivateNetwork",
    "PublicNetwork",
    "S3Backend",
    "S3BackendChoice",
    "SecurityGroup",
    "SecurityRule",
    "Spec",
    "Ssh",
    "TerraformSettings",
]

LocalPath = Annotated[str, formats.LOCAL_PATH, FROM_ENVIRONMENT]


class Network(Model):
    """The VPC and its one subnet. Existing ones are never destroyed."""

    cidr: Annotated[formats.Cidr, Field(description="The VPC's addresses: a network of /16 to /28.")] = IPv4Network(
        "10.0.0.0/16"
    )
    subnet: Annotated[
        formats.Cidr | None,
        Field(
            description="The subnet's addresses, inside `cidr`; null takes the whole `cidr`. Its lower half is for "
            "hosts (host i has base + 10 + i), its upper half for the blocks of the interface groups."
        ),
    ] = None
    vpc_id: Annotated[
        Annotated[str, formats.VPC_ID] | None, Field(description="An existing VPC to use instead of a new one.")
    ] = None
    subnet_id: Annotated[
        Annotated[str, formats.SUBNET_ID] | None, Field(description="An existing subnet to use instead of a new one.")
    ] = None

    @property
    def subnet_cidr(self) -> IPv4Network:
        """The subnet's own CIDR."""
        return self.subnet or self.cidr


class Aws(Model):
    """Where the cluster stands in AWS."""

    region: Annotated[str, formats.REGION, Field(description="The AWS region.")]
    zone: Annotated[
        str,
        formats.ZONE,
        Field(description="The availability zone; `auto` takes the first that offers the instance type."),
    ] = "auto"
    network: Network = Field(default_factory=Network, description="The VPC and its subnet.")
    tags: Annotated[
        dict[formats.TagKey, formats.TagValue],
        Field(
            max_length=46,
            description="Tags for every AWS resource, beside edgewrap's own four (`Name`, `edgewrap:cluster`, "
            "`edgewrap:uuid`, `edgewrap:key`); at most 46.",
        ),
    ] = Field(default_factory=dict)
    endpoint_url: Annotated[
        formats.Url | None,
        Field(description="Another endpoint for all AWS calls, such as LocalStack's; null: AWS_ENDPOINT_URL, or AWS."),
    ] = None
    instance_profile: Annotated[
        Annotated[str, formats.INSTANCE_PROFILE] | None,
        Field(description="The instance profile of the hosts, by name. SSM Session Manager needs one."),
    ] = None


class Hosts(Model):
    """The metal hosts; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[int, Field(ge=1, le=32758, description="How many hosts live.")] = 3
    retired: Annotated[
        tuple[Index, ...],
        distinct("index"),
        Field(description="Indexes of hosts that are gone; an index is never used twice."),
    ] = ()
    hypervisor: Annotated[Literal["kvm", "lxc"], Field(description="What runs the VMs.")] = "kvm"
    instance_type: Annotated[
        str, formats.INSTANCE_TYPE, Field(description="The EC2 instance type. KVM needs a metal one.")
    ] = "c5.metal"
    ami: Annotated[
        str,
        formats.AMI,
        Field(description="The image of a new host: Ubuntu's newest, or an AMI. Chosen once per host, then kept."),
    ] = "ubuntu-24.04"
    root_volume_gb: Annotated[int, Field(ge=8, le=16384, description="The root volume's size in GiB.")] = 512
    address: Annotated[
        Literal["public", "eip", "private"],
        Field(
            description="How hosts are reached: `public` by the address that the subnet gives (lost on a stop), `eip` "
            "by an Elastic IP of their own (kept for ever), `private` by their private address (VPN)."
        ),
    ] = "public"
    on_failure: Annotated[
        Literal["move", "replace"],
        Field(description="When a host dies: `move` its groups to the others, or `replace` the instance."),
    ] = "move"
    firewall: Annotated[
        bool, Field(description="Filter what reaches the hosts themselves: SSH, BGP, VXLAN and the front-end only.")
    ] = True


class Evpn(Model):
    """BGP-EVPN between the hosts."""

    asn: Annotated[int, Field(ge=1, le=4294967294, description="The autonomous system number.")] = 65000
    reflectors: Annotated[int, Field(ge=1, description="How many hosts are route reflectors.")] = 2
    password: Annotated[
        formats.SessionPassword | None,
        FROM_ENVIRONMENT,
        Field(description="The BGP sessions' password; only as `${env:NAME}`."),
    ] = None


class OpenNebula(Model):
    """The front-end. Credentials come from ONE_AUTH or ~/.one/one_auth."""

    endpoint: Annotated[
        formats.Url | None, FROM_ENVIRONMENT, Field(description="The XML-RPC endpoint; null takes ONE_XMLRPC.")
    ] = None
    version: Annotated[
        str,
        formats.VERSION,
        Field(
            description="The repository of a new host's packages; `auto` takes the front-end's version. Needs "
            "`oneadmin_public_key`."
        ),
    ] = "auto"
    oneadmin_public_key: Annotated[
        formats.PublicKey | None,
        Field(
            description="The public key of oneadmin on the front-end: new hosts set themselves up with it. Null: their "
            "image brings what OpenNebula needs."
        ),
    ] = None
    replica: Annotated[
        str,
        formats.REPLICA,
        Field(
            description="The host that keeps replicas of images: `auto` takes the first, `none` none, `host-2` that."
        ),
    ] = "auto"
    shared_datastores: Annotated[
        tuple[formats.Datastore, ...],
        distinct("datastore"),
        Field(
            description="Datastores of others that VMs of the cluster may use, by id or name: added to the cluster, "
            "never changed or deleted. 1 and 2 are OpenNebula's own `default` and `files`; `[]` for none."
        ),
    ] = (1, 2)
    ca_file: Annotated[
        LocalPath | None, Field(description="The certificate authority of an https endpoint, a PEM file.")
    ] = None


class Ssh(Model):
    """How hosts are reached, and who may. Keys come from the SSH agent or ~/.ssh."""

    user: Annotated[
        str, formats.USER, FROM_ENVIRONMENT, Field(description="The user on the hosts; it may use sudo.")
    ] = "ubuntu"
    public_key: Annotated[
        LocalPath,
        Field(description="The public key file of the AWS key pair. Its text is kept from the first apply on."),
    ] = "~/.ssh/id_ed25519.pub"
    authorized_keys: Annotated[
        tuple[Annotated[formats.PublicKey, FROM_ENVIRONMENT], ...],
        distinct("key"),
        Field(description="More public keys for that user, as text."),
    ] = ()
    from_: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        Field(alias="from", description="Who may open SSH to the hosts' own addresses; never to Elastic IPs of VMs."),
    ] = (IPv4Network("0.0.0.0/0"),)
    proxy_command: Annotated[
        Annotated[str, formats.LINE, FROM_ENVIRONMENT] | None,
        Field(
            description="A command that carries the SSH connection, such as SSM Session Manager's; `{instance_id}` and "
            "`{host}` are filled in."
        ),
    ] = None
    host_keys: Annotated[
        Literal["pin"], Field(description="Host keys are pinned at first sight, with the instance id.")
    ] = "pin"


class S3Backend(Model):
    """Where the Terraform state is kept in S3."""

    bucket: Annotated[str, formats.BUCKET, Field(description="The bucket.")]
    key: Annotated[str, formats.OBJECT_KEY, Field(description="The object's key.")]
    region: Annotated[str, formats.REGION, Field(description="The bucket's region.")]


class S3BackendChoice(Model):
    """`backend: { s3: { … } }`."""

    s3: Annotated[S3Backend, Field(description="Keep the state in S3.")]


def _backend_kind(backend: Any) -> str:
    """Which form of `backend` is meant, so that an error speaks of that one only."""
    return "<local>" if isinstance(backend, str) else "<s3>"


class TerraformSettings(Model):
    """Which binary, where its providers lie, where its state is kept."""

    binary: Annotated[LocalPath, Field(description="`terraform`, `tofu`, or the path of one.")] = "terraform"
    plugin_dir: Annotated[
        LocalPath | None, Field(description="A folder with the providers, for machines without a way to the registry.")
    ] = None
    backend: Annotated[
        Annotated[Literal["local"], Tag("<local>")] | Annotated[S3BackendChoice, Tag("<s3>")],
        Discriminator(_backend_kind),
        Field(description="Where the state is kept: `local`, or `s3: { bucket, key, region }`."),
    ] = "local"


class Spec(Model):
    """One AWS metal edge cluster."""

    model_config = ConfigDict(defer_build=False)

    api_version: Annotated[
        Literal["edgewrap/v1"], Field(alias="apiVersion", description="The version of this contract.")
    ]
    name: Annotated[
        str,
        formats.NAME,
        Field(description="The cluster's name, in AWS, in OpenNebula and on disk. It never changes."),
    ]
    protect: Annotated[bool, Field(description="True: `destroy` refuses.")] = False
    aws: Annotated[Aws, Field(description="Where the cluster stands in AWS.")]
    hosts: Hosts = Field(default_factory=Hosts, description="The metal hosts.")
    public_network: PublicNetwork = Field(
        default_factory=PublicNetwork, description="The Elastic IPs and what carries them."
    )
    private_network: PrivateNetwork = Field(
        default_factory=PrivateNetwork, description="The template of private networks."
    )
    evpn: Evpn = Field(default_factory=Evpn, description="BGP-EVPN between the hosts.")
    opennebula: OpenNebula = Field(default_factory=OpenNebula, description="The front-end.")
    ssh: Ssh = Field(default_factory=Ssh, description="How hosts are reached, and who may.")
    terraform: TerraformSettings = Field(default_factory=TerraformSettings, description="Terraform and its state.")

    _written: Mapping[KeyPath, str] = PrivateAttr(default_factory=dict)
    _directory: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any) -> None:
        """Takes over where the spec was read from, and the texts that stood where a value was filled in."""
        if isinstance(context, Origin):
            self._written = context.written
            self._directory = context.directory

    @property
    def written(self) -> Mapping[KeyPath, str]:
        """By path, the texts of the file (`${env:NAME}`) in whose place the environment's values stand."""
        return self._written

    @property
    def summary(self) -> str:
        """The cluster in one line for a person."""
        hosts, network = self.hosts, self.public_network
        return (
            f"{self.name} in {self.aws.region}: {_counted(hosts.count, 'host')} ({hosts.hypervisor}, "
            f"{hosts.instance_type}), {_counted(network.elastic_ips.count, 'Elastic IP')} on "
            f"{_counted(network.groups, 'interface group')}"
        )

    def local_path(self, text: str) -> Path:
        """The file that a path of the spec means: `~/` is the user's home, a relative one begins at the spec."""
        return self._directory / Path(text).expanduser()

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Only the name: other values may come from the environment, and must not reach a log."""
        return [("name", self.name)]


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


class Origin:
    """Where a spec comes from: the validation context that the loader gives."""

    def __init__(self, written: Mapping[KeyPath, str], directory: Path) -> None:
        self.written = written
        self.directory = directory

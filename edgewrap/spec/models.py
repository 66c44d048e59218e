"""The contract `edgewrap/v1`: pydantic models of the spec file, strict (unknown keys are errors).

A field is described once, in its model: meaning, default, rule, and what a change of it does (`on_change.py`). The JSON
Schema, `docs/spec.md` and the messages of a plan follow from that. Hosts and SSH are in `hosts.py`, networks and
BGP-EVPN in `networks.py`. The models check single values, whose forms are in `formats.py`; `checks.py` checks what
spans several fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Discriminator, Field, PrivateAttr, Tag

from edgewrap.counted import counted
from edgewrap.paths import with_home
from edgewrap.spec import formats
from edgewrap.spec.formats import FROM_ENVIRONMENT, LocalPath, distinct
from edgewrap.spec.hosts import Hosts, Ssh
from edgewrap.spec.networks import ElasticIps, Evpn, Model, PrivateNetwork, PublicNetwork, SecurityRule, section
from edgewrap.spec.on_change import in_place, new_hosts, next_run, refused
from edgewrap.spec.place import KeyPath

__all__ = ["ElasticIps", "Evpn", "Hosts", "IgnoreTags", "SecurityRule", "Spec", "Ssh"]

DEFAULT_CIDR = IPv4Network("10.0.0.0/16")
STATE_STAYS = "the state would stay behind; move it first (docs/state.md)"


class Network(Model):
    """The VPC and its one subnet. Existing ones are never changed or destroyed (docs/existing.md)."""

    cidr: Annotated[
        formats.Cidr | None,
        refused(
            "The VPC's addresses: a network of /16 to /28. Null: 10.0.0.0/16, or those of the existing VPC.",
            "the VPC would be replaced",
        ),
    ] = None
    subnet: Annotated[
        formats.Cidr | None,
        refused(
            "The subnet's addresses, inside `cidr`; null takes the whole `cidr`, or those of the existing subnet. "
            "Its lower half is for hosts (host i has base + 10 + i), its upper half for the blocks of the groups.",
            "every address would change",
        ),
    ] = None
    vpc_id: Annotated[
        formats.VpcId | None,
        refused(
            "An existing VPC to use instead of a new one. It needs `subnet` for a new subnet in it, or `subnet_id`.",
            "nothing moves between VPCs",
        ),
    ] = None
    subnet_id: Annotated[
        formats.SubnetId | None,
        refused("An existing subnet of `vpc_id` to use instead of a new one.", "nothing moves between subnets"),
    ] = None

    @property
    def vpc_cidr(self) -> IPv4Network | None:
        """The VPC's own CIDR; None if only AWS knows it."""
        return self.cidr or (None if self.vpc_id else DEFAULT_CIDR)

    @property
    def subnet_cidr(self) -> IPv4Network | None:
        """The subnet's own CIDR; None if only AWS knows it."""
        return self.subnet or (None if self.subnet_id else self.vpc_cidr)


class IgnoreTags(Model):
    """Tags that others set on the cluster's resources, such as a service that tags everything in the account."""

    keys: Annotated[tuple[formats.TagKey, ...], distinct("key"), in_place("Their keys.")] = ()
    prefixes: Annotated[tuple[formats.TagPrefix, ...], distinct("prefix"), in_place("What their keys begin with.")] = ()


class Aws(Model):
    """Where the cluster is in AWS."""

    region: Annotated[str, formats.REGION, refused("The AWS region.", "nothing moves between regions")]
    zone: Annotated[
        str,
        formats.ZONE,
        refused(
            "The availability zone; `auto` takes the first that offers the instance type. If AWS has no capacity there "
            "for the first hosts, the apply continues in the next one.",
            "nothing moves between zones",
        ),
    ] = "auto"
    network: Network = section("The VPC and its subnet.")
    tags: Annotated[
        dict[formats.TagKey, formats.TagValue],
        Field(max_length=44),
        in_place(
            "Tags for every AWS resource, beside edgewrap's own (`Name`, `edgewrap:cluster`, `edgewrap:uuid`, "
            "`edgewrap:key`, and two more on Elastic IPs that the IPAM driver requests); at most 44, since AWS allows "
            "50."
        ),
    ] = Field(default_factory=dict)
    ignore_tags: IgnoreTags = section("Foreign tags on the cluster's resources: no drift, never removed.")
    endpoint_url: Annotated[
        formats.Url | None,
        next_run("Another endpoint for all AWS calls, such as LocalStack's."),
    ] = None
    instance_profile: Annotated[
        formats.InstanceProfile | None,
        in_place("The instance profile of the hosts, by name. SSM Session Manager needs one."),
    ] = None


class FrontEnd(Model):
    """The front-end as hosts see it."""

    name: Annotated[
        formats.HostName | None,
        in_place("The front-end's own host name, as `hostname` prints it there: hosts are checked for access to it."),
    ] = None
    address: Annotated[
        formats.Address | None,
        in_place("Its address for /etc/hosts on all hosts; null if the hosts' resolver knows the name."),
    ] = None


class OpenNebula(Model):
    """The front-end. Credentials come from ONE_AUTH or ~/.one/one_auth."""

    endpoint: Annotated[formats.Url | None, FROM_ENVIRONMENT, next_run("The XML-RPC endpoint.")] = None
    version: Annotated[
        str,
        formats.VERSION,
        new_hosts(
            "The repository of a new host's packages; `auto` takes the front-end's version. Needs "
            "`oneadmin_public_key`.",
            "upgrade the packages as OpenNebula's guide says",
        ),
    ] = "auto"
    oneadmin_public_key: Annotated[
        formats.PublicKey | None,
        new_hosts(
            "The public key of oneadmin on the front-end: with it new hosts install what they need. Null: "
            "their image must have it.",
            "add the key to /var/lib/one/.ssh/authorized_keys",
        ),
    ] = None
    replica: Annotated[
        str,
        formats.REPLICA,
        in_place(
            "The host that keeps replicas of images: `auto` for the first one, `none`, or a key such as `host-2`."
        ),
    ] = "auto"
    shared_datastores: Annotated[
        tuple[formats.Datastore, ...],
        distinct("datastore"),
        in_place(
            "Existing datastores that VMs of the cluster may use, by id or name: added to the cluster, "
            "never changed or deleted. 1 and 2 are OpenNebula's own `default` and `files`; `[]` for none."
        ),
    ] = (1, 2)
    ca_file: Annotated[LocalPath | None, next_run("The certificate authority of an https endpoint, a PEM file.")] = None
    front_end: FrontEnd = section("The front-end as hosts see it, which copy stopped VMs' disks to it.")
    vnc_from: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        in_place(
            "Who may open the VMs' VNC consoles on the hosts, ports 5900 to 65535: the front-end's address for "
            "OpenNebula 6.10. Newer ones need none, they use SSH."
        ),
    ] = ()


class S3Backend(Model):
    """Where the Terraform state is kept in S3."""

    bucket: Annotated[str, formats.BUCKET, refused("The bucket.", STATE_STAYS)]
    key: Annotated[str, formats.OBJECT_KEY, refused("The object's key.", STATE_STAYS)]
    region: Annotated[str, formats.REGION, refused("The bucket's region.", STATE_STAYS)]


class S3BackendChoice(Model):
    """`backend: { s3: { … } }`."""

    s3: Annotated[S3Backend, Field(description="Keep the state in S3.")]


def _backend_kind(backend: Any) -> str:
    """Which form of `backend` is meant, so that an error speaks of that one only."""
    return "<local>" if isinstance(backend, str) else "<s3>"


class TerraformSettings(Model):
    """The Terraform binary, its providers, and where its state is kept."""

    binary: Annotated[LocalPath, next_run("`terraform`, `tofu`, or the path of one.")] = "terraform"
    plugin_dir: Annotated[
        LocalPath | None, next_run("A folder with the providers, for machines without access to the registry.")
    ] = None
    backend: Annotated[
        Annotated[Literal["local"], Tag("<local>")] | Annotated[S3BackendChoice, Tag("<s3>")],
        Discriminator(_backend_kind),
        refused("Where the state is kept: `local`, or `s3: { bucket, key, region }`.", STATE_STAYS),
    ] = "local"
    reattach: Annotated[
        Literal["auto", "off"],
        next_run("`auto`: all Terraform processes of a run share one AWS provider. `off`: each starts its own."),
    ] = "auto"


class Origin(NamedTuple):
    """The directory of a spec's file, and by path the original texts of the values that were filled in."""

    written: Mapping[KeyPath, str]
    directory: Path


class Spec(Model):
    """One AWS metal edge cluster."""

    model_config = ConfigDict(defer_build=False)

    api_version: Annotated[
        Literal["edgewrap/v1"],
        Field(alias="apiVersion"),
        refused("The version of this format.", "there is no other version"),
    ]
    name: Annotated[
        str,
        formats.NAME,
        refused(
            "The cluster's name in AWS, in OpenNebula and on disk. A local state is found by it: with another name a "
            "run creates a second cluster.",
            "every resource carries it",
        ),
    ]
    protect: Annotated[
        bool,
        in_place(
            "True: `destroy` refuses, and EC2 refuses to terminate the hosts (termination protection). Hosts that you "
            "retire or replace are terminated all the same."
        ),
    ] = False
    aws: Annotated[Aws, Field(description="Where the cluster is in AWS.")]
    hosts: Hosts = section("The metal hosts.")
    public_network: PublicNetwork = section("The Elastic IPs and the interfaces that carry them.")
    private_network: PrivateNetwork = section("The template of private networks.")
    evpn: Evpn = section("BGP-EVPN between the hosts.")
    opennebula: OpenNebula = section("The front-end.")
    ssh: Ssh = section("SSH access to the hosts.")
    terraform: TerraformSettings = section("Terraform and its state.")

    _origin: Origin = PrivateAttr(default=Origin({}, Path()))

    def model_post_init(self, context: Any) -> None:
        """Keeps the `Origin` that the loader gives as the validation context."""
        self._origin = context or self._origin

    @property
    def written(self) -> Mapping[KeyPath, str]:
        """By path, the original texts (`${env:NAME}`) of the values that the environment filled in."""
        return self._origin.written

    @property
    def summary(self) -> str:
        """The cluster in one line for a person."""
        hosts, network = self.hosts, self.public_network
        return (
            f"{self.name} in {self.aws.region}: {counted(hosts.count, 'host')} ({hosts.hypervisor}, "
            f"{hosts.instance_type}), {counted(network.elastic_ips.count, 'Elastic IP')} on "
            f"{counted(network.groups, 'interface group')}"
        )

    def local_path(self, text: str) -> Path:
        """The file that a path of the spec means: `~/` is the user's home, a relative one begins at the spec."""
        return self._origin.directory / with_home(text)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Only the name: other values may come from the environment, and must not reach a log."""
        return [("name", self.name)]

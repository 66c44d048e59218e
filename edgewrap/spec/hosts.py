"""The hosts in the contract `edgewrap/v1`, and SSH access to them."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from edgewrap.spec import formats
from edgewrap.spec.disks import LARGER, LEAST_IOPS, LEAST_THROUGHPUT, ONCE, DatastoreDisk, Iops
from edgewrap.spec.formats import FROM_ENVIRONMENT, LocalPath, distinct
from edgewrap.spec.networks import Index, Model
from edgewrap.spec.on_change import disruptive, in_place, new_hosts, next_run, refused


class Hosts(Model):
    """The metal hosts; indexes 0, 1, 2, … without the retired ones."""

    count: Annotated[
        int, Field(ge=1, le=32758), in_place("Number of hosts.", "to lower it, list indexes in `retired`")
    ] = 3
    retired: Annotated[
        tuple[Index, ...],
        distinct("index"),
        disruptive(
            "Indexes of removed hosts. An index is never used again.",
            "the hosts and their disks are deleted; VMs on them stop the run",
        ),
    ] = ()
    hypervisor: Annotated[
        Literal["kvm", "lxc"],
        new_hosts("The hypervisor of the VMs.", "install `opennebula-node-kvm` or `opennebula-node-lxc`"),
    ] = "kvm"
    instance_type: Annotated[
        str,
        formats.INSTANCE_TYPE,
        refused("The EC2 instance type. KVM needs a metal one.", "every host would be stopped"),
    ] = "c5.metal"
    ami: Annotated[
        str,
        formats.AMI,
        new_hosts(
            "The image of new hosts: the newest Ubuntu image, or an AMI. Each host keeps its image.", "keep the image"
        ),
    ] = "ubuntu-24.04"
    placement_group: Annotated[
        formats.PlacementGroup | None,
        new_hosts("An existing placement group for new hosts, by name.", "keep the instance where it is"),
    ] = None
    capacity_reservation: Annotated[
        str,
        formats.CAPACITY_RESERVATION,
        new_hosts(
            "The On-Demand Capacity Reservation that new hosts use: `open` for any that fits, `none`, or the id of "
            "one, in the zone of `aws.zone`.",
            "keep the capacity that it has",
        ),
    ] = "open"
    tenancy: Annotated[
        Literal["default", "dedicated", "host"],
        new_hosts("The hardware of new hosts: `host` is a Dedicated Host.", "keep the instance where it is"),
    ] = "default"
    root_volume_gb: Annotated[
        int,
        Field(ge=8, le=16384),
        in_place("The root volume's size in GiB.", LARGER),
    ] = 512
    root_volume_iops: Annotated[Iops, in_place("The root volume's IOPS (gp3), at most 500 for each GiB.", ONCE)] = (
        LEAST_IOPS
    )
    root_volume_throughput: Annotated[
        int,
        Field(ge=LEAST_THROUGHPUT, le=2000),
        in_place("The root volume's throughput in MiB/s (gp3), at most a quarter of its IOPS.", ONCE),
    ] = LEAST_THROUGHPUT
    datastore_volume: Annotated[
        DatastoreDisk,
        new_hosts(
            "Where each host has its datastores (/var/lib/one/datastores): on its `root` volume, on the "
            "`instance-store` disks of its type (lost when it stops), or on an EBS volume: `{ gb, iops, throughput }`.",
            "run `edgewrap replace`",
        ),
    ] = "root"
    address: Annotated[
        Literal["public", "eip", "private"],
        refused(
            "How hosts are reached: `public` by the address that the subnet gives (lost when the host "
            "stops), `eip` by an Elastic IP of their own (kept), `private` by their private address (VPN).",
            "an instance gets or loses the subnet's public address only at launch; only a change to `eip` is possible",
        ),
    ] = "public"
    on_failure: Annotated[
        Literal["move", "replace"],
        in_place("If a host is dead: `move` its groups to other hosts, or also `replace` the instance."),
    ] = "move"
    firewall: Annotated[
        bool, in_place("Filter what reaches the hosts themselves: SSH, BGP, VXLAN and the front-end only.")
    ] = True


class Ssh(Model):
    """SSH access to the hosts. Keys come from the SSH agent or ~/.ssh."""

    user: Annotated[
        str,
        formats.USER,
        FROM_ENVIRONMENT,
        in_place("The user on the hosts; it may use sudo.", "the user must exist on all hosts and accept the key"),
    ] = "ubuntu"
    public_key: Annotated[
        LocalPath,
        in_place(
            "The public key file of the AWS key pair. Its text is read at the first apply and kept.",
            "edgewrap logs in with the new key; the AWS key pair keeps the old one",
        ),
    ] = "~/.ssh/id_ed25519.pub"
    authorized_keys: Annotated[
        tuple[Annotated[formats.PublicKey, FROM_ENVIRONMENT], ...],
        distinct("key"),
        in_place("More public keys for that user, as text."),
    ] = ()
    from_: Annotated[
        tuple[formats.Cidr, ...],
        distinct("network"),
        Field(alias="from"),
        in_place("Who may open SSH to the hosts' own addresses; never to Elastic IPs of VMs."),
    ] = (IPv4Network("0.0.0.0/0"),)
    proxy_command: Annotated[
        Annotated[formats.ProxyCommand, FROM_ENVIRONMENT] | None,
        next_run(
            "A command that carries the SSH connection, such as SSM Session Manager's; `{instance_id}` and "
            "`{host}` are filled in."
        ),
    ] = None

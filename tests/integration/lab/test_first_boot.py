"""A host's first boot: the metadata service, the real cloud-init, and what edgewrap's user data makes of the host."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edgewrap.aws.render.user_data import user_data
from tests.support.aws_plane import make_spec
from tests.support.lab import Lab
from tests.support.lab_cloud import Instance, LabCloud, Network, wait_until

METADATA = "http://169.254.169.254/latest"
TOKEN = "X-aws-ec2-metadata-token"
LIFETIME = f"{TOKEN}-ttl-seconds"


@dataclass(frozen=True)
class Booted:
    """A KVM host that has set itself up, an LXC host that has, and one without user data."""

    cloud: LabCloud
    network: Network
    kvm: Instance
    lxc: Instance
    plain: Instance
    key: str


@pytest.fixture(scope="module")
def booted(lab: Lab) -> Booted:
    cloud = LabCloud(lab)
    network = cloud.make_network()
    key = (lab.directory / "frontend" / "id_ed25519.pub").read_text().strip()
    kvm, lxc = (
        cloud.launch(network, index, user_data=text_for(hypervisor, key))
        for index, hypervisor in enumerate(("kvm", "lxc"))
    )
    plain = cloud.launch(network, 2)
    cloud.ready(kvm, lxc, plain)
    for host in (kvm, lxc):
        wait_until(lambda host=host: "setup-" in cloud.on(host, "ls /var/lib/edgewrap"))  # type: ignore[misc]
    return Booted(cloud, network, kvm, lxc, plain, key)


def text_for(hypervisor: str, key: str) -> str:
    return user_data(make_spec(hosts={"hypervisor": hypervisor}, opennebula={"oneadmin_public_key": key}), "7.0")


def ask(booted: Booted, path: str, *options: str, host: Instance | None = None, place: str = "") -> str:
    """The HTTP status and the body of one request to the metadata service from a host, or from a place of it."""
    words = " ".join(f"'{option}'" for option in options)
    command = f"{place} curl -s -m 3 -w '%{{http_code}}\\n' {words} {METADATA}/{path}"
    return booted.cloud.on(host or booted.kvm, f"{command} || true")


def token(booted: Booted, host: Instance | None = None) -> str:
    answer = ask(booted, "api/token", "-X", "PUT", "-H", f"{LIFETIME}: 60", host=host)
    assert answer.endswith("200\n")
    return answer.removesuffix("200\n")


def test_first_boot_installs_kvm_and_lxc_nodes(booted: Booted) -> None:
    for host, package in ((booted.kvm, "opennebula-node-kvm"), (booted.lxc, "opennebula-node-lxc")):
        assert "version=7.0\n" in booted.cloud.on(host, "cat /var/lib/edgewrap/setup-done")
        assert "install ok installed" in booted.cloud.on(host, f"dpkg-query --show -f '${{Status}}' {package}")
        assert booted.cloud.on(host, "cat ~oneadmin/.ssh/authorized_keys") == f"{booted.key}\n"
        assert booted.cloud.on(host, "systemctl --failed --no-legend") == ""


def test_the_user_data_is_a_valid_document(booted: Booted) -> None:
    checked = booted.cloud.on(
        booted.lxc, "cloud-init schema --config-file /var/lib/cloud/instance/user-data.txt; cloud-init status"
    )
    assert "Valid cloud-config" in checked
    assert "status: done" in checked


def test_password_logins_are_refused(booted: Booted) -> None:
    settings = booted.cloud.on(booted.kvm, "sshd -T").splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "allowagentforwarding yes"} <= set(settings)


def test_a_host_without_user_data_runs_no_first_boot_setup(booted: Booted) -> None:
    assert booted.cloud.on(booted.plain, "ls -d /var/lib/edgewrap /usr/bin/cloud-init 2>/dev/null || true") in (
        "",
        "/usr/bin/cloud-init\n",
    )
    assert booted.cloud.on(booted.plain, "cat ~oneadmin/.ssh/authorized_keys") == f"{booted.key}\n"


def test_the_metadata_service_requires_the_instances_own_token(booted: Booted) -> None:
    own = token(booted)
    assert ask(booted, "meta-data/instance-id") == "401\n"
    assert ask(booted, "meta-data/instance-id", "-H", f"{TOKEN}: {own}") == f"{booted.kvm.id}200\n"
    assert ask(booted, "meta-data/instance-id", "-H", f"{TOKEN}: {token(booted, booted.lxc)}") == "401\n"
    assert ask(booted, "user-data", "-H", f"{TOKEN}: {own}") == f"{text_for('kvm', booted.key)}200\n"
    assert ask(booted, "nothing", "-H", f"{TOKEN}: {own}") == "404\n"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("-X", "PUT"), "400\n"),
        (("-X", "PUT", "-H", f"{LIFETIME}: 21601"), "400\n"),
        (("-X", "PUT", "-H", f"{LIFETIME}: 60", "-H", "X-Forwarded-For: 10.0.0.1"), "403\n"),
    ],
)
def test_metadata_tokens_work_as_in_ec2(booted: Booted, options: tuple[str, ...], status: str) -> None:
    assert ask(booted, "api/token", *options) == status


def test_metadata_tokens_do_not_pass_a_hop(booted: Booted) -> None:
    address = "10.0.0.50"
    booted.cloud.call(
        "assign_private_ip_addresses", NetworkInterfaceId=booted.plain.interface, PrivateIpAddresses=[address]
    )
    booted.cloud.on(
        booted.plain,
        "ip netns add vm && ip link add v0 type veth peer name v1 netns vm && ip link set v0 up && "
        f"ip -n vm address add {address}/32 dev v1 && ip -n vm link set v1 up && ip route add {address} dev v0 && "
        "ip address add 10.9.9.1/32 dev v0 && ip -n vm route add 10.9.9.1 dev v1 && "
        "ip -n vm route add default via 10.9.9.1 && sysctl -qw net.ipv4.ip_forward=1",
    )
    behind = "ip netns exec vm"
    wait_until(lambda: ask(booted, "meta-data/instance-id", host=booted.plain, place=behind) == "401\n")
    assert ask(booted, "api/token", "-X", "PUT", "-H", f"{LIFETIME}: 60", host=booted.plain, place=behind) == "000\n"

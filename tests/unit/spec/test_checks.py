"""What is allowed up to its limit, and what only AWS can tell the limit of."""

from __future__ import annotations

import pytest

from edgewrap.spec.contract import contract
from edgewrap.spec.forbidden import REMOVED

from .conftest import Load

WITH_SUBNET = "apiVersion: edgewrap/v1\nname: a\naws: {{ region: eu-west-3, network: {{ subnet: {} }} }}\n"


@pytest.mark.parametrize(
    "text",
    [
        "hosts: { count: 2, retired: [1] }",
        "hosts: { count: 2, retired: [2] }",
        "hosts: { count: 1, retired: [2, 0] }",
        "public_network: { elastic_ips: { count: 0 } }",
        "public_network: { elastic_ips: { count: 0, retired: [0, 1, 2] } }",
        "public_network: { elastic_ips: { count: 252 } }",
        "public_network: { groups: 1, elastic_ips: { count: 63 } }",
        "hosts: { count: 32758 }",
        "hosts: { hypervisor: lxc, instance_type: t3.large }",
        "hosts: { instance_type: i7ie.metal-24xl }",
        "hosts: { instance_type: u-12tb1.metal }",
        "aws: { region: us-gov-west-1, zone: us-gov-west-1c }",
        "aws: { region: eusc-de-east-1 }",
        "ssh: { from: [], proxy_command: 'ssh -W {host}:22 jump' }",
        "ssh: { from: [] }\nhosts: { address: private }",
        "public_network: { security_group: { ingress: [], egress: [] } }",
        "public_network: { security_group: { ingress: [{ protocol: all, ports: all }] } }",
        "public_network: { security_group: { ingress: [{ protocol: tcp, ports: 1-65535 }] } }",
        "public_network: { dns: [] }",
        "aws: { region: eu-west-3, network: { vpc_id: null, subnet_id: null, subnet: null } }",
        "public_network: { existing: {} }",
        "terraform: { backend: local }",
        "name: a",
        "name: " + "a" * 40,
    ],
)
def test_a_spec_up_to_its_limits(load: Load, text: str) -> None:
    own = {line.split(":")[0] for line in text.splitlines()}
    base = ["apiVersion: edgewrap/v1", "name: edge-1", "aws: { region: eu-west-3 }"]
    whole = "\n".join([*(line for line in base if line.split(":")[0] not in own), text, ""])
    assert load(whole, whole=True).api_version == "edgewrap/v1"


def test_the_smallest_subnets(load: Load) -> None:
    one_group = "hosts: { count: 6 }\npublic_network: { groups: 1, elastic_ips: { count: 6 } }\n"
    assert load(WITH_SUBNET.format("10.0.0.0/27") + one_group, whole=True).hosts.count == 6
    defaults = "public_network: { elastic_ips: { count: 8 } }\n"
    assert load(WITH_SUBNET.format("10.0.0.0/26") + defaults, whole=True).public_network.groups == 4


def test_removed_fields_are_not_in_the_contract() -> None:
    assert not REMOVED.keys() & set(contract().paths())

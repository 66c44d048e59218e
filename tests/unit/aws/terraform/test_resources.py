"""The table of Terraform resources agrees with the templates and with `docs/terraform.md`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgewrap.aws.render.variables import make_variables
from edgewrap.aws.terraform.resources import (
    DATASTORE,
    DATASTORE_ATTACHMENT,
    EIP,
    HOST_EIP,
    INSTANCE,
    RESOURCES,
    VPC,
    Resource,
    importable_addresses,
    resource_at,
    resource_name,
)
from tests.support.aws_plane import OFFICE, first_inputs, make_spec

ROOT = Path(__file__).parents[4]
DOCS = (ROOT / "docs/terraform.md").read_text()


def test_every_resource_of_the_templates_has_one_entry() -> None:
    blocks = [
        (file.parent.name, *found)
        for file in (ROOT / "terraform/modules").rglob("*.tf.j2")
        for found in re.findall(r'^resource "(\w+)" "(\w+)"', file.read_text(), re.MULTILINE)
    ]
    assert sorted(blocks) == sorted((resource.module, resource.type, resource.name) for resource in RESOURCES)


@pytest.mark.parametrize("resource", [resource for resource in RESOURCES if resource.tagged], ids=lambda one: one.block)
def test_the_templates_tag_a_resource_with_its_key(resource: Resource) -> None:
    text = "".join(file.read_text() for file in (ROOT / "terraform/modules" / resource.module).glob("*.tf.j2"))
    found = re.search(rf'^resource "{resource.type}" "{resource.name}".*?^}}', text, re.MULTILINE | re.DOTALL)
    assert found is not None
    key = f"{resource.key}${{each.key}}" if resource.for_each and resource.key else resource.key
    tag = f'"edgewrap:key" = "{key}"' if key else '"edgewrap:key" = each.key'
    has_tags = "edgewrap:key" in found[0]
    assert tag in found[0] or not has_tags
    without = ("aws_route", "aws_route_table_association", "aws_network_interface_attachment", "aws_volume_attachment")
    assert has_tags or resource.type in without


def test_addresses_and_names() -> None:
    assert VPC.address() == "module.network.aws_vpc.this"
    assert INSTANCE.address("host-1") == 'module.hosts.aws_instance.host["host-1"]'
    assert HOST_EIP.address("eip-host-1") == 'module.hosts.aws_eip.host["host-1"]'
    assert resource_at(EIP.address("eip-3")) is EIP
    assert str(resource_name("aws_eip", "this", "eip-3")) == "elastic ip eip-3"
    assert str(resource_name("aws_eip", "host", "host-1")) == "elastic ip eip-host-1"
    assert str(resource_name("aws_vpc", "this", None)) == "vpc vpc"
    assert str(resource_name("aws_other", "this", None)) == "aws_other this"


@pytest.mark.parametrize(("address", "own", "rules"), [("public", 0, 2), ("eip", 2, 2), ("private", 0, 0)])
def test_what_a_render_leads_to(address: str, own: int, rules: int) -> None:
    spec = make_spec(hosts={"count": 2, "address": address})
    found = importable_addresses(make_variables(spec, first_inputs(spec), ""), address)
    assert len([one for one in found if one.startswith(HOST_EIP.block)]) == own
    assert len([one for one in found if "hosts-ingress-host-" in one]) == rules
    assert {VPC.address(), INSTANCE.address("host-1"), EIP.address("eip-3")} <= found


@pytest.mark.parametrize(
    ("attached", "volumes", "attachments"),
    [
        ([], ["vol-1"], []),
        (["/dev/sdf"], ["vol-1"], ["/dev/sdf:vol-1:i-1"]),
        (["/dev/sda1"], [], []),
    ],
    ids=["not attached yet", "attached", "a root volume, which has the same tags"],
)
def test_a_root_volume_is_not_taken_for_that_of_the_datastores(
    attached: list[str], volumes: list[str], attachments: list[str]
) -> None:
    item = {"VolumeId": "vol-1", "Attachments": [{"Device": device, "InstanceId": "i-1"} for device in attached]}
    found = [list(one.tagged.import_ids(item)) for one in (DATASTORE, DATASTORE_ATTACHMENT) if one.tagged]
    assert found == [volumes, attachments]


def test_the_docs_have_the_table() -> None:
    rows = [
        f"| {resource.kind} | `{resource.block}` | {_key(resource)} | {'yes' if resource.tagged else 'no'} |"
        for resource in RESOURCES
    ]
    assert re.findall(r"^\| [a-z ]+ \| `module\..*$", DOCS, re.MULTILINE) == rows


def _key(resource: Resource) -> str:
    if resource.for_each is None:
        return f"`{resource.key}`"
    hosts = {"address": "eip", "datastore_volume": {"gb": 100}}
    own = {"existing": {"office": OFFICE.allocation_id}}
    spec = make_spec(hosts=hosts, public_network=own, opennebula={"vnc_from": ["192.0.2.9/32"]})
    variables = make_variables(spec, first_inputs(spec), "")
    first = next(iter(resource.for_each(variables, "eip")))
    return f"`{resource.key}{first}`, …"

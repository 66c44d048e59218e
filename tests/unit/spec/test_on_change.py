"""Every field says what a change of it does, and refusals and notices follow from that."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.inputs.immutable_fields import refused_changes
from edgewrap.aws.inputs.setup_warnings import setup_notices
from edgewrap.spec.contract import contract
from edgewrap.spec.load import public_document
from edgewrap.spec.not_implemented import NOT_IMPLEMENTED
from edgewrap.spec.on_change import Effect, OnChange
from tests.support.aws_plane import PUBLIC_KEY, first_inputs, make_spec

BEFORE: dict[str, Any] = {"opennebula": {"oneadmin_public_key": PUBLIC_KEY, "version": "7.0"}}
OTHER: dict[str, Any] = {
    "name": "edge-other",
    "protect": True,
    "aws.region": "eu-west-1",
    "aws.zone": "eu-west-3c",
    "aws.network.cidr": "10.1.0.0/16",
    "aws.network.subnet": "10.0.0.0/20",
    "aws.tags": {"team": "edge"},
    "aws.endpoint_url": "http://other:4566",
    "aws.instance_profile": "edge",
    "hosts.count": 4,
    "hosts.retired": [3],
    "hosts.hypervisor": "lxc",
    "hosts.instance_type": "m5.metal",
    "hosts.ami": "ubuntu-22.04",
    "hosts.root_volume_gb": 600,
    "hosts.address": "private",
    "hosts.on_failure": "replace",
    "hosts.firewall": False,
    "public_network.elastic_ips.count": 5,
    "public_network.elastic_ips.retired": [4],
    "public_network.groups": 3,
    "public_network.default_security_group": "remove",
    "public_network.security_group.ingress": [],
    "public_network.security_group.egress": [],
    "public_network.dns": ["9.9.9.9"],
    "public_network.vni": 7,
    "private_network.mtu": 1400,
    "private_network.phydev": "ens6",
    "evpn.asn": 65001,
    "evpn.reflectors": 3,
    "opennebula.endpoint": "http://other/RPC2",
    "opennebula.version": "7.2",
    "opennebula.oneadmin_public_key": PUBLIC_KEY + "-2",
    "opennebula.replica": "none",
    "opennebula.shared_datastores": [1],
    "opennebula.ca_file": "/ca.pem",
    "ssh.user": "admin",
    "ssh.public_key": "~/.ssh/other.pub",
    "ssh.authorized_keys": [PUBLIC_KEY],
    "ssh.from": ["192.0.2.0/24"],
    "ssh.proxy_command": "ssh -W {host}:22 jump",
    "terraform.binary": "tofu",
    "terraform.plugin_dir": "/srv/providers",
}
"""Another value for every field that a run compares with the cluster."""

ELSEWHERE = {"apiVersion", "evpn.password", "terraform.backend"}
"""Has one value only; comes from the environment; refused by the state store."""

FIELDS = {".".join(path): field for path, field in contract().fields()}


def changed(path: str) -> Any:
    *above, name = path.split(".")
    whole: dict[str, Any] = {section: dict(fields) for section, fields in BEFORE.items()}
    section = whole
    for step in above:
        section = section.setdefault(step, {})
    section[name] = OTHER[path]
    return make_spec(**whole)


def test_every_field_says_what_a_change_does() -> None:
    assert [path for path, field in FIELDS.items() if field.on_change is None] == []
    assert [path for path, field in FIELDS.items() if field.on_change and field.on_change.effect == Effect.REFUSED] == [
        path for path, field in FIELDS.items() if str(field.on_change).startswith("refused: ")
    ]


def test_every_field_is_tried_here() -> None:
    items = {path for path in FIELDS if "[]" in path or path.startswith("terraform.backend.")}
    assert FIELDS.keys() - items - ELSEWHERE - {".".join(path) for path in NOT_IMPLEMENTED} == OTHER.keys()


@pytest.mark.parametrize("path", OTHER)
def test_a_run_refuses_the_fields_that_say_so_and_no_others(path: str) -> None:
    effect = FIELDS[path].on_change
    assert effect is not None
    found = {
        violation.path: violation.why for violation in refused_changes(changed(path), first_inputs(make_spec(**BEFORE)))
    }
    assert (path in found) is (effect.effect is Effect.REFUSED)
    assert path not in found or effect.detail in found[path]


@pytest.mark.parametrize("path", OTHER)
def test_a_plan_has_a_notice_for_the_fields_that_change_on_new_hosts_only(path: str) -> None:
    effect = FIELDS[path].on_change
    assert effect is not None
    before, after = make_spec(**BEFORE), changed(path)
    previous = first_inputs(before)
    inputs = previous.model_copy(update={"opennebula_version": after.opennebula.version})
    texts = [notice.text for notice in setup_notices(after, inputs, previous, public_document(before))]
    assert any(text.startswith(f"{path} ") for text in texts) is (effect.effect is Effect.NEW_HOSTS)
    assert all(effect.detail in text for text in texts)


def test_the_schema_has_the_mark() -> None:
    mark = FIELDS["public_network.groups"].on_change
    assert mark == OnChange(Effect.REFUSED, "every block would move")
    assert FIELDS["aws.tags"].schema["x-change"] == "in place"

"""Terraform's outputs at the border."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.outputs import read_outputs
from edgewrap.errors import StateError
from edgewrap.outputs import UNKNOWN
from tests.support.aws_plane import first_inputs, make_spec

HOST = {"instance_id": "i-1", "private_address": "10.0.0.20", "public_address": "198.51.100.1", "state": "running"}


def test_keys_are_in_the_order_of_their_indexes() -> None:
    hosts = {"host-10": HOST, "host-2": {**HOST, "public_address": ""}, "host-3": {**HOST, "public_address": None}}
    outputs = read_outputs({"hosts": hosts}, first_inputs(make_spec()))
    assert [(host.key, host.index, host.name) for host in outputs.hosts.values()] == [
        ("host-2", 2, "10.0.0.20"),
        ("host-3", 3, "10.0.0.20"),
        ("host-10", 10, "ec2-198-51-100-1.eu-west-3.compute.amazonaws.com"),
    ]


def test_inputs_are_used_if_the_first_run_died() -> None:
    inputs = first_inputs(make_spec())
    outputs = read_outputs({"inputs": inputs.to_text()}, inputs)
    assert (outputs.uuid, outputs.zone, outputs.vpc_id) == (inputs.uuid, "eu-west-3a", UNKNOWN)
    assert not outputs.hosts


BROKEN: list[Any] = [
    pytest.param({"hosts": {"host-0": {**HOST, "instance_id": 7}}}, "hosts.host-0.instance_id", id="wrong type"),
    pytest.param({"hosts": {"host-0": {**HOST, "more": ""}}}, "hosts.host-0.more", id="unknown"),
    pytest.param({"eips": {"eip-0": {}}}, "eips.eip-0.allocation_id", id="missing"),
]


@pytest.mark.parametrize(("values", "place"), BROKEN)
def test_invalid_outputs_are_refused_with_their_path(values: dict[str, Any], place: str) -> None:
    with pytest.raises(StateError, match=place):
        read_outputs(values, first_inputs(make_spec()))


CLUSTER = {
    "uuid": "7e5a1c9e-0000-4000-8000-000000000001",
    "region": "eu-west-3",
    "zone": "eu-west-3a",
    "vpc_id": "vpc-1",
    "vpc_cidr": "10.0.0.0/16",
    "subnet_id": "subnet-1",
    "subnet_cidr": "10.0.0.0/16",
}
GROUP = {
    "interface_id": "eni-1",
    "mac": "02:00:00:00:00:01",
    "primary_address": "10.0.128.0",
    "block": "10.0.128.0/25",
    "host": "host-0",
    "device_index": 1,
}
EIP = {
    "allocation_id": "eipalloc-1",
    "public_address": "203.0.113.7",
    "private_address": "10.0.128.2",
    "gateway": "10.0.128.3",
    "group": "group-0",
}
VALUES = {"cluster": CLUSTER, "hosts": {"host-0": HOST}, "groups": {"group-0": GROUP}, "eips": {"eip-0": EIP}}
TEXTS = [
    pytest.param(path, id=".".join(path))
    for path in (
        *(("cluster", name) for name in CLUSTER),
        *(("hosts", "host-0", name) for name in HOST),
        *(("groups", "group-0", name) for name, value in GROUP.items() if isinstance(value, str)),
        *(("eips", "eip-0", name) for name in EIP),
    )
]
WRONG = [
    "-x",
    "$(x)",
    "10.0.0.1\n",
    " 10.0.0.1",
    "10.0.0.01",
    "10.0.0.1/16",
    "10.0.0.1; x",
    "i-1 -x",
    "\x1b[31m",
    "é",
    "x" * 300,
]


@pytest.mark.parametrize("wrong", [["a" * 30] * 3, {"a" * 70: 1}])
def test_a_long_value_that_is_not_a_text_is_refused(wrong: Any) -> None:
    with pytest.raises(StateError, match=r"hosts\.host-0"):
        read_outputs({"hosts": {"host-0": {**HOST, "private_address": wrong}}}, first_inputs(make_spec()))


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("wrong", WRONG)
def test_every_text_has_a_format_and_is_shown_escaped(path: tuple[str, ...], wrong: str) -> None:
    values = deepcopy(VALUES)
    section: Any = values
    for step in path[:-1]:
        section = section[step]
    assert read_outputs(values, first_inputs(make_spec()))
    section[path[-1]] = wrong
    with pytest.raises(StateError) as raised:
        read_outputs(values, first_inputs(make_spec()))
    assert f"{'.'.join(path)}: must be " in raised.value.what
    assert raised.value.what.isprintable()
    assert len(raised.value.what) < 300


@pytest.mark.parametrize("key", ["host", "host-", "host-01", "host-0 -oX", "host-0\n", "../host-0", "eip-0"])
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(StateError, match="must be the key of a host, such as host-0") as raised:
        read_outputs({"hosts": {key: HOST}}, first_inputs(make_spec()))
    assert raised.value.what.isprintable()


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-west-3", "ec2-198-51-100-1.eu-west-3.compute.amazonaws.com"),
        ("us-east-1", "ec2-198-51-100-1.compute-1.amazonaws.com"),
        ("us-gov-west-1", "ec2-198-51-100-1.us-gov-west-1.compute.amazonaws.com"),
        ("cn-north-1", "ec2-198-51-100-1.cn-north-1.compute.amazonaws.com.cn"),
        ("us-iso-east-1", "ec2-198-51-100-1.us-iso-east-1.compute.c2s.ic.gov"),
        ("us-isob-east-1", "ec2-198-51-100-1.us-isob-east-1.compute.sc2s.sgov.gov"),
    ],
)
def test_a_host_is_named_as_aws_names_its_public_address(region: str, name: str) -> None:
    host = read_outputs({"hosts": {"host-0": HOST}}, first_inputs(make_spec(aws={"region": region}))).hosts["host-0"]
    assert (host.name, host.address) == (name, "198.51.100.1")


@pytest.mark.parametrize(
    ("mode", "public", "name", "address"),
    [
        ("eip", "198.51.100.1", "ec2-198-51-100-1.eu-west-3.compute.amazonaws.com", "198.51.100.1"),
        ("public", UNKNOWN, UNKNOWN, UNKNOWN),
        ("private", "", "10.0.0.20", "10.0.0.20"),
        ("private", "198.51.100.1", "10.0.0.20", "198.51.100.1"),
    ],
)
def test_a_host_with_a_private_address_is_named_by_it(mode: str, public: str, name: str, address: str) -> None:
    values = {"hosts": {"host-0": {**HOST, "public_address": public}}}
    host = read_outputs(values, first_inputs(make_spec(hosts={"address": mode}))).hosts["host-0"]
    assert (host.name, host.address) == (name, address)


def test_inputs_used_as_outputs_have_a_format_too() -> None:
    inputs = first_inputs(make_spec()).model_copy(update={"uuid": "$(x)"})
    with pytest.raises(StateError, match="uuid: must be a UUID"):
        read_outputs({}, inputs)


@pytest.mark.parametrize("text", ["", "{}", '{"uuid": 1}', "null"])
def test_broken_inputs_are_refused(text: str) -> None:
    with pytest.raises(StateError, match="inputs in the Terraform state"):
        Inputs.from_text(text)

"""Terraform's outputs at the border."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.errors import StateError
from edgewrap.infra.inputs import Inputs
from edgewrap.infra.outputs import read_outputs
from edgewrap.outputs import UNKNOWN
from tests.support.infra import first_inputs, make_spec

HOST = {"instance_id": "i-1", "private_address": "10.0.0.20", "public_address": "198.51.100.1", "state": "running"}


def test_keys_are_in_the_order_of_their_indexes_and_names_are_what_ssh_uses() -> None:
    hosts = {"host-10": HOST, "host-2": {**HOST, "public_address": ""}, "host-3": {**HOST, "public_address": None}}
    outputs = read_outputs({"hosts": hosts}, first_inputs(make_spec()))
    assert [(host.key, host.index, host.name) for host in outputs.hosts.values()] == [
        ("host-2", 2, "10.0.0.20"),
        ("host-3", 3, "10.0.0.20"),
        ("host-10", 10, "198.51.100.1"),
    ]


def test_where_a_run_died_first_the_inputs_stand_in() -> None:
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
def test_anything_else_is_refused_with_its_place(values: dict[str, Any], place: str) -> None:
    with pytest.raises(StateError, match=place):
        read_outputs(values, first_inputs(make_spec()))


@pytest.mark.parametrize("text", ["", "{}", '{"uuid": 1}', "null"])
def test_broken_inputs_are_refused(text: str) -> None:
    with pytest.raises(StateError, match="inputs in the Terraform state"):
        Inputs.from_text(text)

"""Deciding the inputs: what is decided is kept, only what is new is looked up, and what cannot be is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgewrap.aws.inputs.decide import decide_inputs, unprovisioned
from edgewrap.aws.inputs.model import Inputs, InterfaceLimits
from edgewrap.aws.terraform.resources import INSTANCE, KEY_PAIR, SUBNET, VPC
from edgewrap.errors import RefusedChangeError
from edgewrap.spec.disks import DatastoreVolume
from tests.support.aws_plane import FixedLookups, first_inputs, make_spec


def test_a_first_apply_decides_everything() -> None:
    lookups = FixedLookups()
    inputs = decide_inputs(make_spec(), None, lookups)
    assert set(lookups.asked) == {"uuid", "zone", "image", "limits", "public key"}
    assert inputs.foundation.zone == "eu-west-3a"
    assert inputs.amis == dict.fromkeys(("host-0", "host-1", "host-2"), lookups.ami)
    assert inputs.eips == ("eip-0", "eip-1", "eip-2", "eip-3")
    assert list(inputs.placement.values()) == ["host-0", "host-1", "host-2", "host-0"]


def test_a_run_without_new_resources_makes_no_lookup() -> None:
    before, lookups = first_inputs(make_spec()), FixedLookups(zone="eu-west-3c", ami="ami-22222222222222222")
    assert decide_inputs(make_spec(), before, lookups) == before
    assert lookups.asked == []


def test_a_new_host_gets_the_newest_image_and_the_others_keep_theirs() -> None:
    before, lookups = first_inputs(make_spec()), FixedLookups(ami="ami-22222222222222222")
    after = decide_inputs(make_spec(hosts={"count": 4}), before, lookups)
    assert lookups.asked == ["image"]
    assert after.amis == {**before.amis, "host-3": "ami-22222222222222222"}
    assert after.placement == before.placement
    assert after.uuid == before.uuid


def test_an_image_and_a_zone_given_in_the_spec_are_not_looked_up() -> None:
    lookups = FixedLookups()
    spec = make_spec(aws={"zone": "eu-west-3b"}, hosts={"ami": "ami-0123456789abcdef0"})
    inputs = decide_inputs(spec, None, lookups)
    assert not {"zone", "image"} & set(lookups.asked)
    assert inputs.foundation.zone == "eu-west-3b"
    assert set(inputs.amis.values()) == {"ami-0123456789abcdef0"}


VOLUME, LARGER = {"gb": 100}, {"gb": 200, "iops": 4000}


@pytest.mark.parametrize(
    ("before", "after", "new", "disks"),
    [
        ("root", "root", (), {}),
        ("root", VOLUME, (), {"host-2": VOLUME}),
        ("root", VOLUME, ("host-0",), {"host-0": VOLUME, "host-2": VOLUME}),
        (VOLUME, LARGER, (), dict.fromkeys(("host-0", "host-1", "host-2"), LARGER)),
        (VOLUME, "root", (), {"host-0": VOLUME, "host-1": VOLUME}),
        (VOLUME, "root", ("host-0",), {"host-1": VOLUME}),
        ("instance-store", VOLUME, (), {"host-0": "instance-store", "host-1": "instance-store", "host-2": VOLUME}),
    ],
)
def test_a_host_keeps_its_kind_of_disk_until_its_instance_is_replaced(
    before: Any, after: Any, new: tuple[str, ...], disks: dict[str, Any]
) -> None:
    """Host 2 is new."""
    previous = first_inputs(make_spec(hosts={"count": 2, "datastore_volume": before}))
    spec = make_spec(hosts={"count": 3, "datastore_volume": after})
    inputs = decide_inputs(spec, previous, FixedLookups(), new_instances=new)
    full = {key: disk if isinstance(disk, str) else DatastoreVolume(**disk) for key, disk in disks.items()}
    assert inputs.datastores == full
    assert Inputs.from_text(inputs.to_text()) == inputs


def test_inputs_of_an_older_version_have_their_datastores_on_root_volumes() -> None:
    text = first_inputs(make_spec()).to_text().replace('"datastores":{},', "")
    assert "datastores" not in text
    assert Inputs.from_text(text).datastores == {}


def test_groups_of_a_retired_host_move_and_its_index_is_not_reused() -> None:
    before = first_inputs(make_spec())
    after = decide_inputs(make_spec(hosts={"count": 2, "retired": [1]}), before, FixedLookups())
    assert tuple(after.amis) == ("host-0", "host-2")
    assert after.placement == {"group-0": "host-0", "group-1": "host-2", "group-2": "host-2", "group-3": "host-0"}
    assert after.retired.hosts == (1,)


def test_a_host_that_cannot_carry_groups_keeps_none() -> None:
    before = first_inputs(make_spec())
    after = decide_inputs(make_spec(), before, FixedLookups(), unavailable={"host-0"})
    assert after.amis == before.amis
    assert after.placement == {"group-0": "host-1", "group-1": "host-1", "group-2": "host-2", "group-3": "host-2"}


def test_groups_move_to_existing_hosts_rather_than_to_a_replacement() -> None:
    before = first_inputs(make_spec())
    spec = make_spec(hosts={"count": 3, "retired": [0]})
    after = decide_inputs(spec, before, FixedLookups(), unavailable={"host-0"}, new_hosts={"host-3"})
    assert tuple(after.amis) == ("host-1", "host-2", "host-3")
    assert set(after.placement.values()) == {"host-1", "host-2"}


def test_groups_stay_if_no_host_can_carry_them() -> None:
    before = first_inputs(make_spec())
    after = decide_inputs(make_spec(), before, FixedLookups(), unavailable={"host-0", "host-1", "host-2"})
    assert after.placement == before.placement


HOSTS = ("host-0", "host-1", "host-2")
ALL_MISSING = {*HOSTS, "vpc", "subnet", "key-pair"}
OTHER_KEY = "ssh-rsa AAAAB3NzaC1yc2E other@somewhere"


def test_what_is_not_in_the_state_is_unprovisioned() -> None:
    inputs = first_inputs(make_spec())
    assert unprovisioned(inputs, ()) == ALL_MISSING
    some = {VPC.address(), INSTANCE.address("host-1")}
    assert unprovisioned(inputs, some) == {"host-0", "host-2", "subnet", "key-pair"}
    every = {*map(INSTANCE.address, HOSTS), VPC.address(), SUBNET.address(), KEY_PAIR.address()}
    assert unprovisioned(inputs, every) == frozenset()


@pytest.mark.parametrize("ami", ["ami-22222222222222222", "ubuntu-24.04"])
def test_a_wrong_image_is_corrected_for_the_hosts_that_have_no_instance(ami: str) -> None:
    before = first_inputs(make_spec(hosts={"ami": "ami-0123456789abcdef0"}))
    lookups = FixedLookups(ami="ami-22222222222222222")
    after = decide_inputs(make_spec(hosts={"ami": ami}), before, lookups, missing={"host-1", "host-2"})
    assert after.amis == {
        "host-0": "ami-0123456789abcdef0",
        "host-1": "ami-22222222222222222",
        "host-2": "ami-22222222222222222",
    }


def test_a_wrong_key_is_corrected_while_there_is_no_key_pair_and_no_host() -> None:
    before, lookups = first_inputs(make_spec()), FixedLookups(key=OTHER_KEY)
    for missing, text in (
        (ALL_MISSING, OTHER_KEY),
        ({*HOSTS, "key-pair"}, OTHER_KEY),
        ({*HOSTS, "subnet"}, before.public_key),
        ({"host-1", "host-2", "key-pair"}, before.public_key),
    ):
        assert decide_inputs(make_spec(), before, lookups, missing=missing).public_key == text


def test_a_wrong_zone_is_corrected_while_there_is_no_subnet() -> None:
    before, spec = first_inputs(make_spec(aws={"zone": "eu-west-3b"})), make_spec(aws={"zone": "eu-west-3c"})
    assert decide_inputs(spec, before, FixedLookups(), missing=ALL_MISSING).foundation.zone == "eu-west-3c"
    for missing in (HOSTS, {*HOSTS, "vpc"}, {"subnet"}):
        with pytest.raises(RefusedChangeError, match="nothing moves between zones"):
            decide_inputs(spec, before, FixedLookups(), missing=missing)


def test_an_automatic_zone_is_kept_if_it_offers_the_type() -> None:
    for stood, zone in (("eu-west-3b", "eu-west-3b"), ("eu-west-3z", "eu-west-3a")):
        before = first_inputs(make_spec(aws={"zone": stood}))
        assert decide_inputs(make_spec(), before, FixedLookups(), missing=ALL_MISSING).foundation.zone == zone


def test_addresses_can_change_until_vpc_and_subnet_exist() -> None:
    before = first_inputs(make_spec())
    moved = make_spec(aws={"network": {"cidr": "10.1.0.0/16"}})
    foundation = decide_inputs(moved, before, FixedLookups(), missing=ALL_MISSING).foundation
    assert (foundation.vpc_cidr, foundation.subnet_cidr) == ("10.1.0.0/16", "10.1.0.0/16")
    with pytest.raises(RefusedChangeError, match="the VPC would be replaced"):
        decide_inputs(moved, before, FixedLookups(), missing=ALL_MISSING - {"vpc"})
    smaller = make_spec(aws={"network": {"subnet": "10.0.0.0/20"}})
    assert decide_inputs(smaller, before, FixedLookups(), missing=ALL_MISSING - {"vpc"}).foundation.subnet_cidr == (
        "10.0.0.0/20"
    )


def test_immutable_fields_are_fixed_from_the_first_run() -> None:
    before = first_inputs(make_spec())
    after = decide_inputs(make_spec(), before, FixedLookups(), missing=ALL_MISSING)
    assert after == before
    for change in ({"name": "edge-lyon"}, {"aws": {"region": "eu-west-1"}}, {"public_network": {"groups": 2}}):
        with pytest.raises(RefusedChangeError):
            decide_inputs(make_spec(**change), before, FixedLookups(), missing=ALL_MISSING)


def test_inputs_survive_the_state() -> None:
    inputs = first_inputs(make_spec())
    assert Inputs.from_text(inputs.to_text()) == inputs


def test_inputs_of_an_earlier_edgewrap_are_taken_over() -> None:
    """They know nothing of VPCs and Elastic IPs of the user's own."""
    inputs = first_inputs(make_spec())
    document = json.loads(inputs.to_text())
    del document["existing"]
    for name in ("vpc_id", "subnet_id", "gateway_id"):
        del document["foundation"][name]
    earlier = Inputs.from_text(json.dumps(document))
    assert decide_inputs(make_spec(), earlier, lookups := FixedLookups()) == inputs
    assert lookups.asked == []


REFUSED = [
    pytest.param({"name": "edge-lyon"}, "name: cannot change from edge-paris to edge-lyon", id="name"),
    pytest.param({"aws": {"region": "eu-west-1"}}, "aws.region: ", id="region"),
    pytest.param({"aws": {"zone": "eu-west-3b"}}, "write `zone: eu-west-3a`", id="zone"),
    pytest.param({"aws": {"network": {"cidr": "10.1.0.0/16"}}}, "write `cidr: 10.0.0.0/16`", id="cidr"),
    pytest.param({"aws": {"network": {"subnet": "10.0.0.0/20"}}}, "write `subnet: 10.0.0.0/16`", id="subnet"),
    pytest.param({"public_network": {"groups": 2}}, "write `groups: 4`", id="groups"),
    pytest.param({"hosts": {"instance_type": "m5.metal"}}, "every host would be stopped", id="instance type"),
    pytest.param(
        {"hosts": {"address": "private"}}, "only a change to `eip` is possible; write `address: public`", id="address"
    ),
    pytest.param({"hosts": {"count": 2}}, "write `retired: [2]` with `count: 2`", id="a host lost"),
    pytest.param(
        {"hosts": {"count": 1, "retired": [0]}}, "write `retired: [0, 2]` with `count: 1`", id="one retired, one lost"
    ),
    pytest.param(
        {"public_network": {"elastic_ips": {"count": 2}}}, "write `retired: [2, 3]` with `count: 2`", id="EIPs lost"
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_changes_of_immutable_fields_are_refused(change: dict[str, Any], message: str) -> None:
    before = first_inputs(make_spec())
    with pytest.raises(RefusedChangeError) as caught:
        decide_inputs(make_spec(**change), before, FixedLookups())
    assert message in str(caught.value)
    assert len(caught.value.refusals) == 1


def test_a_retired_index_cannot_be_used_again() -> None:
    spec = make_spec(hosts={"count": 2, "retired": [1]}, public_network={"elastic_ips": {"count": 3, "retired": [0]}})
    before = decide_inputs(spec, first_inputs(make_spec()), FixedLookups())
    with pytest.raises(RefusedChangeError) as caught:
        decide_inputs(make_spec(), before, FixedLookups())
    assert "hosts.retired: index 1 was retired; no index is used twice; write `retired: [1]`" in str(caught.value)
    assert "public_network.elastic_ips.retired: index 0" in str(caught.value)


SMALL = InterfaceLimits(interfaces=3, addresses_per_interface=4)
TOO_LARGE = [
    pytest.param({"public_network": {"groups": 3}}, "write `groups: 2` or less", id="groups"),
    pytest.param(
        {"public_network": {"groups": 2, "elastic_ips": {"count": 7}}},
        "2 groups, with room for 6 Elastic IPs (c5.metal allows 4 addresses an interface)",
        id="Elastic IPs",
    ),
    pytest.param(
        {"public_network": {"groups": 2, "elastic_ips": {"count": 6, "retired": [0]}}},
        "the last index would be 6",
        id="Elastic IPs with retired ones",
    ),
]


@pytest.mark.parametrize(("change", "message"), TOO_LARGE)
def test_what_the_instance_type_cannot_carry_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedChangeError) as caught:
        decide_inputs(make_spec(**change), None, FixedLookups(limits=SMALL))
    assert message in str(caught.value)


def test_the_largest_fitting_size_is_chosen() -> None:
    spec = make_spec(public_network={"groups": 2, "elastic_ips": {"count": 6}})
    assert len(decide_inputs(spec, None, FixedLookups(limits=SMALL)).eips) == 6


def test_hosts_may_be_given_addresses_that_stay() -> None:
    before = first_inputs(make_spec())
    assert decide_inputs(make_spec(hosts={"address": "eip"}), before, FixedLookups()).host_address == "eip"

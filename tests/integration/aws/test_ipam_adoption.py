"""Elastic IPs that the IPAM driver requested, as the next plans and applies see them, with the real terraform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.elastic_ips import ElasticIp, ElasticIps
from edgewrap.aws.planner import AwsPlan
from edgewrap.change import Action
from edgewrap.errors import RefusedChangeError
from edgewrap.plane import NO_CONTEXT, Context
from edgewrap.spec.models import Spec
from tests.integration.aws.conftest import Cluster

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

LONG_AGO = {"edgewrap:requested": "2020-01-01T00:00:00Z"}


class Operator:
    """The cluster's operator, and its front-end's driver."""

    def __init__(self, cluster: Cluster, ec2: EC2Client) -> None:
        self.cluster, self.ec2 = cluster, ec2

    def spec(self, eips: int = 1) -> Spec:
        return self.cluster.spec(
            name="edge-ipam",
            hosts={"count": 1},
            public_network={"groups": 2, "elastic_ips": {"count": eips}},
        )

    def addresses(self) -> ElasticIps:
        spec = self.spec()
        return ElasticIps(spec, Clients(spec, {"AWS_ENDPOINT_URL": self.ec2.meta.endpoint_url}))

    def request(self) -> ElasticIp:
        """What the driver does for a range."""
        made, place = self.addresses().request(str(uuid4()))
        found = self.addresses().find(key=place.key)
        return next(one for one in found if one.allocation_id == made.allocation_id)

    def plan(self, context: Context = NO_CONTEXT, eips: int = 1) -> AwsPlan:
        plane = self.cluster.plane(self.spec(eips))
        return plane.plan(plane.observe(), context)

    def changes(self, context: Context = NO_CONTEXT) -> list[tuple[Action, str, str]]:
        return [(change.action, change.kind, change.key) for change in self.plan(context).changes]

    def apply(self, context: Context = NO_CONTEXT) -> dict[str, str]:
        """Plan and apply: the public addresses by key."""
        plane = self.cluster.plane(self.spec())
        outputs = plane.apply(plane.plan(plane.observe(), context))
        assert outputs is not None
        return {key: eip.public_address for key, eip in outputs.eips.items()}

    def tag(self, allocation_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of an Elastic IP."""
        listed: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.ec2.create_tags(Resources=[allocation_id], Tags=listed)

    def in_aws(self) -> dict[str, str]:
        """The public addresses of the cluster in AWS by key."""
        name: Any = [{"Name": "tag:edgewrap:cluster", "Values": ["edge-ipam"]}]
        found = self.ec2.describe_addresses(Filters=name)["Addresses"]
        tags = [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found]
        return {tag["edgewrap:key"]: one["PublicIp"] for tag, one in zip(tags, found, strict=True)}


@pytest.fixture(scope="module")
def operator(make_cluster: Callable[[str], Cluster], ec2: EC2Client) -> Iterator[Operator]:
    """An operator with an applied cluster: one host, two groups, one Elastic IP in the spec."""
    made = Operator(make_cluster("ipam"), ec2)
    made.cluster.apply(made.spec())
    yield made
    plane = made.cluster.plane(made.spec())
    plane.apply(plane.destroy(plane.observe()))
    assert made.in_aws() == {}


@pytest.mark.full
def test_adopted_kept_and_forgotten(operator: Operator) -> None:
    one = operator.request()
    assert operator.changes() == [
        (Action.ADOPT, "elastic ip", one.key),
        (Action.ADOPT, "elastic ip association", one.key),
    ]
    before = operator.in_aws()
    assert operator.apply() == before
    assert one.key in before
    assert operator.plan().pending is False

    operator.ec2.disassociate_address(AssociationId=one.association_id)  # drift is repaired, as for all others
    assert operator.changes() == [(Action.CREATE, "elastic ip association", one.key)]
    assert operator.apply() == before
    assert operator.plan().pending is False

    operator.addresses().release(operator.addresses().find(key=one.key)[0])  # what the driver does for rm_ar
    assert operator.changes() == []
    assert operator.apply() == operator.in_aws() == {"eip-0": before["eip-0"]}
    assert operator.plan().pending is False


@pytest.mark.full
def test_released_and_requested_again_between_two_applies(operator: Operator) -> None:
    """The place is the same, so the key is, with another Elastic IP."""
    first = operator.request()
    operator.apply()
    operator.addresses().release(first)
    second = operator.request()
    assert (second.key, second.allocation_id != first.allocation_id) == (first.key, True)
    assert {action for action, _, _ in operator.changes()} == {Action.ADOPT}
    assert operator.apply()[second.key] == second.public_address
    assert operator.plan().pending is False
    operator.addresses().release(operator.addresses().find(key=second.key)[0])
    operator.apply()


@pytest.mark.full
def test_one_that_no_range_names_is_released_later(operator: Operator) -> None:
    """A driver killed after its last call, or a range removed by force: billed, and nobody can use it."""
    nobody = Context(used_addresses=frozenset())
    one = operator.request()
    assert {action for action, _, _ in operator.changes(nobody)} == {Action.ADOPT}
    operator.apply(nobody)
    assert operator.plan(nobody).pending is False  # not yet: the front-end may still be waiting for the driver
    operator.tag(one.allocation_id, LONG_AGO)
    assert operator.plan(Context(used_addresses=frozenset({one.private_address}))).pending is False
    assert operator.plan(Context(used_addresses=None)).pending is False  # the front-end could not be read
    assert operator.changes(nobody) == [
        (Action.DELETE, "elastic ip", one.key),
        (Action.DELETE, "elastic ip association", one.key),
    ]
    assert operator.apply(nobody) == operator.in_aws()
    assert one.key not in operator.in_aws()


@pytest.mark.full
def test_what_a_killed_driver_left_without_an_association(operator: Operator) -> None:
    allocated = operator.ec2.allocate_address(Domain="vpc")["AllocationId"]
    uuid = operator.plan().predicted.uuid
    tags = {"edgewrap:cluster": "edge-ipam", "edgewrap:uuid": uuid, "edgewrap:key": "eip-x-0"}
    operator.tag(allocated, tags | LONG_AGO)
    other = operator.request()  # takes another place
    assert other.key == "eip-x-1"
    assert operator.changes() == [
        (Action.ADOPT, "elastic ip", "eip-x-0"),
        (Action.ADOPT, "elastic ip", "eip-x-1"),
        (Action.CREATE, "elastic ip association", "eip-x-0"),
        (Action.ADOPT, "elastic ip association", "eip-x-1"),
    ]
    operator.apply()
    nobody = Context(used_addresses=frozenset({other.private_address}))
    assert {key for _, _, key in operator.changes(nobody)} == {"eip-x-0"}
    operator.apply(nobody)
    assert set(operator.in_aws()) == {"eip-0", "eip-x-1"}
    operator.addresses().release(operator.addresses().find(key=other.key)[0])
    operator.apply()


@pytest.mark.full
def test_requested_after_the_plan_is_left_for_the_next_one(operator: Operator) -> None:
    first = operator.request()
    plane = operator.cluster.plane(operator.spec())
    plan = plane.plan(plane.observe())
    second = operator.request()
    state, fresh = plane.look_again(plan, NO_CONTEXT)
    assert state is not None
    assert {change.key for change in fresh.changes} == {first.key}
    plane.apply(fresh)
    assert {key for _, _, key in operator.changes()} == {second.key}
    for one in (first, second):
        operator.addresses().release(operator.addresses().find(key=one.key)[0])
    operator.apply()


def test_the_spec_cannot_take_its_place(operator: Operator) -> None:
    one = operator.request()
    with pytest.raises(RefusedChangeError, match=rf"eip-9[67] needs the addresses of {one.key}"):
        operator.plan(eips=98)
    operator.addresses().release(one)

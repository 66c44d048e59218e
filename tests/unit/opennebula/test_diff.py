"""Given these facts, these changes and these calls: the cases are in cases/diff.json.

Every case starts from a front-end that is as it should be, with ids 100 for the cluster, 0 to 2 for the hosts, 3 and
4 for the datastores, 5 for the network and 6 for the template, and the front-end's own datastores 1 and 2; it says only
what differs, and the warnings if there are any.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewrap.opennebula.diff import reconcile
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import cluster, datastore, host, virtual_network, vn_template
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import Existing, Kind, User
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.operation import Await, DeleteCluster, Operation, Ref, RetryUpdate
from edgewrap.opennebula.kinds.ownership import Identity
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from tests.support.front_end import outputs, report, reports, spec

CASES = json.loads((Path(__file__).parent / "cases" / "diff.json").read_text(encoding="utf-8"))
MARK = Identity("edge-paris", "UUID", 0, 0)
SHARED = tuple(
    DatastoreFacts(Kind.DATASTORE, number, name, 0, "oneadmin", {}, (0, 100))
    for number, name in ((1, "default"), (2, "files"))
)


def converged() -> dict[str, Existing]:
    """Every object as it should be, by the words that the cases use."""
    known = outputs(uuid="UUID")
    network = virtual_network.desired(MARK, spec().public_network, known.eips, reports(), None)
    image, system = datastore.desired_image(MARK), datastore.desired_system(MARK, "auto", known.hosts)
    template = vn_template.desired(MARK, spec().private_network, "ens5", 100)
    ranges = tuple(
        RangeFacts(number, {"AR_ID": str(number), **one.attributes}) for number, one in enumerate(network.ranges)
    )
    public = NetworkFacts(Kind.NETWORK, 5, network.name, 0, "oneadmin", network.attributes, (100,))
    found: dict[str, Existing] = {
        "cluster": ClusterFacts(
            Kind.CLUSTER, 100, "edge-paris", None, "", cluster.desired(MARK, SHARED).attributes, datastores=(1, 2, 3, 4)
        ),
        **{one.name: one for one in SHARED},
        "image": DatastoreFacts(Kind.DATASTORE, 3, image.name, 0, "oneadmin", image.attributes, (100,)),
        "system": DatastoreFacts(Kind.DATASTORE, 4, system.name, 0, "oneadmin", system.attributes, (100,)),
        "network": replace(public, ranges=ranges),
        "template": TemplateFacts(Kind.TEMPLATE, 6, template.name, 0, "oneadmin", template.attributes),
    }
    for index, (key, output) in enumerate(known.hosts.items()):
        wanted = host.desired(MARK, "kvm", output, report(index))
        found[key] = HostFacts(Kind.HOST, index, wanted.name, None, "", wanted.attributes, (100,), state=2)
    return found


def patched(existing: Existing, patch: dict[str, Any]) -> Existing:
    """With these fields instead; of `template` only the attributes named, None takes one away."""
    fields = dict(patch)
    if "template" in fields:
        fields["template"] = without_none({**existing.template, **fields["template"]})
    for name in ("clusters", "datastores"):
        if name in fields:
            fields[name] = tuple(fields[name])
    return replace(existing, **fields)


def without_none(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def facts_of(case: dict[str, Any]) -> OneFacts:
    found = converged()
    for name, patch in case.get("facts", {}).items():
        found[name] = patched(found[name], patch)
    network = found["network"]
    assert isinstance(network, NetworkFacts)
    ranges = {one.key: one for one in network.ranges}
    for key, patch in case.get("ranges", {}).items():
        present = ranges.get(key, RangeFacts(len(ranges), {}))
        ranges[key] = replace(present, attributes=without_none({**present.attributes, **patch}))
    found["network"] = replace(network, ranges=tuple(ranges.values()))
    objects = tuple(found.values())
    return OneFacts(
        "7.4.0",
        User(case.get("user", 0), "somebody", (0,)),
        tuple(one for one in objects if isinstance(one, ClusterFacts)),
        tuple(one for one in objects if isinstance(one, HostFacts)),
        tuple(one for one in objects if isinstance(one, DatastoreFacts)),
        tuple(one for one in objects if isinstance(one, NetworkFacts)),
        tuple(one for one in objects if isinstance(one, TemplateFacts)),
    )


def calls_of(operations: tuple[Operation, ...]) -> list[list[Any]]:
    """All steps in the order in which they would run, as the cases write them."""
    steps = [step for operation in operations for step in operation.steps]
    steps += [step for operation in operations for step in operation.deferred_steps]
    written: list[list[Any]] = []
    for step in steps:
        if isinstance(step, Await):
            written.append(["wait", _id(step.network), step.settled.value])
        elif isinstance(step, RetryUpdate):
            written.append(["retry update", step.network])
        elif isinstance(step, DeleteCluster):
            written.append(["cluster.delete", step.cluster])
        else:
            written.append([step.method, *(_id(argument) for argument in step.arguments)])
    return written


def _id(argument: Any) -> Any:
    return f"the new {argument.key}" if isinstance(argument, Ref) else argument


@pytest.mark.parametrize("case", CASES, ids=[case["what"] for case in CASES])
def test_diff(case: dict[str, Any]) -> None:
    told = reports()
    if "reports" in case:
        told = {key: replace(told[key], **parts) for key, parts in case["reports"].items()}
    known = outputs(tuple(case.get("hosts", (0, 1, 2))), tuple(case.get("eips", (0, 1))), uuid="UUID")
    plan = reconcile(spec(**case.get("spec", {})), facts_of(case), known, told)
    changes = [
        [change.kind, change.key, change.action.value, dict(change.before), dict(change.after)]
        for change in (operation.change for operation in plan.operations)
    ]
    assert changes == case["changes"]
    assert calls_of(plan.operations) == case["calls"]
    assert [notice.text for notice in plan.warnings] == case.get("warnings", [])

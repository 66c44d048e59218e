"""Given these facts, these changes and these calls: the cases are in cases/diff.json.

Every case starts from a front-end that is as it should be, with ids 100 for the cluster, 0 to 2 for the hosts, 3 and
4 for the datastores, 5 for the network and 6 for the template, and the front-end's own datastores 1 and 2; it says only
what differs, and the warnings if there are any.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edgewrap.opennebula.diff import diff_context, reconcile
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import Existing, User
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.operation import Await, DeleteCluster, Operation, Ref, RetryUpdate, WriteOwnId
from edgewrap.opennebula.kinds.template import vector_of
from edgewrap.opennebula.kinds.virtual_network import DesiredNetwork, NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from tests.support.front_end import eip, outputs, reports, spec

CASES = json.loads((Path(__file__).parent / "cases" / "diff.json").read_text(encoding="utf-8"))
SHARED = tuple(
    DatastoreFacts(number, name, 0, "oneadmin", {}, (0, 100)) for number, name in ((1, "default"), (2, "files"))
)
CLUSTER_ID = 100
# By key: the word that the cases use, and the id. Further kinds go by their key, with ids from 7 on.
KNOWN = {
    "cluster": ("cluster", CLUSTER_ID),
    "image-datastore": ("image", 3),
    "system-datastore": ("system", 4),
    "host-0": ("host-0", 0),
    "host-1": ("host-1", 1),
    "host-2": ("host-2", 2),
    "public-network": ("network", 5),
    "private-template": ("template", 6),
}
FIELDS: dict[str, dict[str, Any]] = {  # what an object has besides its attributes
    "cluster": {"uid": None, "owner": "", "datastores": (1, 2, 3, 4)},
    "host": {"uid": None, "owner": "", "state": 2},
}


def converged() -> dict[str, Existing]:
    """Every object as it should be, by the words that the cases use."""
    empty = OneFacts("7.4.0", User(0, "somebody", (0,)), {DatastoreFacts: SHARED})
    context = diff_context(spec(), empty, outputs(uuid="UUID"), reports(), CLUSTER_ID)
    free = count(7)
    found: dict[str, Existing] = {one.name: one for one in SHARED}
    for kind in KINDS:
        for one in kind.desired(context):
            word, number = KNOWN.get(one.key) or (one.key, next(free))
            clusters = (CLUSTER_ID,) if kind.facts.join else ()
            attributes = dict(one.attributes)
            if kind.facts is TemplateFacts:
                attributes["EDGEWRAP"] = {**vector_of(attributes, "EDGEWRAP"), "ID": str(number)}
            existing = kind.facts(number, one.name, 0, "oneadmin", attributes, clusters)
            found[word] = replace(existing, **FIELDS.get(existing.kind, {}))
            if isinstance(one, DesiredNetwork):
                ranges = (
                    RangeFacts(index, {"AR_ID": str(index), **desired.attributes})
                    for index, desired in enumerate(one.ranges)
                )
                found[word] = replace(existing, ranges=tuple(ranges))
    return found


def patched(existing: Existing, patch: dict[str, Any]) -> Existing:
    """With these fields instead; of `template` only the attributes named, None removes one."""
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
    pools = {kind.facts: tuple(one for one in objects if isinstance(one, kind.facts)) for kind in KINDS}
    return OneFacts("7.4.0", User(case.get("user", 0), "somebody", (0,)), pools)


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
        elif isinstance(step, WriteOwnId):
            written.append([f"{step.api}.update", "its own id"])
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
    driver = {key: replace(eip(9), key=key) for key in case.get("driver", [])}
    known = replace(known, eips={**known.eips, **driver})
    known = replace(
        known, hosts={key: replace(one, **case.get("instances", {}).get(key, {})) for key, one in known.hosts.items()}
    )
    plan = reconcile(spec(**case.get("spec", {})), facts_of(case), known, told)
    changes = [
        [change.kind, change.key, change.action.value, dict(change.before), dict(change.after)]
        for change in (operation.change for operation in plan.operations)
    ]
    assert changes == case["changes"]
    assert calls_of(plan.operations) == case["calls"]
    assert [text for _name, text in plan.warnings] == case.get("warnings", [])

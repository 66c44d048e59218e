"""What an earlier run created in AWS without a record in the state: its Terraform was killed before it had saved one.

AWS finds it by the cluster's UUID in its tags. Only resources that a plan is about to create are looked for; a run with
nothing to create asks AWS nothing. The next plan imports what is found instead of creating it a second time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgewrap.aws.clients import KEY_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.render.variables import canonical_key
from edgewrap.aws.state.document import Instance, Resource
from edgewrap.aws.terraform.resources import EIP, RULES_OF, SECURITY_GROUPS, Lookup, resource_at
from edgewrap.outputs import BY_DRIVER
from edgewrap.spec.formats import Form

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

IMPORT_ID = Form(r"[A-Za-z0-9/][!-~]{0,254}", "an id that `terraform import` takes")
IMPORTS_FILE = "imports.tf.json"


@dataclass(frozen=True, slots=True)
class Untracked:
    """What was found: `imports` are the ids that `terraform import` takes, by the address that they belong to;
    `incomplete` are the addresses of those whose creation did not finish, and that must be replaced."""

    imports: Mapping[str, str] = field(default_factory=dict)
    incomplete: Collection[str] = ()

    def files(self) -> Mapping[str, str]:
        """The file of the root module that imports them; none if nothing was found."""
        if not self.imports:
            return {}
        blocks = [{"to": address, "id": number} for address, number in sorted(self.imports.items())]
        return {IMPORTS_FILE: json.dumps({"import": blocks}, indent=2) + "\n"}

    def plus(self, other: Untracked) -> Untracked:
        return Untracked({**self.imports, **other.imports}, (*self.incomplete, *other.incomplete))

    def without(self, ids: Collection[str]) -> Untracked:
        """All except those that the state has under another address: a rule that a killed run changed has its new key
        in its tags, and its old one in the state."""
        imports = {address: number for address, number in self.imports.items() if number not in ids}
        return Untracked(imports, self.incomplete)


NOTHING_UNTRACKED = Untracked()


def addresses_in(resources: Sequence[Resource]) -> frozenset[str]:
    """The addresses of all resources in a state."""
    return frozenset(
        f"{resource.module}.{resource.type}.{resource.name}{_index(instance)}"
        for resource in resources
        for instance in resource.instances
    )


def ids_in(resources: Sequence[Resource]) -> frozenset[str]:
    """The ids of all resources in a state."""
    return frozenset(instance.id for resource in resources for instance in resource.instances)


def driver_ids_in(resources: Sequence[Resource]) -> dict[str, str]:
    """The allocation ids in a state of the Elastic IPs that the IPAM driver requested, by key."""
    eips = (one for one in resources if (one.type, one.name) == (EIP.type, EIP.name))
    found = ((str(instance.index_key), instance.id) for one in eips for instance in one.instances)
    return {key: number for key, number in found if key.startswith(BY_DRIVER)}


def find_untracked(clients: Clients, uuid: str, missing: Collection[str]) -> Untracked:
    """Look for what belongs to the addresses `missing`. Raises AwsError if AWS cannot be asked."""
    if not missing:
        return NOTHING_UNTRACKED
    with clients.translate_errors():
        found = dict(_found(clients.ec2, uuid, frozenset(missing)))
        return Untracked(found, tuple(sorted(_incomplete(clients.ec2, uuid, frozenset(missing)))))


def _found(ec2: EC2Client, uuid: str, missing: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The missing addresses that AWS has something for, with its id for the import. Each call is made once."""
    blocks = {resource.block: resource for resource in map(resource_at, sorted(missing))}
    tagged = [(resource, resource.tagged) for resource in blocks.values() if resource.tagged]
    for lookup in dict.fromkeys(one.lookup for _, one in tagged):
        for item in _tagged_items(ec2, lookup, uuid):
            key = canonical_key(_key(item))
            for resource, how in tagged:
                if how.lookup == lookup and (address := resource.address_of(key)) in missing and address is not None:
                    yield from ((address, IMPORT_ID.check(number)) for number in how.import_ids(item))


def _tagged_items(ec2: EC2Client, lookup: Lookup, uuid: str) -> Iterator[Mapping[str, Any]]:
    """What the lookup finds of the cluster."""
    ours: Any = [{"Name": f"tag:{UUID_TAG}", "Values": [uuid]}]
    if ec2.can_paginate(lookup.operation):
        pages: Any = ec2.get_paginator(lookup.operation).paginate(Filters=ours)  # type: ignore[call-overload]
        yield from pages.search(lookup.path)
    else:
        yield from getattr(ec2, lookup.operation)(Filters=ours)[lookup.path]


def _incomplete(ec2: EC2Client, uuid: str, missing: frozenset[str]) -> Iterator[str]:
    """Security groups that have the rule that AWS creates with each group (all egress), and none of ours. Terraform
    removes that rule right after it creates a group, and never looks at it again."""
    blocks = {resource_at(address) for address in missing}
    suspects = {group.key: group for group, rules in RULES_OF.items() if blocks & {group, *rules}}
    if not suspects:
        return
    for found in _tagged_items(ec2, SECURITY_GROUPS, uuid):
        group = suspects.get(_key(found))
        if group is not None:
            own: Any = [{"Name": "group-id", "Values": [found["GroupId"]]}]
            keys = [_key(rule) for rule in ec2.describe_security_group_rules(Filters=own)["SecurityGroupRules"]]
            if keys and not any(keys):
                yield group.address()


def _key(item: Mapping[str, Any]) -> str:
    """Our key in the tags of an item; empty without one."""
    return tags_of(item.get("Tags") or item.get("TagSet") or []).get(KEY_TAG, "")


def _index(instance: Instance) -> str:
    index = instance.index_key
    return "" if index is None else f"[{json.dumps(index, ensure_ascii=False)}]"

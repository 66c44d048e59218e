"""Security group rules that someone made by hand and that the spec asks for now: the plan imports them.

AWS refuses to create a rule that the group has already (`InvalidPermission.Duplicate`). Such a rule has no tags, so it
is found by what it allows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from edgewrap.aws.clients import KEY_TAG, UUID_TAG, Clients, tags_of
from edgewrap.aws.render.moved_rules import rules_at
from edgewrap.aws.render.variables import RuleMeaning
from edgewrap.aws.terraform.resources import RULES_OF, resource_at
from edgewrap.spec.formats import HIGHEST_PORT

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

EVERY = -1
"""What EC2 says in place of a port: every type of ICMP, or every port."""

_GROUP_OF = {rule.block: group.key for group, rules in RULES_OF.items() for rule in rules}


def find_manual_rules(clients: Clients, uuid: str, missing: Collection[str]) -> Mapping[str, str]:
    """The ids of rules in the cluster's groups that allow what a rule of `missing` (addresses) will allow, by address.
    Raises AwsError if AWS cannot be asked."""
    wanted = {(_GROUP_OF[resource_at(address).block], meaning): address for address, meaning in rules_at(missing)}
    if not wanted:
        return {}
    ours: list[FilterTypeDef] = [{"Name": f"tag:{UUID_TAG}", "Values": [uuid]}]
    with clients.translate_errors():
        found = clients.ec2.describe_security_groups(Filters=ours)["SecurityGroups"]
        groups = {one["GroupId"]: tags_of(one.get("Tags", [])).get(KEY_TAG, "") for one in found}
        if not groups:
            return {}
        within: list[FilterTypeDef] = [{"Name": "group-id", "Values": sorted(groups)}]
        pages = clients.ec2.get_paginator("describe_security_group_rules").paginate(Filters=within)
        rules = [rule for page in pages for rule in page["SecurityGroupRules"]]
    return dict(_matching(rules, groups, wanted))


def _matching(
    rules: Iterable[Mapping[str, Any]], groups: Mapping[str, str], wanted: Mapping[tuple[str, RuleMeaning], str]
) -> Iterable[tuple[str, str]]:
    for rule in rules:
        meaning = meaning_in_aws(rule)
        if meaning is not None and (groups[rule["GroupId"]], meaning) in wanted:
            yield wanted[groups[rule["GroupId"]], meaning], rule["SecurityGroupRuleId"]


def meaning_in_aws(rule: Mapping[str, Any]) -> RuleMeaning | None:
    """What a rule of EC2's allows; None if no rule of a spec allows the same."""
    protocol = {"-1": "all"}.get(rule["IpProtocol"], rule["IpProtocol"])
    low, high = rule.get("FromPort", EVERY), rule.get("ToPort", EVERY)
    if protocol == "all" or (low, high) == (EVERY, EVERY):
        low, high = 0, HIGHEST_PORT
    elif protocol == "icmp":  # one type only
        return None
    try:
        network = IPv4Network(rule.get("CidrIpv4", ""))
    except ValueError:  # a source of another kind
        return None
    return RuleMeaning("egress" if rule["IsEgress"] else "ingress", protocol, low, high, network)

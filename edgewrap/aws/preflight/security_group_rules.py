"""The rules of the cluster's two security groups, against what AWS allows in one group and direction. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edgewrap.aws.preflight.quotas import Quota
from edgewrap.aws.render.variables import ssh_rules, vm_rules
from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.models import Spec

RULES = Quota("rules of a security group", "vpc", "L-0EA8095F")
DEFAULT = 60
"""AWS's default."""

ADVICE = {
    "hosts": "lower hosts.count or name larger networks in ssh.from",
    "vms": "use fewer rules or larger networks in public_network.security_group",
}


def rule_counts(spec: Spec) -> Mapping[tuple[str, str], int]:
    """How many rules each group (`hosts`, `vms`) has in each direction."""
    counts = Counter(("vms", rule.direction) for rule in vm_rules(spec).values())
    hosts = 0 if spec.hosts.address == "private" else len(active_indexes(spec.hosts.count, spec.hosts.retired))
    counts["hosts", "ingress"] = hosts + len(ssh_rules(spec)) + 1  # one for the cluster itself
    counts["hosts", "egress"] = 1
    return counts


def judge_rules(limit: int, counts: Mapping[tuple[str, str], int]) -> Finding:
    """Whether the fullest group fits."""
    (group, direction), most = max(counts.items(), key=lambda item: item[1])
    text = f"{most} of {limit} in the group {group}, {direction}"
    if most <= limit:
        return Finding(PlaneName.AWS, RULES.name, Verdict.OK, text)
    advice = f"{ADVICE[group]}, or raise the quota {RULES.code} in Service Quotas to {most} or more"
    return Finding(PlaneName.AWS, RULES.name, Verdict.FAILURE, f"{text}: {most - limit} too many", advice)

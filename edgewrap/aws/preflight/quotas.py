"""What a cluster needs of AWS's quotas, against what the account has left. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from edgewrap.aws.inputs.model import host_keys
from edgewrap.aws.render.variables import ssh_rules, vm_rules, vnc_rules
from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.spec.models import Spec

finding = partial(Finding, PlaneName.AWS)
"""A finding of this plane: what was checked, the verdict, the text, the advice."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of Service Quotas. `attribute` is the EC2 account attribute with the same figure, empty if there is
    none."""

    name: str
    service: str
    code: str
    attribute: str = ""


ELASTIC_IPS = Quota("Elastic IPs", "ec2", "L-0263D0A3", "vpc-max-elastic-ips")
VPCS = Quota("VPCs", "vpc", "L-F678F1CE")
RULES = Quota("rules of a security group", "vpc", "L-0EA8095F")
DEFAULT_RULES = 60
"""AWS's default of `RULES`, which counts in one group and direction."""

RULES_ADVICE = {
    "hosts": "lower hosts.count or name larger networks in ssh.from",
    "vms": "use fewer rules or larger networks in public_network.security_group",
}

FAMILIES = (
    ("L-1216C47A", frozenset("acdhimrtz") | {"im", "is"}),
    ("L-DB2E81BA", frozenset({"g", "gr", "vt"})),
    ("L-417A185B", frozenset("p")),
    ("L-74FC7D96", frozenset("f")),
    ("L-7295265B", frozenset("x")),
    ("L-1945791B", frozenset({"inf"})),
    ("L-2C3B7624", frozenset({"trn"})),
    ("L-6E869C2A", frozenset({"dl"})),
    ("L-F7808C92", frozenset({"hpc"})),
    ("L-43DA4232", frozenset("u")),
)
"""The quotas of running on-demand instances, counted in vCPUs: code, and the families of instance types that it is
for."""


def vcpu_quota(instance_type: str) -> Quota | None:
    """The quota that a running instance of the type counts in; None if its family is unknown."""
    letters = re.match(r"[a-z]+", instance_type)
    code = next((code for code, families in FAMILIES if letters and letters[0] in families), None)
    return Quota("vCPUs", "ec2", code) if code else None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run needs of a quota: what the whole account uses in the region now, and how much the run adds and
    removes."""

    used: int
    adding: int
    removing: int = 0


def check_quota(quota: Quota, limit: int, demand: Demand, advice: str) -> Finding:
    """Whether the quota is large enough. AWS may release what the run removes after it needs what the run adds, so the
    advised quota has room for both."""
    left = limit - demand.used - demand.adding
    text = f"{demand.used} of {limit} in use, {demand.adding} to add"
    if not demand.adding:
        return finding(quota.name, Verdict.OK, text)
    if left >= 0:
        return finding(quota.name, Verdict.OK, f"{text}, {left} left after that")
    missing = -left - demand.removing
    if missing <= 0:
        text = f"{text}, {-left} too many until {demand.removing} are removed"
        return finding(quota.name, Verdict.WARNING, text, "AWS may refuse them in this run; then re-run")
    advice = f"raise the quota {quota.code} in Service Quotas to {demand.used + demand.adding} or more, {advice}"
    return finding(quota.name, Verdict.FAILURE, f"{text}: {missing} too many", advice)


def rule_counts(spec: Spec) -> Mapping[tuple[str, str], int]:
    """How many rules each security group (`hosts`, `vms`) has in each direction."""
    counts = Counter(("vms", rule.direction) for rule in vm_rules(spec).values())
    hosts = 0 if spec.hosts.address == "private" else len(host_keys(spec))
    counts["hosts", "ingress"] = hosts + len(ssh_rules(spec)) + len(vnc_rules(spec)) + 1  # one for the cluster itself
    counts["hosts", "egress"] = 1
    return counts


def judge_rules(limit: int, counts: Mapping[tuple[str, str], int]) -> Finding:
    """Whether the fullest group fits."""
    (group, direction), most = max(counts.items(), key=lambda item: item[1])
    text = f"{most} of {limit} in the group {group}, {direction}"
    if most <= limit:
        return finding(RULES.name, Verdict.OK, text)
    advice = f"{RULES_ADVICE[group]}, or raise the quota {RULES.code} in Service Quotas to {most} or more"
    return finding(RULES.name, Verdict.FAILURE, f"{text}: {most - limit} too many", advice)

"""What a cluster takes of what AWS counts, against what the account has left. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota as Service Quotas knows it. `attribute` is the EC2 account attribute with the same figure, empty where
    there is none."""

    name: str
    service: str
    code: str
    attribute: str = ""


ELASTIC_IPS = Quota("Elastic IPs", "ec2", "L-0263D0A3", "vpc-max-elastic-ips")
VPCS = Quota("VPCs", "vpc", "L-F678F1CE")

STANDARD = ("L-1216C47A", frozenset("acdhimrtz") | {"im", "is"})
FAMILIES = (
    STANDARD,
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
    """The quota that a running instance of the type counts in; None where edgewrap knows none for its family."""
    letters = re.match(r"[a-z]+", instance_type)
    for code, families in FAMILIES:
        if letters and letters[0] in families:
            return Quota("vCPUs", "ec2", code)
    return None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run asks of a quota: what is in use now in the whole account and region, and how much of the cluster
    comes and goes."""

    used: int
    comes: int
    goes: int = 0


def check_quota(quota: Quota, limit: int, demand: Demand, advice: str) -> Finding:
    """Whether the quota is large enough. What goes in the same run may be given back too late for what comes, so a
    quota raised as advised has room for both."""
    left = limit - demand.used - demand.comes
    text = f"{demand.used} of {limit} in use, {demand.comes} asked for"
    raise_it = f"raise the quota {quota.code} in Service Quotas to {demand.used + demand.comes} or more"
    if not demand.comes or left >= 0:
        shown = f"{text}, {left} left after it" if demand.comes else text
        return Finding(PlaneName.AWS, quota.name, Verdict.OK, shown)
    if left + demand.goes >= 0:
        return Finding(
            PlaneName.AWS,
            quota.name,
            Verdict.WARNING,
            f"{text}, {-left} more than are left before {demand.goes} go",
            "AWS may refuse them in this run; the next one then goes on",
        )
    missing = -left - demand.goes
    return Finding(
        PlaneName.AWS, quota.name, Verdict.FAILURE, f"{text}: {missing} more than are left", f"{raise_it}, {advice}"
    )

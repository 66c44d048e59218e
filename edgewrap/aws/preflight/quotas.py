"""What a cluster needs of AWS's quotas, against what the account has left. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict


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
    """The quota that a running instance of the type counts in; None if its family is unknown."""
    letters = re.match(r"[a-z]+", instance_type)
    for code, families in FAMILIES:
        if letters and letters[0] in families:
            return Quota("vCPUs", "ec2", code)
    return None


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
    raise_it = f"raise the quota {quota.code} in Service Quotas to {demand.used + demand.adding} or more"
    if not demand.adding or left >= 0:
        shown = f"{text}, {left} left after that" if demand.adding else text
        return Finding(PlaneName.AWS, quota.name, Verdict.OK, shown)
    if left + demand.removing >= 0:
        return Finding(
            PlaneName.AWS,
            quota.name,
            Verdict.WARNING,
            f"{text}, {-left} too many until {demand.removing} are removed",
            "AWS may refuse them in this run; then re-run",
        )
    missing = -left - demand.removing
    return Finding(PlaneName.AWS, quota.name, Verdict.FAILURE, f"{text}: {missing} too many", f"{raise_it}, {advice}")

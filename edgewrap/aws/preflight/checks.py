"""Preflight checks of AWS: asked in parallel before a run creates anything, each answered with a finding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.immutable_fields import refused_sizes
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs, host_keys
from edgewrap.aws.preflight.account import DENIED, Account, InUse
from edgewrap.aws.preflight.quotas import ELASTIC_IPS, VPCS, Demand, check_quota, vcpu_quota
from edgewrap.aws.preflight.security_group_rules import DEFAULT, RULES, judge_rules, rule_counts
from edgewrap.aws.preflight.topics import Topic, own_eips
from edgewrap.aws.terraform.resources import VPC
from edgewrap.change import PlaneName
from edgewrap.errors import AwsError
from edgewrap.finding import CREDENTIALS, Finding, Verdict
from edgewrap.spec.addressing import pair_capacity
from edgewrap.spec.models import Spec

OFFER, INTERFACES, NETWORK = "instance type", "network interfaces", "addresses of the VPC"


def without_state(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings if the state cannot be read: what exists already is unknown, and so is what will be created."""
    known = (CREDENTIALS, OFFER, INTERFACES, RULES.name)
    text = "not known without the Terraform state"
    return tuple(
        one if one.check in known else replace(one, verdict=Verdict.UNKNOWN, text=text, advice="") for one in findings
    )


class AwsPreflight:
    """The checks of one spec against its account. `inputs` are those of its state, None without one; `replaced` the
    keys of hosts whose instance is replaced."""

    def __init__(
        self, spec: Spec, clients: Clients, lookups: AwsLookups, inputs: Inputs | None, replaced: Collection[str] = ()
    ) -> None:
        self._spec = spec
        self._replaced = frozenset(replaced)
        self._account = Account(clients, inputs.uuid if inputs else "")
        self._lookups = lookups
        self._inputs = inputs

    def everything(self) -> tuple[Finding, ...]:
        """All checks. Invalid credentials are reported once."""
        checks = {**self._checks(tuple(Topic)), INTERFACES: self._interfaces}
        who, *others = self._run({CREDENTIALS: self._credentials, **checks})
        if who.verdict is Verdict.FAILURE:
            unknown = Verdict.UNKNOWN  # answers of other services stay: STS may fail alone
            others = [
                replace(one, text="AWS could not be asked", advice="") if one.verdict is unknown else one
                for one in others
            ]
        return (who, *others)

    def about(self, topics: Collection[Topic]) -> tuple[Finding, ...]:
        """The checks of what a run is about to create, and the account."""
        return self._run({CREDENTIALS: self._credentials, **self._checks(topics)} if topics else {})

    def _checks(self, topics: Collection[Topic]) -> dict[str, Callable[[], Finding]]:
        checks: dict[str, Callable[[], Finding]] = {}
        if Topic.VPC in topics:
            checks |= {VPCS.name: self._vpcs, NETWORK: self._network}
        if Topic.ELASTIC_IPS in topics:
            checks |= {ELASTIC_IPS.name: self._elastic_ips}
        if Topic.HOSTS in topics:
            checks |= {"vCPUs": self._vcpus, OFFER: self._offer}
        if Topic.RULES in topics:
            checks |= {RULES.name: self._rules}
        return checks

    def _run(self, checks: Mapping[str, Callable[[], Finding]]) -> tuple[Finding, ...]:
        if not checks:
            return ()
        with ThreadPoolExecutor(max_workers=len(checks)) as pool:
            return tuple(pool.map(_answered, checks, checks.values()))

    def _credentials(self) -> Finding:
        try:
            caller = self._account.caller()
        except AwsError as error:
            verdict = Verdict.WARNING if error.code in DENIED else Verdict.FAILURE
            return Finding(PlaneName.AWS, CREDENTIALS, verdict, f"{error.what} ({error.cause})", error.advice)
        return Finding(PlaneName.AWS, CREDENTIALS, Verdict.OK, f"{caller.arn}, account {caller.account}")

    def _vpcs(self) -> Finding:
        vpcs = self._account.vpcs()
        if (
            len({vpc.owner for vpc in vpcs}) > 1
        ):  # other accounts share theirs with us: our account id says which are ours
            own = self._account.caller().account
            vpcs = tuple(vpc for vpc in vpcs if vpc.owner == own)
        used = InUse(len(vpcs), frozenset(vpc.key for vpc in vpcs if vpc.key))
        return check_quota(VPCS, self._account.limit(VPCS), _demand(used, {VPC.key}), "or delete an unused VPC")

    def _elastic_ips(self) -> Finding:
        own = own_eips(self._spec, self._inputs)
        advice = "lower public_network.elastic_ips.count, or release addresses that nothing uses"
        if self._spec.hosts.address == "eip":
            advice += " (with `address: eip` every host takes one too)"
        return check_quota(
            ELASTIC_IPS, self._account.limit(ELASTIC_IPS), _demand(self._account.elastic_ips(), own), advice
        )

    def _vcpus(self) -> Finding:
        kind = self._spec.hosts.instance_type
        quota = vcpu_quota(kind)
        if quota is None:
            text = f"unknown quota for {kind}"
            advice = "find `Running On-Demand … instances` of its family in Service Quotas"
            return Finding(PlaneName.AWS, "vCPUs", Verdict.UNKNOWN, text, advice)
        each = self._account.vcpus_of([kind])[kind]
        used = self._account.vcpus(quota)
        stopped = used.idle & self._replaced  # deleting it frees nothing of the quota
        demand = _demand(replace(used, own=used.own - stopped), host_keys(self._spec))
        counted = Demand(demand.used, demand.adding * each, demand.removing * each)
        return check_quota(quota, self._account.limit(quota), counted, f"or lower hosts.count ({kind} has {each})")

    def _rules(self) -> Finding:
        counts = rule_counts(self._spec)
        try:
            limit = self._account.limit(RULES)
        except AwsError as error:
            if error.code not in DENIED or max(counts.values()) > DEFAULT:  # only AWS knows whether it was raised
                raise
            limit = DEFAULT
        return judge_rules(limit, counts)

    def _offer(self) -> Finding:
        kind, zone = self._spec.hosts.instance_type, self._spec.aws.zone
        if zone == "auto" and self._inputs is not None:
            zone = self._inputs.foundation.zone
        zones = self._lookups.zones()
        region = self._spec.aws.region
        if not zones:
            advice = "use another hosts.instance_type or aws.region"
            return Finding(PlaneName.AWS, OFFER, Verdict.FAILURE, f"no zone of {region} offers {kind}", advice)
        listed = ", ".join(zones)
        if zone not in ("auto", *zones):
            text = f"{zone} does not offer {kind}; these do: {listed}"
            return Finding(
                PlaneName.AWS, OFFER, Verdict.FAILURE, text, f"write `zone: auto` or `zone: {zones[0]}` in aws"
            )
        return Finding(PlaneName.AWS, OFFER, Verdict.OK, f"{kind} is offered in {listed}")

    def _interfaces(self) -> Finding:
        limits = self._lookups.interface_limits()
        refusals = list(refused_sizes(self._spec, limits))
        if refusals:
            first = refusals[0]
            return Finding(PlaneName.AWS, INTERFACES, Verdict.FAILURE, f"{first.path}: {first.why}", first.advice)
        groups = self._spec.public_network.groups
        pairs = pair_capacity(self._spec.aws.network.subnet_cidr, groups, limits.addresses_per_interface)
        text = (
            f"{limits.interfaces} interfaces of {limits.addresses_per_interface} addresses a host; {groups} groups "
            f"have room for {groups * pairs} Elastic IPs"
        )
        return Finding(PlaneName.AWS, INTERFACES, Verdict.OK, text)

    def _network(self) -> Finding:
        """AWS allows VPCs that overlap, but no peering, transit gateway or VPN between them."""
        own = self._spec.aws.network.cidr
        overlapping = [
            f"{vpc.id} ({network})"
            for vpc in self._account.vpcs()
            for network in vpc.networks
            if vpc.key != VPC.key and network.overlaps(own)
        ]
        if overlapping:
            text = f"{own} overlaps {', '.join(overlapping)}"
            advice = "use another aws.network.cidr if you will ever peer or route between them; it cannot change later"
            return Finding(PlaneName.AWS, NETWORK, Verdict.WARNING, text, advice)
        return Finding(PlaneName.AWS, NETWORK, Verdict.OK, f"{own} overlaps no other VPC of the region")


def _demand(used: InUse, wanted: Collection[str]) -> Demand:
    return Demand(used.count, len(set(wanted) - used.own), len(used.own - set(wanted) - used.idle))


def _answered(name: str, check: Callable[[], Finding]) -> Finding:
    """The check's finding: a warning if AWS denies the request, unknown if AWS cannot be asked."""
    try:
        return check()
    except AwsError as error:
        verdict = Verdict.WARNING if error.code in DENIED else Verdict.UNKNOWN
        return Finding(PlaneName.AWS, name, verdict, f"not known: {error.what} ({error.cause})", error.advice)
    except Exception as error:
        text = f"not known: {type(error).__name__}: {error}"
        return Finding(PlaneName.AWS, name, Verdict.UNKNOWN, text, "look it up in the AWS console")

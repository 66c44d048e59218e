"""Preflight checks of AWS: asked in parallel before a run creates anything, each answered with a finding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network

from edgewrap import limits
from edgewrap.aws.clients import Clients
from edgewrap.aws.existing.addresses import address_violations
from edgewrap.aws.existing.network import Subnet, network_violations
from edgewrap.aws.inputs.immutable_fields import Violation, refused_sizes
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs, host_keys
from edgewrap.aws.preflight import quotas
from edgewrap.aws.preflight.account import DENIED, Account, InUse
from edgewrap.aws.preflight.quotas import ELASTIC_IPS, RULES, VPCS, Demand, check_quota, finding
from edgewrap.aws.preflight.topics import Topic, own_eips
from edgewrap.aws.terraform.resources import VPC
from edgewrap.counted import counted
from edgewrap.errors import AwsError
from edgewrap.finding import CREDENTIALS, Finding, Verdict
from edgewrap.spec.addressing import pair_capacity
from edgewrap.spec.findings import SSH_FROM, check_ssh_from
from edgewrap.spec.models import Spec

VCPUS, OFFER, INTERFACES, NETWORK = "vCPUs", "instance type", "network interfaces", "addresses of the VPC"
DISKS = "disks for datastores"
EXISTING_VPC, EXISTING_EIPS = "existing VPC", "existing Elastic IPs"


def without_state(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings if the state cannot be read: what exists already is unknown, and so is what will be created."""
    known = (CREDENTIALS, OFFER, INTERFACES, RULES.name, SSH_FROM, DISKS)
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
        if self._spec.public_network.existing:
            checks[EXISTING_EIPS] = self._existing_elastic_ips
        who, *others = self._run({CREDENTIALS: self._credentials, **checks})
        if who.verdict is Verdict.FAILURE:
            text, unknown = "AWS could not be asked", Verdict.UNKNOWN  # other answers stay: STS may fail alone
            others = [replace(one, text=text, advice="") if one.verdict is unknown else one for one in others]
            return (who, *others)
        return (who, *map(self._needed, others))

    def about(self, topics: Collection[Topic]) -> tuple[Finding, ...]:
        """The checks of what a run is about to create, and the account."""
        return self._run({CREDENTIALS: self._credentials, **self._checks(topics)}) if topics else ()

    def _checks(self, topics: Collection[Topic]) -> dict[str, Callable[[], Finding]]:
        checks: dict[str, tuple[Topic, Callable[[], Finding]]] = {
            VPCS.name: (Topic.VPC, self._vpcs),
            NETWORK: (Topic.VPC, self._network),
            ELASTIC_IPS.name: (Topic.ELASTIC_IPS, self._elastic_ips),
            VCPUS: (Topic.HOSTS, self._vcpus),
            OFFER: (Topic.HOSTS, self._offer),
            RULES.name: (Topic.RULES, self._rules),
            SSH_FROM: (Topic.RULES, partial(check_ssh_from, self._spec)),
        }
        if self._spec.hosts.datastore_volume != "root":
            checks[DISKS] = (Topic.HOSTS, self._disks)
        found = {name: check for name, (topic, check) in checks.items() if topic in topics}
        if self._spec.aws.network.vpc_id:  # nothing of it is new, and new hosts need free addresses
            found = {name: check for name, check in found.items() if name not in (VPCS.name, NETWORK)}
            if {Topic.VPC, Topic.HOSTS} & {*topics}:
                found[EXISTING_VPC] = self._existing_vpc
        return found

    def _needed(self, one: Finding) -> Finding:
        """A run asks EC2 what OFFER and INTERFACES ask: if they got no answer, it cannot work. A first run also needs
        the rights to ask (for the zone, if that is `auto`)."""
        decides = (INTERFACES, OFFER) if self._spec.aws.zone == "auto" else (INTERFACES,)
        unanswered = one.check in (INTERFACES, OFFER) and one.verdict is Verdict.UNKNOWN
        denied = one.check in decides and one.verdict is Verdict.WARNING and self._inputs is None
        return replace(one, verdict=Verdict.FAILURE) if unanswered or denied else one

    def _run(self, checks: Mapping[str, Callable[[], Finding]]) -> tuple[Finding, ...]:
        running = [limits.start(partial(_answered, name, check)) for name, check in checks.items()]
        return tuple(found.result() for found in running)

    def _credentials(self) -> Finding:
        try:
            account, arn = self._account.caller()
        except AwsError as error:
            verdict = Verdict.WARNING if error.code in DENIED else Verdict.FAILURE
            return finding(CREDENTIALS, verdict, f"{error.what} ({error.cause})", error.advice)
        return finding(CREDENTIALS, Verdict.OK, f"{arn}, account {account}")

    def _vpcs(self) -> Finding:
        vpcs = self._account.vpcs()
        if len({vpc.owner for vpc in vpcs}) > 1:  # other accounts share theirs: our account id says which are ours
            own, _ = self._account.caller()
            vpcs = tuple(vpc for vpc in vpcs if vpc.owner == own)
        used = InUse(len(vpcs), frozenset(vpc.key for vpc in vpcs if vpc.key))
        return check_quota(VPCS, self._account.limit(VPCS), _demand(used, {VPC.key}), "or delete an unused VPC")

    def _elastic_ips(self) -> Finding:
        own = own_eips(self._spec, self._inputs)
        advice = "lower public_network.elastic_ips.count, or release addresses that nothing uses"
        if self._spec.hosts.address == "eip":
            advice += " (with `address: eip` every host takes one too)"
        limit = self._account.limit(ELASTIC_IPS)
        return check_quota(ELASTIC_IPS, limit, _demand(self._account.elastic_ips(), own), advice)

    def _vcpus(self) -> Finding:
        kind = self._spec.hosts.instance_type
        quota = quotas.vcpu_quota(kind)
        if quota is None:
            advice = "find `Running On-Demand … instances` of its family in Service Quotas"
            return finding(VCPUS, Verdict.UNKNOWN, f"unknown quota for {kind}", advice)
        each = self._account.vcpus_of([kind])[kind]
        used = self._account.vcpus(quota)
        stopped = used.idle & self._replaced  # deleting it frees nothing of the quota
        demand = _demand(replace(used, own=used.own - stopped), host_keys(self._spec))
        counted = Demand(demand.used, demand.adding * each, demand.removing * each)
        return check_quota(quota, self._account.limit(quota), counted, f"or lower hosts.count ({kind} has {each})")

    def _rules(self) -> Finding:
        counts = quotas.rule_counts(self._spec)
        try:
            limit = self._account.limit(RULES)
        except AwsError as error:
            limit = quotas.DEFAULT_RULES
            if error.code not in DENIED or max(counts.values()) > limit:  # only AWS knows whether it was raised
                raise
        return quotas.judge_rules(limit, counts)

    def _offer(self) -> Finding:
        kind, zone = self._spec.hosts.instance_type, self._spec.aws.zone
        if zone == "auto" and self._inputs is not None:
            zone = self._inputs.foundation.zone
        elif subnet := self._existing_subnet():
            zone = subnet.zone
        zones = self._lookups.zones()
        if not zones:
            text = f"no zone of {self._spec.aws.region} offers {kind}"
            return finding(OFFER, Verdict.FAILURE, text, "use another hosts.instance_type or aws.region")
        listed = ", ".join(zones)
        if zone not in ("auto", *zones):
            advice = f"write `zone: auto` or `zone: {zones[0]}` in aws"
            return finding(OFFER, Verdict.FAILURE, f"{zone} does not offer {kind}; these do: {listed}", advice)
        return finding(OFFER, Verdict.OK, f"{kind} is offered in {listed}")

    def _interfaces(self) -> Finding:
        limits = self._lookups.interface_limits()
        subnet = self._subnet_cidr()
        if first := next(refused_sizes(self._spec, limits, subnet), None):
            return finding(INTERFACES, Verdict.FAILURE, f"{first.path}: {first.why}", first.advice)
        groups = self._spec.public_network.groups
        text = f"{counted(limits.interfaces, 'interface')} of {limits.addresses_per_interface} addresses a host"
        if subnet:
            pairs = pair_capacity(subnet, groups, limits.addresses_per_interface)
            text += f"; room for {counted(groups * pairs, 'Elastic IP')} in {counted(groups, 'group')}"
        return finding(INTERFACES, Verdict.OK, text)

    def _disks(self) -> Finding:
        """edgewrap finds both kinds of disks by their NVMe names."""
        kind, disk, disks = self._spec.hosts.instance_type, self._spec.hosts.datastore_volume, self._lookups.disks()
        if disk == "instance-store":
            if not disks.store:
                advice = "use another hosts.instance_type, such as c5d.metal, or another hosts.datastore_volume"
                return finding(DISKS, Verdict.FAILURE, f"{kind} has no instance store", advice)
            if disks.store_as_nvme:
                sizes = " and ".join(f"{count} x {size} GB" for count, size in disks.store)
                return finding(DISKS, Verdict.OK, f"instance store of {sizes} on each host; lost when the host stops")
        elif disks.volumes_as_nvme:
            return finding(DISKS, Verdict.OK, "an EBS volume for each host")
        text = f"{kind} is of an old generation, whose disks are no NVMe devices"
        return finding(DISKS, Verdict.FAILURE, text, "use another hosts.instance_type, or `datastore_volume: root`")

    def _network(self) -> Finding:
        """AWS allows VPCs that overlap, but no peering, transit gateway or VPN between them."""
        own = self._spec.aws.network.vpc_cidr
        overlapping = [
            f"{vpc.id} ({network})"
            for vpc in self._account.vpcs()
            for network in vpc.networks
            if vpc.key != VPC.key and own and network.overlaps(own)
        ]
        if overlapping:
            text = f"{own} overlaps {', '.join(overlapping)}"
            advice = "use another aws.network.cidr if you will ever peer or route between them; it cannot change later"
            return finding(NETWORK, Verdict.WARNING, text, advice)
        return finding(NETWORK, Verdict.OK, f"{own} overlaps no other VPC of the region")

    def _existing_vpc(self) -> Finding:
        uuid = self._inputs.uuid if self._inputs else ""
        violations = network_violations(self._spec, self._lookups.network(uuid), uuid)
        wanted = self._spec.aws.network
        return _judged(EXISTING_VPC, violations, f"{wanted.subnet_id or wanted.subnet} of {wanted.vpc_id} can be used")

    def _existing_elastic_ips(self) -> Finding:
        wanted = self._spec.public_network.existing
        found = self._lookups.allocations([*wanted.values()])
        violations = address_violations(self._spec, self._inputs, found, wanted)
        return _judged(EXISTING_EIPS, violations, f"{', '.join(wanted)}: in the account, and not used elsewhere")

    def _existing_subnet(self) -> Subnet | None:
        """The subnet that a first run will use; None if it makes one, or AWS has none of this id."""
        wanted = self._spec.aws.network.subnet_id
        return self._lookups.network("").subnet(wanted) if wanted and self._inputs is None else None

    def _subnet_cidr(self) -> IPv4Network | None:
        """The subnet's addresses; None if AWS has no such subnet."""
        if self._inputs is not None:
            return IPv4Network(self._inputs.foundation.subnet_cidr)
        if known := self._spec.aws.network.subnet_cidr:
            return known
        subnet = self._existing_subnet()
        return subnet.cidr if subnet else None


def _judged(name: str, violations: Iterable[Violation], text: str) -> Finding:
    """A failure with all violations, or `text`."""
    found = tuple(violations)
    if not found:
        return finding(name, Verdict.OK, text)
    wrong = "; ".join(f"{one.path}: {one.why}" for one in found)
    return finding(name, Verdict.FAILURE, wrong, "; ".join(one.advice for one in found))


def _demand(used: InUse, wanted: Collection[str]) -> Demand:
    return Demand(used.count, len(set(wanted) - used.own), len(used.own - set(wanted) - used.idle))


def _answered(name: str, check: Callable[[], Finding]) -> Finding:
    """The check's finding: a warning if AWS denies the request, unknown if AWS cannot be asked."""
    try:
        return check()
    except AwsError as error:
        verdict = Verdict.WARNING if error.code in DENIED else Verdict.UNKNOWN
        return finding(name, verdict, f"not known: {error.what} ({error.cause})", error.advice)
    except Exception as error:
        text = f"not known: {type(error).__name__}: {error}"
        return finding(name, Verdict.UNKNOWN, text, "look it up in the AWS console")

"""Planning for AWS: spec and state become a rendered module, and that a saved Terraform plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from edgewrap.atomic_files import write_tree
from edgewrap.aws.adoption import Adoption, adopt
from edgewrap.aws.clients import Clients
from edgewrap.aws.existing.addresses import address_violations, associated_with
from edgewrap.aws.facts import AwsState
from edgewrap.aws.group_moves import moves_ahead, off_dead_hosts, outage_warnings, reasons, stopping_hosts
from edgewrap.aws.inputs.decide import decide_inputs, unprovisioned
from edgewrap.aws.inputs.lookups import AwsLookups, DecidedLookups
from edgewrap.aws.inputs.model import Inputs, host_keys
from edgewrap.aws.inputs.setup_warnings import setup_notices
from edgewrap.aws.manual_rules import find_manual_rules
from edgewrap.aws.outputs import NAMES, read_outputs
from edgewrap.aws.render.module import render
from edgewrap.aws.render.moved_rules import respelled_rules, rule_moves
from edgewrap.aws.render.variables import make_variables
from edgewrap.aws.state.untracked import NOTHING_UNTRACKED, Untracked, find_untracked
from edgewrap.aws.terraform.json_output import RunOutput
from edgewrap.aws.terraform.plan_json import Before, predicted_values, read_changes, smaller_volumes
from edgewrap.aws.terraform.resources import (
    DATASTORE,
    EIP,
    EIP_ASSOCIATION,
    EXISTING_ASSOCIATION,
    HIDDEN,
    INSTANCE,
    SINGLE_KEYS,
    importable_addresses,
)
from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.change import Action, Change, PlaneName
from edgewrap.errors import AwsError, PlanFileError, RefusedChangeError, StateError, ToolError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.outputs import BY_DRIVER, HostOutput, Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

_NEW_ASSOCIATION = (EIP_ASSOCIATION.kind, Action.CREATE)


@dataclass(frozen=True, slots=True)
class AwsPlan:
    """A saved plan. `changes` leaves out edgewrap's own records in the state; `pending` includes them.

    `predicted` are the outputs after it, with UNKNOWN for what only AWS can give; for a destroy, those before it.
    `moves_ahead` are the groups that must move before it, with `move` and then `replan_after_moves`; `replaced` are the
    hosts whose instance is replaced by request; `stopping` are those that lose an interface while they stop; `lost` is
    what a killed run created and this one imports; `first`: there is no state yet. `module` are the rendered files that
    were planned, by relative path.
    """

    changes: tuple[Change, ...]
    pending: bool
    predicted: Outputs
    inputs: Inputs
    destroy: bool = False
    replaced: tuple[str, ...] = ()
    moves_ahead: tuple[str, ...] = ()
    lost: Untracked = NOTHING_UNTRACKED
    first: bool = False
    module: Mapping[str, str] = field(default_factory=dict)
    stopping: tuple[HostOutput, ...] = ()


@dataclass(slots=True)
class PlannedAhead:
    """Terraform's plan of a module that was planned ahead of the rest of the run."""

    files: Mapping[str, str] = field(default_factory=dict)
    result: tuple[bool, RunOutput] | None = None

    def take(self, files: Mapping[str, str]) -> tuple[bool, RunOutput] | None:
        """Its result, once, if these are the files of the module."""
        result, self.result = self.result, None
        return result if files == self.files else None


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one cluster's AWS. All methods raise TerraformError if Terraform fails."""

    spec: Spec
    clients: Clients
    lookups: AwsLookups
    terraform: Terraform
    workdir: WorkDir
    emit: Emit
    ahead: PlannedAhead = field(default_factory=PlannedAhead)

    def plan_ahead(self, state: AwsState | None) -> None:
        """Let Terraform plan already, while the other planes are read, if the spec is the one that was applied last:
        then its plan is most likely the one that the run needs."""
        if state is None or state.applied != public_document(self.spec):
            return
        files = render(self.spec, state.inputs)
        write_tree(self.workdir.module, files)
        if not self.terraform.needs_init:
            self.ahead.files, self.ahead.result = files, self.terraform.plan()

    def plan(self, state: AwsState | None, context: Context, *, destroy: bool = False, warn: bool = True) -> AwsPlan:
        """Render the module and let Terraform plan it. With `warn`, new hosts that nobody sets up are warned of."""
        replaced, previous = context.replaced, state.inputs if state else None
        if destroy:
            if previous is None:
                what, advice = "there is nothing to destroy", "nothing needs to be done"
                raise StateError(what, cause="no Terraform state", advice=advice)
            adoption = self._adopt(state, None, None)
            inputs = previous.model_copy(update={"ipam_eips": adoption.keys})
        else:
            adoption = self._adopt(state, context.used_addresses, datetime.now(UTC))
            inputs = self._decide(state, adoption, context)
            applied = state.applied if state else ""
            for notice in self._notices(inputs, previous, applied, replaced) if warn else ():
                self.emit(notice)
        addresses = state.addresses if state else frozenset()
        adoption = replace(adoption, imports={**adoption.imports, **self._associations(inputs, state)})
        # before the first run there is nothing to lose
        importable = self.importable(inputs) | adoption.imports.keys() if state else frozenset()
        ids = state.ids if state else frozenset()
        lost = self._find_untracked(inputs, importable - respelled_rules(addresses).after(addresses), ids, adoption)
        moves = rule_moves(addresses, () if destroy else importable - lost.imports.keys())
        files = {**render(self.spec, inputs), **moves.files()}
        known = moves.after(addresses)
        new = _new_instances(state, replaced, frozenset(lost.imports))
        to_replace = () if destroy else _replacements(replaced, new, inputs, known)
        pending, output = self.run(files, lost, destroy=destroy, to_replace=to_replace)
        # a state that is older than the killed run still has the resources that this run replaced
        newer = self._find_untracked(inputs, importable & known & output.missing, ids, adoption)
        if newer.imports:
            self.terraform.state_rm(moves.before(newer.imports))
            lost = lost.plus(newer)
            pending, output = self.run(files, newer if destroy else lost, destroy=destroy, to_replace=to_replace)
        changes: tuple[Change, ...] = ()
        predicted = state.outputs if state else None
        if pending and (predicted is None or destroy or _concerns_aws(output)):
            before = self.before(state, inputs, replaced, destroy=destroy)
            changes, values = self.terraform.show(
                lambda document: (read_changes(document, before), predicted_values(document))
            )
            if not destroy:
                _refuse_releases(changes, adoption.released)
                if refusals := list(smaller_volumes(changes)):
                    raise RefusedChangeError(refusals)
                self._refuse_taken(changes, inputs)
                predicted = read_outputs(values, inputs)
                if warn and state and state.applied:
                    for warning in outage_warnings(changes, inputs.placement, predicted.eips):
                        self.emit(warning)
        return AwsPlan(
            changes,
            pending,
            predicted or read_outputs({}, inputs),
            inputs,
            destroy,
            tuple(sorted(replaced)),
            moves_ahead(changes, inputs.placement, state.outputs) if state and not destroy else (),
            lost,
            first=not known,
            module=files,
            stopping=stopping_hosts(changes, state.outputs) if state else (),
        )

    def _adopt(self, state: AwsState | None, used: Collection[str] | None, now: datetime | None) -> Adoption:
        """What becomes of the IPAM driver's Elastic IPs; `used` are the private addresses that address ranges have.
        `now` is None for a destroy."""
        if state is None:
            return Adoption()
        if state.requested is None:  # AWS was not asked: they stay as they are
            return Adoption(state.inputs.ipam_eips)
        adoption = adopt(state.requested, state.tracked, state.inputs, used, now)
        for one in adoption.unfinished:
            text = f"{one.public_address} was requested at {one.requested} and is not associated yet: not adopted now"
            self.emit(Event(EventKind.WARNING, PlaneName.AWS, one.key, text))
        for key, number in adoption.forgotten.items():
            text = f"{number} was released through OpenNebula or in AWS: the next apply removes it from the state"
            self.emit(Event(EventKind.INFO, PlaneName.AWS, key, text))
        return adoption

    def _notices(
        self, inputs: Inputs, previous: Inputs | None, applied: str, replaced: Collection[str]
    ) -> Iterator[Event]:
        try:
            public_key = self.lookups.public_key()
        except ToolError:  # the kept text counts
            public_key = ""
        return setup_notices(self.spec, inputs, previous, applied, replaced, public_key)

    def _decide(self, state: AwsState | None, adoption: Adoption, context: Context) -> Inputs:
        lookups = self.lookups
        if context.decided_inputs:
            try:
                decided = Inputs.from_text(context.decided_inputs)
            except StateError as error:
                raise PlanFileError(
                    "the inputs in the saved plan cannot be read",
                    cause="it is damaged",
                    advice="make a plan with `edgewrap plan --out FILE`",
                ) from error
            lookups = DecidedLookups(self.spec, self.clients, decided)
        known: Mapping[str, HostOutput] = state.outputs.hosts if state else {}
        return decide_inputs(
            self.spec,
            state.inputs.model_copy(update={"ipam_eips": adoption.keys}) if state else None,
            lookups,
            unavailable={*context.avoid, *context.replaced, *(key for key, host in known.items() if host.is_dead)},
            new_hosts=set(host_keys(self.spec)) - known.keys(),
            missing=unprovisioned(state.inputs, state.addresses) if state else (),
            new_instances=_new_instances(state, context.replaced),
            unassociated=_unassociated(state.inputs, state) if state else (),
            front_end_version=context.front_end_version,
        )

    def _associations(self, inputs: Inputs, state: AwsState | None) -> dict[str, str]:
        """The ids of associations of the user's own Elastic IPs that a killed run made, by Terraform address."""
        keys = _unassociated(inputs, state) if state else []
        if not keys:
            return {}
        found = self.lookups.allocations([inputs.existing[key].allocation_id for key in keys])
        made = {key: found[number] for key in keys if (number := inputs.existing[key].allocation_id) in found}
        return {
            EXISTING_ASSOCIATION.address(key): one.association_id
            for key, one in made.items()
            if associated_with(inputs, key, one)
        }

    def _refuse_taken(self, changes: Sequence[Change], inputs: Inputs) -> None:
        """Raises RefusedChangeError if a plan would take one of the user's own Elastic IPs from where it is now."""
        made = {change.key for change in changes if (change.kind, change.action) == _NEW_ASSOCIATION}
        if keys := sorted(made & inputs.existing.keys()):
            found = self.lookups.allocations([inputs.existing[key].allocation_id for key in keys])
            refusals = [str(violation) for violation in address_violations(self.spec, inputs, found, keys)]
            if refusals:
                raise RefusedChangeError(refusals)

    def importable(self, inputs: Inputs) -> frozenset[str]:
        """The addresses of everything in the module that can be imported."""
        return importable_addresses(make_variables(self.spec, inputs, ""), inputs.host_address)

    def _find_untracked(
        self, inputs: Inputs, missing: frozenset[str], ids: Collection[str], adoption: Adoption
    ) -> Untracked:
        """Resources of `missing` (addresses) that a killed run created and whose ids are not among the state's `ids`,
        rules that someone made by hand, and Elastic IPs that the cluster adopts."""
        adopted = {address: number for address, number in adoption.imports.items() if address in missing}
        lost = find_untracked(self.clients, inputs.uuid, missing - adoption.imports.keys()).without(ids)
        for address, number in sorted(lost.imports.items()):
            text = f"{number} was created by a killed run and is missing in the state: this run imports it"
            self.emit(Event(EventKind.WARNING, PlaneName.AWS, address, text))
        if lost.incomplete:  # such a group is replaced, with all of its rules
            return lost.plus(Untracked(adopted))
        manual = Untracked(find_manual_rules(self.clients, inputs.uuid, missing - lost.imports.keys())).without(ids)
        for address, number in sorted(manual.imports.items()):
            text = f"{number} was made by hand, and the spec asks for it: this run imports it"
            self.emit(Event(EventKind.WARNING, PlaneName.AWS, address, text))
        return lost.plus(manual).plus(Untracked(adopted))

    def run(
        self, files: Mapping[str, str], lost: Untracked, *, destroy: bool = False, to_replace: Collection[str] = ()
    ) -> tuple[bool, RunOutput]:
        """Write the module and plan it: whether there is anything to do, and Terraform's output. `to_replace` are
        addresses."""
        ahead = self.ahead.take({**files, **lost.files()})
        if ahead is not None and not destroy and not to_replace:
            return ahead
        write_tree(self.workdir.module, {**files, **({} if destroy else lost.files())})
        self.terraform.init_if_needed()
        if destroy:  # a plan to destroy imports nothing, and unknown resources would block it
            for address, number in lost.imports.items():
                self.terraform.import_resource(address, number)
            return self.terraform.plan(destroy=True)
        return self.terraform.plan(replace=[*to_replace, *lost.incomplete])

    def before(
        self, state: AwsState | None, inputs: Inputs, replaced: Collection[str], *, destroy: bool = False
    ) -> Before:
        """What was before the plan, to explain its changes."""
        if state is None:
            return Before(frozenset(), spec_changed=False, destroy=destroy, first=True)
        known = state.inputs
        why = reasons(inputs, known, state.outputs.hosts, replaced)
        return Before(
            frozenset({*known.amis, *known.placement, *known.eips, *known.ipam_eips, *known.existing, *SINGLE_KEYS}),
            spec_changed=state.applied != public_document(self.spec),
            destroy=destroy,
            reasons=why,
            off=off_dead_hosts(why, inputs, known, state.outputs.hosts),
            first=not state.applied,
        )


def _new_instances(state: AwsState | None, replaced: Collection[str], imported: Collection[str] = ()) -> frozenset[str]:
    """The keys of the hosts that get another instance: by request, or because the one that they had was terminated by
    someone else, and may be out of the state since groups moved off it. Not those whose instance is among the addresses
    `imported`: a killed run made it, with its volume."""
    hosts = state.outputs.hosts if state else {}
    ended = {key for key, host in hosts.items() if host.state == "terminated"}
    gone = {key for key in state.inputs.amis if INSTANCE.address(key) not in state.addresses} if state else set()
    return frozenset({*replaced, *(key for key in ended | gone if INSTANCE.address(key) not in imported)})


def _replacements(
    replaced: Collection[str], new_instances: Collection[str], inputs: Inputs, known: Collection[str]
) -> tuple[str, ...]:
    """The addresses of instances that are replaced by request, and of the datastores' volumes of all new instances: a
    volume is not kept longer than its host. `known` are the addresses in the state."""
    volumes = (DATASTORE.address(key) for key in sorted(new_instances) if key in inputs.datastores)
    return (*(INSTANCE.address(key) for key in sorted(replaced)), *(each for each in volumes if each in known))


def _unassociated(inputs: Inputs, state: AwsState) -> list[str]:
    """The keys of the user's own Elastic IPs whose association the state does not have."""
    return [key for key in inputs.existing if EXISTING_ASSOCIATION.address(key) not in state.addresses]


def _concerns_aws(output: RunOutput) -> bool:
    """Whether a plan changes more than edgewrap's own records in the state."""
    return any(change.resource_type not in HIDDEN for change in output.planned) or any(
        output.get("action") not in (None, "noop") for name, output in output.outputs.items() if name in NAMES
    )


def _refuse_releases(changes: Sequence[Change], released: Collection[str]) -> None:
    """Raises AwsError if a plan would release an Elastic IP of the driver's that a customer may have: AWS's two answers
    about it differ."""
    for change in changes:
        wanted = change.key in released or change.action is not Action.DELETE or change.kind != EIP.kind
        if change.key.startswith(BY_DRIVER) and not wanted:
            raise AwsError(
                f"{change.key} would be released",
                cause="AWS did not list it among the cluster's Elastic IPs, and Terraform found it",
                advice="re-run; if this happens again, check its tag edgewrap:uuid",
            )

"""The AWS plane: rendered, planned and applied by Terraform."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edgewrap.atomic_files import write_tree
from edgewrap.aws.backend import s3_backend, s3_endpoint
from edgewrap.aws.clients import Clients
from edgewrap.aws.facts import AwsState, read_state
from edgewrap.aws.group_moves import instances_made, moves_ahead, reasons, without_instances
from edgewrap.aws.inputs.decide import decide_inputs, unprovisioned
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs, host_key
from edgewrap.aws.inputs.setup_warnings import setup_notices
from edgewrap.aws.outputs import NAMES, read_outputs
from edgewrap.aws.plan import AwsPlan
from edgewrap.aws.preflight.checks import AwsPreflight, without_state
from edgewrap.aws.preflight.terraform import check_tools
from edgewrap.aws.preflight.topics import Topic, expected_topics, planned_topics, replaced_hosts
from edgewrap.aws.render.module import render
from edgewrap.aws.render.moved_rules import respelled_rules, rule_moves
from edgewrap.aws.render.variables import make_variables
from edgewrap.aws.state.store import state_store
from edgewrap.aws.state.untracked import Untracked, find_untracked
from edgewrap.aws.terraform.json_output import RunOutput
from edgewrap.aws.terraform.plan_json import Before, predicted_values, read_changes
from edgewrap.aws.terraform.resources import HIDDEN, INSTANCE, SINGLE_KEYS, importable_addresses
from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.change import Change, PlaneName
from edgewrap.errors import StateError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.finding import Finding
from edgewrap.outputs import HostOutput, Outputs
from edgewrap.plane import NO_CONTEXT, Context, report_skipped, require_planned
from edgewrap.spec.addressing import active_indexes
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

__all__ = ["AwsPlan", "AwsPlane", "AwsState"]


class AwsPlane:
    """One cluster's AWS, through Terraform in `directory` (the run's working directory).

    `pass_fds` are descriptors that every terraform inherits, such as that of the run's lock. All methods raise
    TerraformError where terraform fails and ToolError where it is missing or too old.
    """

    def __init__(
        self,
        spec: Spec,
        directory: Path,
        emit: Emit,
        *,
        plugin_dir: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._spec = spec
        self._emit = emit
        self._places = WorkDir(directory.absolute())
        self._locked = bool(pass_fds)
        self._store = state_store(spec, self._places, os.environ, emit, locked=self._locked)
        self._clients = Clients(spec, os.environ)
        self._plugin_dir = plugin_dir or _plugin_dir(spec)
        self._lookups = AwsLookups(spec, self._clients)
        self._terraform = Terraform(
            _binary(spec),
            self._places,
            emit,
            environ=os.environ,
            plugin_dir=self._plugin_dir,
            pass_fds=pass_fds,
            s3=s3_backend(spec) is not None,
            s3_endpoint=s3_endpoint(spec, os.environ),
        )

    def current(self) -> AwsState | None:
        """The state as the last run left it, AWS itself not asked; None where there is nothing in it.

        Raises StateError where it is damaged, lost, or not this cluster's.
        """
        return read_state(self._store, self._spec.name, locked=self._locked)

    def observe(self, _context: Context = NO_CONTEXT) -> AwsState | None:
        """The same, with the instances as AWS has them now: Terraform takes a stopped one for a sound one.

        Raises what `current` raises, and AwsError where AWS cannot be asked.
        """
        with ThreadPoolExecutor(max_workers=1) as pool:
            client = pool.submit(self._lookups.get_ready)
            state = self.current()
            if state is None or not state.outputs.hosts:
                return state
            client.result()
        return state.with_instances(
            self._lookups.instances([host.instance_id for host in state.outputs.hosts.values()])
        )

    def clusters_named(self) -> Mapping[str, str]:
        """The VPCs in AWS that were made for a cluster of this name: the UUID of its state, by the VPC's id."""
        return self._lookups.clusters_named(self._spec.name)

    def plan(self, facts: AwsState | None, context: Context = NO_CONTEXT) -> AwsPlan:
        """Render and plan; AWS is read, nothing is changed.

        No group stays on a host of `context.avoid` or `context.replaced`, or on one that is dead, if there is another;
        the instances of `context.replaced` are replaced. Raises RefusedChangeError if the spec asks for what the
        cluster cannot take, AwsError if a lookup fails.
        """
        return self._plan(facts, context)

    def destroy(self, facts: AwsState | None, context: Context = NO_CONTEXT) -> AwsPlan:
        """The plan that destroys it all. Raises StateError if there is nothing."""
        return self._plan(facts, context, destroy=True)

    def look_again(self, plan: AwsPlan, context: Context) -> tuple[AwsState | None, AwsPlan]:
        """Observe and plan again, some time after `plan` was made: AWS as it is now, and what is still needed.

        Raises PlanOutdatedError if that is more than was planned.
        """
        state = self.observe(context)
        fresh = self._plan(state, context, destroy=plan.destroy, warn=False)
        require_planned(fresh.changes, plan.changes)
        report_skipped(plan.changes, fresh.changes, self._emit)
        return state, fresh

    def _plan(self, state: AwsState | None, context: Context, *, destroy: bool = False, warn: bool = True) -> AwsPlan:
        avoid, replaced, front_end_version = context.avoid, context.replaced, context.front_end_version
        previous = state.inputs if state else None
        if destroy:
            if previous is None:
                raise StateError(
                    "there is nothing to destroy", cause="no Terraform state", advice="nothing needs to be done"
                )
            inputs = previous
        else:
            inputs = self._decide(state, {*avoid, *replaced}, front_end_version)
            applied = state.applied if state else ""
            for notice in setup_notices(self._spec, inputs, previous, applied, replaced) if warn else ():
                self._emit(notice)
        addresses = state.addresses if state else frozenset()
        importable = self._importable(inputs) if state else frozenset()  # before the first run there is nothing to lose
        ids = state.ids if state else frozenset()
        lost = self._find_untracked(inputs, importable - respelled_rules(addresses).after(addresses), ids)
        moves = rule_moves(addresses, () if destroy else importable - lost.imports.keys())
        files = {**render(self._spec, inputs), **moves.files()}
        known = moves.after(addresses)
        pending, output = self._planned(files, lost, destroy=destroy, replaced=replaced)
        # a state that is older than the run that was killed still has what that run took away and made anew
        newer = self._find_untracked(inputs, importable & known & output.missing, ids)
        if newer.imports:
            self._terraform.state_rm(moves.before(newer.imports))
            lost = lost.plus(newer)
            pending, output = self._planned(files, newer if destroy else lost, destroy=destroy, replaced=replaced)
        changes: tuple[Change, ...] = ()
        predicted = state.outputs if state else None
        if pending and (predicted is None or destroy or _concerns_aws(output)):
            document = self._terraform.show(self._places.plan_file)
            changes = read_changes(document, self._before(state, inputs, replaced, destroy=destroy))
            if not destroy:
                predicted = read_outputs(predicted_values(document), inputs)
        return AwsPlan(
            changes,
            self._places.plan_file,
            pending,
            predicted or read_outputs({}, inputs),
            inputs,
            destroy,
            tuple(sorted(replaced)),
            moves_ahead(changes, inputs.placement, state.outputs) if state and not destroy else (),
            lost,
            first=not known,
        )

    def move(self, state: AwsState, plan: AwsPlan) -> AwsState:
        """Move the groups of `plan.moves_ahead` now, and nothing that comes or goes; returns the state after it.

        Raises PlanOutdatedError, before anything is changed, where it would change what `plan` does not.
        """
        between = state.inputs.model_copy(update={"placement": plan.inputs.placement})
        # an instance that is gone is left out, or it would be made anew in this step
        files = render(self._spec, between, applied=state.applied, without=instances_made(plan.changes))
        moves = rule_moves(state.addresses, self._importable(between) - plan.lost.imports.keys())
        self._planned({**files, **moves.files()}, plan.lost)
        document = self._terraform.show(self._places.plan_file)
        require_planned(read_changes(document, self._before(state, between, ())), without_instances(plan.changes))
        output = self._apply(self._places.plan_file)
        addresses = moves.after(state.addresses) | plan.lost.imports.keys()
        return AwsState(read_outputs(self._values(output), between), between, state.applied, addresses, state.ids)

    def replan_after_moves(self, state: AwsState, plan: AwsPlan) -> AwsPlan:
        """What is left of `plan` after `move` has led to `state`. Raises PlanOutdatedError where that is something
        else than what was planned."""
        rest = self.plan(state, Context(replaced=frozenset(plan.replaced)))
        require_planned(rest.changes, plan.changes)
        return rest

    def requirements(
        self, facts: AwsState | None, context: Context, planned: Callable[[], Sequence[Change]]
    ) -> tuple[Finding, ...]:
        """Whether the account has what a run is about to create. AWS is asked beside Terraform's plan for what the
        state shows to be missing, and after it (`planned` waits for it) for what else the plan creates; not at all if
        nothing is created."""
        expected = expected_topics(self._spec, facts, context.replaced)
        findings = self._about(facts, expected, context.replaced)
        changes = planned()
        return findings + self._about(facts, planned_topics(changes) - expected, replaced_hosts(changes))

    def tools(self) -> tuple[Finding, ...]:
        """Whether this machine has terraform and its providers."""
        return check_tools(
            _binary(self._spec), self._plugin_dir, os.environ, with_s3=s3_backend(self._spec) is not None
        )

    def preflight(self, facts: AwsState | None = None, _context: Context = NO_CONTEXT) -> tuple[Finding, ...]:
        """Whether the account has all that the spec asks for; nothing is changed."""
        return self._preflight(facts).everything()

    def preflight_without_state(self) -> tuple[Finding, ...]:
        """The same if the state cannot be read: what it would tell is unknown."""
        return without_state(self.preflight(None))

    def apply(self, plan: AwsPlan, _context: Context = NO_CONTEXT) -> Outputs | None:
        """Apply exactly the saved plan; None after a destroy.

        Raises PlanOutdatedError where the state is no longer the one that the plan was made on.
        """
        if not plan.pending:
            if plan.destroy:
                self._store.mark_finished()
            return None if plan.destroy else plan.predicted
        if plan.first:
            self._store.mark_started(plan.inputs.to_text())
        output = self._apply(plan.plan_file)
        if plan.destroy:
            return None
        return read_outputs(self._values(output), plan.inputs)

    def interrupt(self) -> None:
        """Let the terraform that runs, if any, end its step and stop. May be called from any thread."""
        self._terraform.interrupt()

    def _about(
        self, state: AwsState | None, topics: Collection[Topic], replaced: Collection[str]
    ) -> tuple[Finding, ...]:
        return self._preflight(state, replaced).about(topics) if topics else ()

    def _preflight(self, state: AwsState | None, replaced: Collection[str] = ()) -> AwsPreflight:
        return AwsPreflight(self._spec, self._clients, self._lookups, state.inputs if state else None, replaced)

    def _decide(self, state: AwsState | None, avoid: Collection[str], front_end_version: str) -> Inputs:
        known: Mapping[str, HostOutput] = state.outputs.hosts if state else {}
        hosts = self._spec.hosts
        return decide_inputs(
            self._spec,
            state.inputs if state else None,
            self._lookups,
            unavailable={*avoid, *(key for key, host in known.items() if host.is_dead)},
            new_hosts={host_key(index) for index in active_indexes(hosts.count, hosts.retired)} - known.keys(),
            missing=unprovisioned(state.inputs.amis, state.addresses) if state else (),
            front_end_version=front_end_version,
        )

    def _importable(self, inputs: Inputs) -> frozenset[str]:
        """The addresses of everything that Terraform is to have and that can be taken over."""
        return importable_addresses(make_variables(self._spec, inputs, ""), inputs.host_address)

    def _find_untracked(self, inputs: Inputs, missing: Collection[str], ids: Collection[str]) -> Untracked:
        """What a killed run has made of `missing` (addresses) without a trace in the state, whose `ids` are known."""
        lost = find_untracked(self._clients, inputs.uuid, missing).without(ids)
        for address, number in sorted(lost.imports.items()):
            text = f"{number} was made by a run that was killed before Terraform had noted it: this one takes it over"
            self._emit(Event(EventKind.WARNING, PlaneName.AWS, address, text))
        return lost

    def _planned(
        self, files: Mapping[str, str], lost: Untracked, *, destroy: bool = False, replaced: Collection[str] = ()
    ) -> tuple[bool, RunOutput]:
        write_tree(self._places.module, {**files, **({} if destroy else lost.files())})
        self._terraform.init_if_needed()
        if destroy:  # a plan to destroy imports nothing, and what it does not know stands in its way
            for address, number in lost.imports.items():
                self._terraform.import_resource(address, number)
            return self._terraform.plan(destroy=True)
        anew = [*(INSTANCE.address(key) for key in sorted(replaced)), *lost.incomplete]
        return self._terraform.plan(replace=anew)

    def _before(
        self, state: AwsState | None, inputs: Inputs, replaced: Collection[str], *, destroy: bool = False
    ) -> Before:
        if state is None:
            return Before(frozenset(), spec_changed=False, destroy=destroy)
        return Before(
            _keys(state.inputs),
            spec_changed=state.applied != public_document(self._spec),
            destroy=destroy,
            reasons=reasons(inputs, state.inputs, state.outputs.hosts, replaced),
        )

    def _apply(self, plan_file: Path) -> RunOutput:
        self._store.back_up()
        output = self._terraform.apply(plan_file)
        self._store.mark_finished()
        return output

    def _values(self, output: RunOutput) -> Mapping[str, Any]:
        """The outputs as terraform told them while it applied, else as they are in the state."""
        told = {name: output["value"] for name, output in output.outputs.items() if "value" in output}
        document = None if told else self._store.read()
        return told if document is None else document.outputs


def _plugin_dir(spec: Spec) -> Path | None:
    named = spec.terraform.plugin_dir or os.environ.get("EDGEWRAP_PLUGIN_DIR")
    return spec.local_path(named) if named else None


def _binary(spec: Spec) -> str:
    """A name to look for on PATH, or a path that begins at the spec."""
    binary = spec.terraform.binary
    return str(spec.local_path(binary)) if "/" in binary else binary


def _concerns_aws(output: RunOutput) -> bool:
    """Whether a plan touches more than what edgewrap itself remembers in the state."""
    return any(kind not in HIDDEN for kind in output.planned.values()) or any(
        output.get("action") not in (None, "noop") for name, output in output.outputs.items() if name in NAMES
    )


def _keys(inputs: Inputs) -> frozenset[str]:
    return frozenset({*inputs.amis, *inputs.placement, *inputs.eips, *SINGLE_KEYS})

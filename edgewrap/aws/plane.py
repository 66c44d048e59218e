"""The AWS plane: render, plan and apply with Terraform."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edgewrap import limits
from edgewrap.aws.backend import s3_backend, s3_endpoint
from edgewrap.aws.clients import Clients
from edgewrap.aws.elastic_ips import ElasticIps
from edgewrap.aws.facts import AwsState, read_state
from edgewrap.aws.group_moves import instances_made, without_instances, without_last_updates
from edgewrap.aws.health import health_findings
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.outputs import read_outputs
from edgewrap.aws.planner import AwsPlan, Planner
from edgewrap.aws.power_off import await_power_off
from edgewrap.aws.preflight.checks import AwsPreflight, without_state
from edgewrap.aws.preflight.terraform import check_tools
from edgewrap.aws.preflight.topics import expected_topics, planned_topics, replaced_hosts
from edgewrap.aws.render.module import render
from edgewrap.aws.render.moved_rules import rule_moves
from edgewrap.aws.state.store import state_store
from edgewrap.aws.terraform.json_output import RunOutput
from edgewrap.aws.terraform.plan_json import read_changes
from edgewrap.aws.terraform.resources import INSTANCE
from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.aws.volume_tags import retag_root_volumes
from edgewrap.aws.zone_fallback import in_zone, may_change_zone, next_zone, only_capacity_is_missing
from edgewrap.change import Change, PlaneName
from edgewrap.errors import AwsError, EdgewrapError, TerraformError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.finding import Finding
from edgewrap.outputs import HostOutput, Outputs
from edgewrap.plane import NO_CONTEXT, Context, report_skipped, require_planned
from edgewrap.spec.models import Spec

__all__ = ["AwsPlan", "AwsPlane", "AwsState"]


class AwsPlane:
    """One cluster's AWS, through Terraform in `directory` (the run's working directory).

    `pass_fds` are descriptors that every terraform inherits, such as that of the run's lock. All methods raise
    TerraformError where terraform fails and ToolError where it is missing or too old.
    """

    def __init__(
        self, spec: Spec, directory: Path, emit: Emit, *, plugin_dir: Path | None = None, pass_fds: Sequence[int] = ()
    ) -> None:
        self._spec = spec
        self._emit = emit
        self._workdir = WorkDir(directory.absolute())
        self._locked = bool(pass_fds)
        self._store = state_store(spec, self._workdir, os.environ, emit, locked=self._locked)
        self._clients = Clients(spec, os.environ)
        named = spec.terraform.plugin_dir
        self._plugin_dir = plugin_dir or (spec.local_path(named) if named else None)
        self._lookups = AwsLookups(spec, self._clients)
        self._terraform = Terraform(
            _binary(spec),
            self._workdir,
            emit,
            environ=os.environ,
            plugin_dir=self._plugin_dir,
            pass_fds=pass_fds,
            s3=s3_backend(spec) is not None,
            s3_endpoint=s3_endpoint(spec, os.environ),
            share_provider=spec.terraform.reattach == "auto",
        )
        self._planner = Planner(spec, self._clients, self._lookups, self._terraform, self._workdir, emit)

    def warm_up(self) -> None:
        """Start Terraform's provider, which takes a while, for a run that will plan."""
        self._terraform.start_provider()

    def plan_ahead(self, read: Callable[[], AwsState | None]) -> None:
        """Let Terraform begin the plan that the run most likely needs; `plan` uses it if it does. Errors are left to
        `look`, which gets the same result of `current`, and to `plan`."""
        with suppress(EdgewrapError):
            self._planner.plan_ahead(read())

    def current(self) -> AwsState | None:
        """The state as the last run left it, without calls to AWS; None if it is empty.

        Raises StateError if it is damaged, lost, or not this cluster's.
        """
        return read_state(self._store, self._spec.name, locked=self._locked)

    def observe(self, _context: Context = NO_CONTEXT) -> AwsState | None:
        """The same, with the instances as AWS has them now, since for Terraform a stopped one is no difference, and the
        Elastic IPs that the IPAM driver requested.

        Raises what `current` raises, and AwsError if AWS cannot be reached.
        """
        return self.look(self.current)

    def look(self, read: Callable[[], AwsState | None]) -> AwsState | None:
        """The same for a run that plans ahead: `read` returns what `current` has returned to it."""
        client = limits.start(self._lookups.get_ready)
        state = read()
        if state is None or not state.outputs.hosts:
            return state
        client.result()
        ids = [host.instance_id for host in state.outputs.hosts.values()]
        addresses = ElasticIps(self._spec, self._clients)
        requested = limits.start(partial(addresses.by_driver, state.inputs.uuid, state.tracked.values()))
        instances = self._lookups.instances(ids)
        failing = self._failing_checks([one for one, now in instances.items() if now.state == "running"])
        return replace(state.with_instances(instances), requested=requested.result(), failing=failing)

    def health(self, state: AwsState, outputs: Outputs) -> tuple[Finding, ...]:
        """What is wrong with the instances of `outputs`, which may be newer than the state."""
        return health_findings(outputs, state.inputs.host_address, state.failing, state.unassigned)

    def clusters_named(self) -> Mapping[str, str]:
        """The VPCs in AWS of clusters with this name: the UUID of the state, by the VPC's id."""
        return self._lookups.clusters_named(self._spec.name)

    def plan(self, facts: AwsState | None, context: Context = NO_CONTEXT) -> AwsPlan:
        """Render and plan; reads AWS, changes nothing.

        No group stays on a host of `context.avoid` or `context.replaced`, or on one that is dead, if there is another;
        the instances of `context.replaced` are replaced. Raises RefusedChangeError if the spec asks for what the
        cluster cannot take, AwsError if a lookup fails.
        """
        return self._planner.plan(facts, context)

    def destroy(self, facts: AwsState | None, context: Context = NO_CONTEXT) -> AwsPlan:
        """The plan that destroys it all. Raises StateError if there is nothing."""
        return self._planner.plan(facts, context, destroy=True)

    def look_again(self, plan: AwsPlan, context: Context) -> tuple[AwsState | None, AwsPlan]:
        """Observe and plan again, some time after `plan` was made: AWS as it is now, and what is still needed.

        Raises PlanOutdatedError if that is more than was planned.
        """
        state = self.observe(context)
        if state is not None and state.requested is not None:  # the next plan adopts what was requested since
            known = {*state.tracked.values(), *plan.lost.imports.values()}
            state = replace(state, requested=tuple(one for one in state.requested if one.allocation_id in known))
        fresh = self._planner.plan(state, context, destroy=plan.destroy, warn=False)
        require_planned(fresh.changes, plan.changes)
        report_skipped(plan.changes, fresh.changes, self._emit)
        return state, fresh

    def move(self, state: AwsState, plan: AwsPlan) -> AwsState:
        """Move the groups of `plan.moves_ahead` now, without creating or deleting instances; returns the state after
        it.

        Raises PlanOutdatedError, before anything is changed, if it would change more than `plan`.
        """
        between = state.inputs.model_copy(
            update={"placement": plan.inputs.placement, "ipam_eips": plan.inputs.ipam_eips}
        )
        # a terminated instance is left out, or this step would create it again
        gone = instances_made(plan.changes)
        files = render(self._spec, between, applied=state.applied, without=gone)
        moves = rule_moves(state.addresses, self._planner.importable(between) - plan.lost.imports.keys())
        self._planner.run({**files, **moves.files()}, plan.lost)
        changes = self._terraform.show(partial(read_changes, before=self._planner.before(state, between, ())))
        require_planned(without_last_updates(changes, plan.changes), without_instances(plan.changes))
        output = self._apply(between, changes, plan.stopping)
        addresses = (moves.after(state.addresses) | plan.lost.imports.keys()) - {INSTANCE.address(key) for key in gone}
        return AwsState(read_outputs(self._values(output), between), between, state.applied, addresses, state.ids)

    def replan_after_moves(self, state: AwsState, plan: AwsPlan) -> AwsPlan:
        """What is left of `plan` after `move` has led to `state`. Raises PlanOutdatedError if that is not what was
        planned."""
        rest = self._planner.plan(state, Context(replaced=frozenset(plan.replaced)), warn=False)
        require_planned(rest.changes, plan.changes)
        return rest

    def requirements(
        self, facts: AwsState | None, context: Context, planned: Callable[[], Sequence[Change]]
    ) -> tuple[Finding, ...]:
        """Check whether the account has what a run is about to create: in parallel with Terraform's plan for what is
        missing in the state, and after it (`planned` waits for it) for what else the plan creates; no calls if nothing
        is created."""
        expected = expected_topics(self._spec, facts, context.replaced)
        findings = self._preflight(facts, context.replaced).about(expected)
        changes = planned()
        return findings + self._preflight(facts, replaced_hosts(changes)).about(planned_topics(changes) - expected)

    def tools(self) -> tuple[Finding, ...]:
        """Check whether this machine has Terraform and its providers."""
        with_s3 = s3_backend(self._spec) is not None
        return check_tools(_binary(self._spec), self._workdir.module, self._plugin_dir, os.environ, with_s3=with_s3)

    def preflight(self, facts: AwsState | None = None, _context: Context = NO_CONTEXT) -> tuple[Finding, ...]:
        """Check whether the account has everything that the spec asks for; changes nothing."""
        return self._preflight(facts).everything()

    def preflight_without_state(self) -> tuple[Finding, ...]:
        """The same if the state cannot be read: checks that need it are unknown."""
        return without_state(self.preflight(None))

    def terraform_plan(self) -> bytes:
        """The plan that Terraform has saved last, in its own format."""
        return self._workdir.plan_file.read_bytes()

    def apply(self, plan: AwsPlan, _context: Context = NO_CONTEXT) -> Outputs | None:
        """Apply exactly the saved plan; None after a destroy.

        If a zone that `zone: auto` has chosen has no capacity for the first instances, the run continues in the next
        one. Raises PlanOutdatedError if the state is no longer the one that the plan was made on.
        """
        if not plan.pending:
            if plan.destroy:
                self._store.mark_finished()
            return None if plan.destroy else plan.predicted
        if plan.first:
            self._store.mark_started(plan.inputs.to_text())
        tried = [plan.inputs.foundation.zone]
        while True:
            try:
                output = self._apply(plan.inputs, plan.changes, plan.stopping)
            except TerraformError as error:
                plan = self._plan_in_next_zone(plan, error, tried)
                tried.append(plan.inputs.foundation.zone)
            else:
                return None if plan.destroy else read_outputs(self._values(output), plan.inputs)

    def _plan_in_next_zone(self, plan: AwsPlan, error: TerraformError, tried: Sequence[str]) -> AwsPlan:
        """The plan for the next zone after an apply failed with `error`. Raises that error if it has another reason,
        if the cluster is bound to its zone, or if all zones were `tried`."""
        if plan.destroy or not only_capacity_is_missing(error):
            raise error
        state = self.current()
        zone = next_zone(self._lookups.zones(), tried) if may_change_zone(self._spec, state) else ""
        if state is None or not zone:
            raise error
        text = (
            f"AWS has no capacity for {self._spec.hosts.instance_type} in {tried[-1]} now: there is no instance yet, "
            f"so the run continues in {zone}"
        )
        self._emit(Event(EventKind.WARNING, PlaneName.AWS, "zone", text))
        return self._planner.plan(in_zone(state, zone), NO_CONTEXT, warn=False)

    def interrupt(self) -> None:
        """Let a running Terraform finish its step and stop. Can be called from any thread."""
        self._terraform.interrupt()

    def _failing_checks(self, running: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        try:
            return self._lookups.failing_checks(running)
        except AwsError as error:  # a policy that was written for an earlier version lacks the permission
            text = f"EC2's status checks could not be read ({error.what}); {error.advice}"
            self._emit(Event(EventKind.WARNING, PlaneName.AWS, "status checks", text))
            return {}

    def _preflight(self, state: AwsState | None, replaced: Collection[str] = ()) -> AwsPreflight:
        return AwsPreflight(self._spec, self._clients, self._lookups, state.inputs if state else None, replaced)

    def _apply(self, inputs: Inputs, changes: Sequence[Change], stopping: Sequence[HostOutput]) -> RunOutput:
        await_power_off(stopping, self._lookups.instances, self._emit)
        self._store.back_up()
        retag_root_volumes(self._clients, inputs.uuid, changes)
        output = self._terraform.apply()
        self._store.mark_finished()
        return output

    def _values(self, output: RunOutput) -> Mapping[str, Any]:
        """The outputs from Terraform's messages during the apply, otherwise from the state."""
        reported = {name: output["value"] for name, output in output.outputs.items() if "value" in output}
        document = None if reported else self._store.read()
        return reported if document is None else document.outputs


def _binary(spec: Spec) -> str:
    """A name to look up on PATH, or a path relative to the spec."""
    binary = spec.terraform.binary
    # absolute: `./tf` beside a spec in the current directory would be `tf`, and that is looked up on PATH
    return str(spec.local_path(binary).absolute()) if "/" in binary else binary

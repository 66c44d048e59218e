"""Terraform's `-json` lines (as Terraform 1.11.4 wrote them), read as our events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.terraform.json_output import OutputParser, PlannedChange, RunOutput
from edgewrap.events import Event, EventKind

RESOURCE = {
    "addr": 'module.eips.aws_eip.this["eip-3"]',
    "module": "module.eips",
    "resource": 'aws_eip.this["eip-3"]',
    "implied_provider": "aws",
    "resource_type": "aws_eip",
    "resource_name": "this",
    "resource_key": "eip-3",
}
PARTS = ("hook", "change", "changes", "outputs", "diagnostic", "@message")
KINDS = st.sampled_from(["apply_start", "apply_errored", "planned_change", "change_summary", "outputs", "diagnostic"])
NAMES = st.sampled_from(["resource", "addr", "resource_type", "resource_name", "action", "operation", "severity", "a"])
HIDDEN = {"addr": "terraform_data.inputs", "resource_type": "terraform_data", "resource_name": "inputs"}


def heard_of(*messages: dict[str, Any] | str) -> tuple[list[Event], RunOutput]:
    events: list[Event] = []
    parser = OutputParser(events.append)
    for message in messages:
        parser.on_line(message if isinstance(message, str) else json.dumps({"@message": "text", **message}))
    return events, parser.output


def hook(kind: str, resource: dict[str, Any] = RESOURCE, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "hook": {"resource": resource, "action": "create", **fields}}


def test_one_resource_is_one_step() -> None:
    events, _ = heard_of(
        hook("apply_start"),
        hook("apply_progress", elapsed_seconds=10),
        hook("apply_complete", id_key="id", id_value="eipalloc-1", elapsed_seconds=11),
    )
    assert [(event.kind, event.text, event.seconds) for event in events] == [
        (EventKind.STEP_STARTED, "creating", None),
        (EventKind.STEP_PROGRESS, "creating", 10),
        (EventKind.STEP_DONE, "eipalloc-1", 11),
    ]
    assert {event.key for event in events} == {"elastic ip eip-3"}


def test_what_it_began_to_create_and_did_not_finish_is_kept() -> None:
    failed = hook("apply_errored"), hook("apply_errored", {**RESOURCE, "addr": "old"}, action="delete")
    _, output = heard_of(hook("apply_start"), *failed)
    assert output.unfinished == {RESOURCE["addr"]: "aws_eip"}


def test_a_failed_step_and_its_diagnostic() -> None:
    diagnostic = {"severity": "error", "summary": "creating EC2 EIP", "detail": "", "address": RESOURCE["addr"]}
    events, output = heard_of(
        hook("apply_errored", elapsed_seconds=1), {"type": "diagnostic", "diagnostic": diagnostic}
    )
    assert [event.kind for event in events] == [EventKind.STEP_FAILED, EventKind.LOG]
    assert [error.summary for error in output.errors] == ["creating EC2 EIP"]


def test_a_warning_is_shown_and_is_no_error() -> None:
    events, output = heard_of({"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "deprecated"}})
    assert [event.kind for event in events] == [EventKind.WARNING, EventKind.LOG]
    assert output.errors == ()


def test_internal_resources_and_other_messages_go_to_the_log_only() -> None:
    events, _ = heard_of(hook("apply_start", HIDDEN), {"type": "refresh_start"}, "no json at all", '"a text"', "")
    assert {event.kind for event in events} == {EventKind.LOG}
    assert [event.text for event in events] == ["creating terraform_data inputs", "text", "no json at all", '"a text"']


def test_planned_changes_and_outputs_are_remembered() -> None:
    _, output = heard_of(
        {"type": "planned_change", "change": {"resource": RESOURCE, "action": "create"}},
        {"type": "outputs", "outputs": {"eips": {"sensitive": False, "action": "update"}}},
    )
    assert output.planned == [PlannedChange(RESOURCE["addr"], "aws_eip", "create")]
    assert output.outputs["eips"]["action"] == "update"


def test_resources_missing_in_aws_are_recorded() -> None:
    other, third = {**RESOURCE, "addr": "other"}, {**RESOURCE, "addr": "third"}
    _, output = heard_of(
        {"type": "planned_change", "change": {"resource": RESOURCE, "action": "create"}},
        {"type": "planned_change", "change": {"resource": third, "action": "update"}},
        {"type": "resource_drift", "change": {"resource": other, "action": "delete"}},
        {"type": "resource_drift", "change": {"resource": third, "action": "update"}},
    )
    assert output.missing == {RESOURCE["addr"], "other"}


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
MESSAGES = st.fixed_dictionaries({"type": KINDS | SCALARS}, optional=dict.fromkeys(PARTS, ANYTHING))


@given(messages=st.lists(MESSAGES | ANYTHING, max_size=4))
def test_any_message_is_a_step_or_is_logged(messages: list[Any]) -> None:
    """Whatever stands in for Terraform: it leads to no error here, and to no change that it has not named."""
    events, output = heard_of(*(json.dumps(message) for message in messages))
    assert len(events) <= 2 * len(messages)
    assert isinstance(output.has_changes, bool)
    assert isinstance(output.summary, str)
    assert output.errors is not None

"""Terraform's `-json` output, line by line: turned into our events, and what we keep of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgewrap.aws.terraform.resources import HIDDEN, INSTANCE, resource_name
from edgewrap.change import DOING, Action, PlaneName
from edgewrap.errors import Diagnostic
from edgewrap.events import Emit, Event, EventKind

SLOW = {INSTANCE.type: "a metal instance takes 5 to 20 minutes to start or stop"}
STEPS = {
    "apply_start": EventKind.STEP_STARTED,
    "apply_progress": EventKind.STEP_PROGRESS,
    "apply_complete": EventKind.STEP_DONE,
    "apply_errored": EventKind.STEP_FAILED,
}
MISSING = (("planned_change", "create"), ("resource_drift", "delete"))


class PlannedChange(NamedTuple):
    """A change that Terraform plans or has found: the address and the type of the resource, and Terraform's word for
    the action."""

    address: str
    resource_type: str
    action: str


@dataclass(slots=True)
class RunOutput:
    """What the caller needs of one terraform command's output: its version (empty for OpenTofu), diagnostics, the
    planned changes, those that were made outside, the addresses of resources that will be created or are missing in
    AWS, those of resources whose creation did not finish, the values of the outputs if they are all known, and the
    operation (`plan`, `apply`, `destroy`) of its summary, the last thing that it says."""

    version: str = ""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    planned: list[PlannedChange] = field(default_factory=list)
    drifted: list[PlannedChange] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    unfinished: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    summary: str = ""

    @property
    def has_changes(self) -> bool:
        """Whether it names a change of a resource or of an output."""
        return bool(self.planned) or any(one.get("action", "noop") != "noop" for one in self.outputs.values())

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.severity == "error")


class OutputParser:
    """Turns lines into events, and remembers what `RunOutput` says."""

    def __init__(self, emit: Emit) -> None:
        self.output = RunOutput()
        self._emit = emit

    def on_line(self, line: str) -> None:
        """One line of standard output; a line that is not a message of terraform's is logged as it is."""
        try:
            self._message(line, _parsed(line))
        except (KeyError, TypeError, AttributeError, ValueError):  # a message in another form
            self._log(line)

    def _message(self, line: str, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in STEPS:
            self._step(STEPS[kind], message["hook"])
            return
        if kind == "diagnostic":
            self._diagnostic(message["diagnostic"])
        elif kind == "version":
            self.output.version = str(message.get("terraform", ""))
        elif kind in ("planned_change", "resource_drift"):
            change, resource = message["change"], message["change"]["resource"]
            changes = self.output.planned if kind == "planned_change" else self.output.drifted
            changes.append(PlannedChange(resource["addr"], resource["resource_type"], change["action"]))
        elif kind == "change_summary":
            self.output.summary = str(message["changes"]["operation"])
        if (kind, message.get("change", {}).get("action")) in MISSING:
            self.output.missing.add(message["change"]["resource"]["addr"])
        elif kind == "outputs":
            self.output.outputs.update({name: dict(value) for name, value in message["outputs"].items()})
        if text := message.get("@message", line):
            self._log(str(text))

    def _step(self, kind: EventKind, hook: Mapping[str, Any]) -> None:
        resource = hook["resource"]
        if kind is EventKind.STEP_FAILED and hook.get("action") == "create":
            self.output.unfinished[resource["addr"]] = resource["resource_type"]
        what = resource_name(resource["resource_type"], resource["resource_name"], resource.get("resource_key"))
        name = str(hook.get("action", ""))
        action = Action(name) if name in tuple(Action) else None
        text = DOING[action] if action else name
        if resource["resource_type"] in HIDDEN:
            self._log(f"{text} {what}")
            return
        if kind is EventKind.STEP_DONE:
            text = str(hook.get("id_value") or "")
        elif kind is EventKind.STEP_PROGRESS and resource["resource_type"] in SLOW:
            text = f"{text} ({SLOW[resource['resource_type']]})"
        self._emit(Event(kind, PlaneName.AWS, str(what), text, hook.get("elapsed_seconds"), action))

    def _diagnostic(self, fields: Mapping[str, Any]) -> None:
        summary, detail, address = (fields.get(name, "") for name in ("summary", "detail", "address"))
        diagnostic = Diagnostic(fields.get("severity", "error"), summary, detail, address)
        self.output.diagnostics.append(diagnostic)
        if diagnostic.severity == "warning":
            self._emit(Event(EventKind.WARNING, PlaneName.AWS, address or "terraform", summary))

    def _log(self, text: str) -> None:
        self._emit(Event(EventKind.LOG, PlaneName.AWS, "terraform", text))


def _parsed(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a command without steps answers with; a notice may be ahead of it. Empty without one."""
    for start in re.finditer(r"^\{", text, re.MULTILINE):
        try:
            found, _ = json.JSONDecoder().raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        return dict(found)
    return {}

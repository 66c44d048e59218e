"""Every document that a command prints, and every command that prints none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewrap.cli.documents import results
from edgewrap.cli.documents.lines import LINES
from edgewrap.engine.drift import DriftReport
from edgewrap.engine.picture import Picture
from edgewrap.engine.plan_file import SavedPlan
from edgewrap.engine.report import ClusterReport
from edgewrap.engine.status import ClusterStatus
from edgewrap.lab.documents import LabHostPower, LabMove, LabStatus, LabVm
from edgewrap.lab.probe import ProbeReport
from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs

OutputValue = str | int | HostOutput | GroupOutput | EipOutput
OneOutput = OutputValue | Mapping[str, HostOutput] | Mapping[str, GroupOutput] | Mapping[str, EipOutput]


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its type, and the commands that print it with `--json`. `about` is what its type does not say."""

    type: Any
    commands: tuple[str, ...]
    about: str = ""


DOCUMENTS: Mapping[str, Document] = {
    "line": Document(
        tuple(LINES),
        ("plan", "apply", "replace", "destroy"),
        "One NDJSON line. The last line is a `result`, or the `error` that ended the command: any command's, with "
        "`--json`; for several clusters a `summary`. A line may have more fields than this version of the schema "
        "names.",
    ),
    "init": Document(results.StarterSpec, ("init",)),
    "validate": Document(results.ValidSpec, ("validate",)),
    "render": Document(results.RenderedFiles, ("render",)),
    "preflight": Document(results.Findings, ("preflight", "ipam install")),
    "plan-file": Document(SavedPlan, ("show",)),
    "drift": Document(DriftReport, ("drift",)),
    "status": Document(ClusterStatus, ("status",)),
    "graph": Document(Picture, ("graph",)),
    "report": Document(ClusterReport, ("report",)),
    "output": Document(Outputs, ("output",)),
    "output-value": Document(OneOutput, ("output",), "One of the outputs: what `edgewrap output NAME` prints."),
    "force-unlock": Document(results.Unlocked, ("force-unlock",)),
    "logs": Document(results.Logs, ("logs",)),
    "ipam-install": Document(results.InstalledDriver, ("ipam install",)),
    "lab-status": Document(LabStatus, ("lab up", "lab status")),
    "lab-vm": Document(LabVm, ("lab vm start", "lab vm stop")),
    "lab-vm-move": Document(LabMove, ("lab vm move",)),
    "lab-vms": Document(list[LabVm], ("lab vm list",), "All VMs of a lab."),
    "lab-probe": Document(ProbeReport, ("lab probe",)),
    "lab-host": Document(LabHostPower, ("lab host kill", "lab host stop", "lab host start")),
}

_PROTOCOL = "its output is OpenNebula's protocol for IPAM drivers"
WITHOUT_JSON: Mapping[str, str] = {
    "schema": "its output is JSON already; `--list` is for people",
    "ssh": "its output is that of the shell or the command on the host",
    "lab exec": "its output is that of the command in the lab",
    "lab down": "its exit code is all of its result",
    "ipam register_address_range": _PROTOCOL,
    "ipam unregister_address_range": _PROTOCOL,
    "ipam allocate_address": _PROTOCOL,
    "ipam get_address": _PROTOCOL,
    "ipam free_address": _PROTOCOL,
}
"""The commands without `--json`, each with the reason."""


def names_of(command: str) -> tuple[str, ...]:
    """The documents that a command prints."""
    return tuple(name for name, document in DOCUMENTS.items() if command in document.commands)

"""The options that commands share, and what follows from them: the planes of a run, and the question before it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from edgewrap.change import PlaneName
from edgewrap.cli import completion
from edgewrap.errors import UsageError
from edgewrap.paths import expanded

STARTER = "edgewrap.yaml"
EXIT_CHANGES = 2  # of `plan --detailed-exitcode`, and of `drift`
MONITOR_TIMEOUT_S = 240  # a front-end retries a host in ERROR by itself after up to 196 s

SPEC_VARIABLE = "EDGEWRAP_SPEC"

SHOWN_BY = {"apply": "edgewrap plan", "destroy": "edgewrap destroy --dry-run"}
"""What shows the changes of a command ahead of it."""


def _files(meaning: str) -> Any:
    default = f"{SPEC_VARIABLE}, otherwise {STARTER}"
    return Annotated[
        list[Path],
        typer.Option("--file", "-f", metavar="PATH", help=meaning, parser=expanded, show_default=default),
    ]


def _specs(words: str, meaning: str) -> Any:
    return Annotated[list[Path], typer.Argument(metavar=words, parser=expanded, help=meaning)]


SpecFile = Path
"""What a command about a spec takes as `file`. `with_many` makes these options and arguments of it:"""
Files = _files("The spec file, or a directory with specs; `-` is standard input; repeatable.")
Specs = _specs("[SPEC]...", "Spec files, or directories with specs.")
OneFile = _files("The spec file, or a directory with one spec; `-` is standard input.")
OneSpec = _specs("[SPEC]", "The spec file, or a directory with one spec.")
SpecsOrPlans = _specs(
    "[SPEC|PLAN]...", "Spec files, directories with specs, or plans that `edgewrap plan --out` has saved."
)
Parallel = Annotated[
    int,
    typer.Option(
        "--parallel",
        envvar="EDGEWRAP_PARALLEL",
        min=1,
        metavar="N",
        help="How many clusters to work on at once, if there are several.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a comment on a pull request.")]
Details = Annotated[bool, typer.Option("--details", help="List every change on every host.")]
Only = Annotated[list[PlaneName], typer.Option("--only", help="Run only this plane; repeatable.")]
Skip = Annotated[list[PlaneName], typer.Option("--skip", help="Leave out this plane; repeatable.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Apply without asking for confirmation.")]
LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another run to release the cluster."),
]
MoveOff = Annotated[
    list[str],
    typer.Option(
        "--move-off",
        metavar="HOST",
        autocompletion=completion.hosts,
        help="Move the Elastic IPs of this entry host to other hosts; repeatable.",
    ),
]
PluginDir = Annotated[
    Path | None,
    typer.Option(
        "--plugin-dir",
        envvar="EDGEWRAP_PLUGIN_DIR",
        metavar="DIR",
        parser=expanded,
        help="A local mirror of Terraform providers, used instead of the registry.",
    ),
]
HostTimeout = Annotated[
    float | None,
    typer.Option(
        "--host-timeout",
        metavar="SECONDS",
        help="How long to wait for SSH on the hosts.",
        show_default="1800 with hosts that are new or do not answer yet, otherwise 60",
    ),
]
MonitorTimeout = Annotated[
    float, typer.Option("--monitor-timeout", metavar="SECONDS", help="How long to wait until the hosts are MONITORED.")
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure", help="Skip TLS certificate verification of the OpenNebula front-end. Never use it in production."
    ),
]
Restricted = Annotated[
    bool,
    typer.Option(
        "--restricted",
        help="Do not trust the spec and its checkout (docs/security.md). EDGEWRAP_RESTRICTED=1 does the same.",
    ),
]
DetailedExitcode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 if there are changes.")]


def default_spec() -> Path:
    """The spec of a command line that names none."""
    return expanded(os.environ.get(SPEC_VARIABLE) or STARTER)


def select(only: Collection[PlaneName], skip: Collection[PlaneName]) -> tuple[PlaneName, ...]:
    """The planes of a run, in the order of `PlaneName`.

    Raises UsageError if both are given, or if no plane is left.
    """
    if only and skip:
        raise UsageError(
            "--only and --skip cannot be given together",
            cause="each of them selects the planes of the run",
            advice="give only one of them",
        )
    planes = tuple(plane for plane in PlaneName if (plane in only if only else plane not in skip))
    if not planes:
        raise UsageError("no plane is left", cause="--skip names all of them", advice="omit one of the --skip options")
    return planes


def require_one_format(*, json: bool, markdown: bool) -> None:
    """Raises UsageError if both formats are asked for."""
    if json and markdown:
        raise UsageError(
            "--json and --markdown cannot be given together",
            cause="each of them is the format of the output",
            advice="give only one of them",
        )


def require_approval_possible(command: str, *, auto_approve: bool, json: bool) -> None:
    """Refuse a run that could not ask for confirmation, before it reads anything.

    Raises UsageError if there is neither `--auto-approve` nor a terminal to ask at.
    """
    if auto_approve or (sys.stdin.isatty() and sys.stdout.isatty() and not json):
        return
    review, again = SHOWN_BY.get(command), "re-run with `--auto-approve`"
    raise UsageError(
        f"`{command}` needs confirmation, but there is no terminal (or `--json` is on)",
        cause="standard input or output is not a terminal, or --json was given",
        advice=f"review `{review}`, then {again}" if review else again,
    )


def approved(question: str) -> bool:
    """Ask at the terminal; only `yes` approves."""
    try:
        return input(f"{question} Only `yes` is accepted: ").strip() == "yes"
    except EOFError:
        return False

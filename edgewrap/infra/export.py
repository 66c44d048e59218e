"""Rendering into a directory of the user's choice, for a look, a policy check or `terraform validate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgewrap.errors import UsageError
from edgewrap.infra.aws import AwsLookups
from edgewrap.infra.clients import Clients
from edgewrap.infra.decide import decide_inputs
from edgewrap.infra.files import write_atomically
from edgewrap.infra.offline import OfflineLookups
from edgewrap.infra.render import render
from edgewrap.infra.unmade import unmade
from edgewrap.spec.models import Spec

if TYPE_CHECKING:
    from edgewrap.infra.aws_state import AwsState


def export_terraform(
    spec: Spec, state: AwsState | None, directory: Path, environ: Mapping[str, str], *, offline: bool
) -> tuple[str, ...]:
    """Write the rendered files into `directory`; returns their relative paths.

    Raises UsageError where the directory holds Terraform files that are not edgewrap's: they would be one module with
    ours, and are not touched.
    """
    lookups = OfflineLookups(spec) if offline else AwsLookups(spec, Clients(spec, environ))
    previous, missing = (state.inputs, unmade(state.inputs.amis, state.addresses)) if state else (None, ())
    files = render(spec, decide_inputs(spec, previous, lookups, unmade=missing))
    foreign = sorted(path.name for path in directory.glob("*.tf*") if path.is_file() and path.name not in files)
    if foreign:
        raise UsageError(
            f"{directory} holds other Terraform files: {', '.join(foreign)}",
            cause="terraform would read them together with the rendered ones",
            advice="name another directory with --output",
        )
    for name, text in files.items():
        write_atomically(directory / name, text)
    return tuple(files)

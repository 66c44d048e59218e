"""Rendering into any directory, for a review, a policy check or `terraform validate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.clients import Clients
from edgewrap.aws.facts import AwsState
from edgewrap.aws.inputs.decide import decide_inputs, unprovisioned
from edgewrap.aws.inputs.lookups import AwsLookups, OfflineLookups
from edgewrap.aws.render.module import render
from edgewrap.errors import UsageError
from edgewrap.spec.models import Spec


def export_terraform(
    spec: Spec, state: AwsState | None, directory: Path, environ: Mapping[str, str], *, offline: bool
) -> tuple[str, ...]:
    """Write the rendered files into `directory`; returns their relative paths.

    Raises UsageError if the directory holds Terraform files that are not edgewrap's: together with ours they
    would be one module. They are not touched. The same if links in it lead elsewhere.
    """
    lookups = (OfflineLookups if offline else AwsLookups)(spec, Clients(spec, environ))
    previous, missing = (state.inputs, unprovisioned(state.inputs, state.addresses)) if state else (None, ())
    files = render(spec, decide_inputs(spec, previous, lookups, missing=missing))
    foreign = sorted(path.name for path in directory.glob("*.tf*") if path.is_file() and path.name not in files)
    if foreign:
        raise UsageError(
            f"{directory} holds other Terraform files: {', '.join(foreign)}",
            cause="terraform would read them together with the rendered ones",
            advice="name another directory with --output",
        )
    links = {directory / above for name in files for above in Path(name).parents}
    for link in filter(Path.is_symlink, sorted(links)):
        raise UsageError(
            f"{link} is a symbolic link",
            cause="the files would be written to the place that it leads to",
            advice="delete it, or name another directory with --output",
        )
    for name, text in files.items():
        write_atomically(directory / name, text)
    return tuple(files)

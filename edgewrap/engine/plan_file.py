"""A plan in one file: what it changes in all planes, what it was made from, Terraform's own plan and its modules.

The file is a ZIP archive with `plan.json` (a `SavedPlan`), `terraform.tfplan`, and the rendered files in `terraform/`.
`apply` of such a file plans again, with the decisions that the file holds, and compares: only a plan that is the same
in every value is applied. No secret is in it: the spec has `${env:NAME}` in place of values from the environment.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from edgewrap import __version__
from edgewrap.atomic_files import write_atomically
from edgewrap.change import Change, PlaneName
from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import HostRequests
from edgewrap.engine.plan import RunPlan, make_plan
from edgewrap.errors import PlanFileError, PlanOutdatedError
from edgewrap.limits import MOST_FILE_BYTES, read_file
from edgewrap.spec.load import public_document

FORMAT = 1
DOCUMENT, TERRAFORM_PLAN, MODULE = "plan.json", "terraform.tfplan", "terraform/"
SHOWN = 20  # differences that an error names
NONE = "(none)"


def _without_repeats(planes: tuple[PlaneName, ...]) -> tuple[PlaneName, ...]:
    if len(set(planes)) < len(planes):
        raise ValueError("each plane once")
    return planes


class SavedPlan(BaseModel, extra="forbid", frozen=True):
    """What a plan changes, and what it was made from."""

    format: Literal[1]
    """The version of the file's form."""
    edgewrap: str
    """The version of edgewrap that made it."""
    created: str
    """When it was made (ISO 8601)."""
    cluster: str
    planes: Annotated[tuple[PlaneName, ...], Field(min_length=1), AfterValidator(_without_repeats)]
    """The planes that it is about."""
    move_off: tuple[str, ...]
    """The hosts that interface groups are moved off, as `--move-off` gave them."""
    spec: str
    """The spec with its defaults, as JSON text."""
    inputs: str
    """AWS's decisions, as JSON text; empty if the plan leaves AWS out."""
    observed: dict[str, str]
    """By name: what the planes found and what the changes depend on."""
    modules: dict[str, str]
    """The SHA-256 checksums of the rendered files, by their names."""
    changes: tuple[Change, ...]
    """What it changes."""

    @property
    def requests(self) -> HostRequests:
        """What the user asked of the run beyond the spec."""
        return HostRequests(frozenset(self.move_off))


def saved_plan(cluster: Cluster, plan: RunPlan, planes: Sequence[PlaneName], requests: HostRequests) -> SavedPlan:
    """A plan as it is saved and compared."""
    return SavedPlan(
        format=FORMAT,
        edgewrap=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        cluster=cluster.spec.name,
        planes=tuple(planes),
        move_off=tuple(sorted(requests.move_off)),
        spec=public_document(cluster.spec),
        inputs=plan.aws.inputs.to_text() if plan.aws else "",
        observed=dict(_observed(plan)),
        modules={name: _digest(text) for name, text in sorted(_module(plan).items())},
        changes=plan.changes,
    )


def write_plan(
    path: Path, cluster: Cluster, plan: RunPlan, planes: Sequence[PlaneName], requests: HostRequests
) -> None:
    """Save a plan to a file that only its owner may read. Raises StateError if that is not possible."""
    saved = saved_plan(cluster, plan, planes, requests)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DOCUMENT, saved.model_dump_json(indent=2))
        if plan.aws is not None:
            archive.writestr(TERRAFORM_PLAN, cluster.aws.terraform_plan())
        for name, text in _module(plan).items():
            archive.writestr(f"{MODULE}{name}", text)
    path.unlink(missing_ok=True)  # its mode may be another
    write_atomically(path, content.getvalue())


def read_plan(path: Path) -> SavedPlan:
    """Read a saved plan. Raises PlanFileError if the file is none, or of another format."""
    try:
        content = read_file(path)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(set(names)) < len(names):
                raise zipfile.BadZipFile("it has two members of one name")
            if unknown := [name for name in names if name not in (DOCUMENT, TERRAFORM_PLAN) and not _is_module(name)]:
                raise zipfile.BadZipFile(f"it has a member {unknown[0]!r}")
            if sum(member.file_size for member in members) > MOST_FILE_BYTES:
                raise zipfile.BadZipFile("it is too large")
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
            document = archive.read(DOCUMENT)
            written = {name: _digest(archive.read(name).decode()) for name in names if _is_module(name)}
        _require_format(path, document)
        saved = SavedPlan.model_validate_json(document)
        if {name.removeprefix(MODULE): digest for name, digest in written.items()} != saved.modules:
            raise zipfile.BadZipFile("its rendered files are not those of its plan")
        if not isinstance(json.loads(saved.spec), dict):
            raise zipfile.BadZipFile("its spec is damaged")
        return saved
    except OSError as error:
        raise PlanFileError(
            f"the plan {path} cannot be read: {error.strerror}",
            cause="the path is wrong, or the file is another user's",
            advice="make a plan with `edgewrap plan --out FILE`",
        ) from error
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = f" ({_first(error)})" if isinstance(error, ValidationError) else ""
        raise PlanFileError(
            f"{path} is not a saved plan{reason}",
            cause="another program wrote it, or it is damaged",
            advice="make a plan with `edgewrap plan --out FILE`",
        ) from error


def plan_again(cluster: Cluster, saved: SavedPlan) -> RunPlan:
    """The saved plan, made again with its decisions: a plan that may be applied.

    Raises PlanFileError if it is another cluster's, PlanOutdatedError with every difference if it is not the same.
    """
    if saved.cluster != cluster.spec.name:
        raise PlanFileError(
            f"the plan is for the cluster {saved.cluster}, and the spec is that of {cluster.spec.name}",
            cause="--file, EDGEWRAP_SPEC or edgewrap.yaml names another cluster's spec",
            advice="name the spec that the plan was made from; without any spec file, the plan's own copy is used",
        )
    _refuse(saved, [*_tool_changed(saved), *_spec_changed(saved, cluster)])
    plan = make_plan(cluster, saved.planes, saved.requests, to_apply=True, decided_inputs=saved.inputs)
    _refuse(saved, [*_differences(saved, saved_plan(cluster, plan, saved.planes, saved.requests))])
    return plan


def _refuse(saved: SavedPlan, found: Sequence[str]) -> None:
    if not found:
        return
    rest = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    raise PlanOutdatedError(
        "\n".join(["the saved plan no longer fits:", *(f"  {text}" for text in [*found[:SHOWN], *rest])]),
        cause=f"something has changed since the plan was made ({saved.created}); this run changed nothing",
        advice="plan again and review the new plan, or apply with `--on-stale replan`, which plans again and asks",
    )


def _observed(plan: RunPlan) -> Iterator[tuple[str, str]]:
    state = plan.observed.state
    yield "Terraform state", (state.revision if state else "") or NONE
    for key, host in (state.outputs.hosts if state else {}).items():
        yield f"instance of {key}", f"{host.instance_id} {host.state}"
    if plan.opennebula is not None:
        yield "steps in OpenNebula", _digest(repr((plan.opennebula.ahead, plan.opennebula.operations)))
    if plan.hosts is not None:
        written = [
            (key, one.write.path, "" if one.write.secret else one.write.sha256)
            for operations in (plan.hosts.ahead, plan.hosts.operations)
            for key, several in operations.items()
            for one in several
            if one.write is not None
        ]
        yield "files for the hosts", _digest(repr(written))


def _tool_changed(saved: SavedPlan) -> Iterator[str]:
    if saved.edgewrap != __version__:
        yield f"edgewrap: is {__version__}, was {saved.edgewrap}"


def _spec_changed(saved: SavedPlan, cluster: Cluster) -> Iterator[str]:
    before, now = (_flat(json.loads(text)) for text in (saved.spec, public_document(cluster.spec)))
    yield from (f"spec: {text}" for text in _unequal(before, now))


def _differences(saved: SavedPlan, fresh: SavedPlan) -> Iterator[str]:
    yield from _unequal(saved.observed, fresh.observed)
    changes = list(_changed(saved.changes, fresh.changes))
    yield from changes
    if not changes:  # they follow from the changes
        yield from (f"rendered file {text}" for text in _unequal(saved.modules, fresh.modules))


def _changed(saved: Sequence[Change], fresh: Sequence[Change]) -> Iterator[str]:
    """The changes that only one of the plans has, and those with other values."""
    before, now = ({(one.plane, one.kind, one.key): one for one in side} for side in (saved, fresh))
    for name, change in now.items():
        text = f"{change.plane}: {change.action} {change.kind} {change.key}"
        if name not in before:
            yield f"{text}: not in the saved plan{f' ({change.why})' if change.why else ''}"
        elif before[name].action != change.action:
            yield f"{text}: was {before[name].action}"
        else:
            was = before[name]
            sides = (("before", was.before, change.before), ("after", was.after, change.after))
            differing = [f"{text}: {side} {found}" for side, old, new in sides for found in _unequal(old, new)]
            yield from differing or ([] if was == change else [f"{text}: its reason or its lines are others"])
    for name, change in before.items():
        if name not in now:
            yield f"{change.plane}: {change.action} {change.kind} {change.key}: no longer needed"


def _unequal(saved: Mapping[str, str], fresh: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(saved.keys() | fresh.keys()):
        was, now = saved.get(name, NONE), fresh.get(name, NONE)
        if was != now:
            yield f"{name}: is {now}, was {was}"


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """The leaves of a JSON document by their dotted paths."""
    nested = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
    if nested:
        inner = (_flat(one, f"{path}.{key}" if path else str(key)) for key, one in nested.items())
        return {name: text for leaves in inner for name, text in leaves.items()}
    return {path: json.dumps(value, ensure_ascii=False)}


def _is_module(name: str) -> bool:
    """Whether a member of the archive is one of the rendered files; its name is a plain relative path."""
    return name.startswith(MODULE) and ".." not in PurePosixPath(name).parts


def _module(plan: RunPlan) -> Mapping[str, str]:
    return plan.aws.module if plan.aws else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _require_format(path: Path, document: bytes) -> None:
    """A clear error for a plan of a later edgewrap, whose other fields may be unknown here."""
    found = json.loads(document)
    number = found.get("format") if isinstance(found, dict) else None
    if isinstance(number, int) and number != FORMAT:
        raise PlanFileError(
            f"the plan {path} has format {number}; this edgewrap reads format {FORMAT}",
            cause=f"another version of edgewrap wrote it ({found.get('edgewrap', 'unknown')})",
            advice="apply it with that version, or plan again",
        )


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"

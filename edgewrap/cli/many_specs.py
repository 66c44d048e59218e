"""Which clusters a command is about: the spec files, directories and saved plans on its command line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewrap.counted import counted
from edgewrap.errors import PlanFileError, UsageError
from edgewrap.limits import read_file
from edgewrap.paths import is_directory, real_path

YAML = (".yaml", ".yml")
STANDARD_INPUT = Path("-")

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BROKEN_SPEC = re.compile(r"""^["']?apiVersion["']?\s*:\s*["']?edgewrap/""", re.MULTILINE)
"""A spec that is not YAML at all: it must fail, not be left out."""


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster: its spec file, or a saved plan. `cluster` is empty as long as nobody needs it."""

    path: Path
    is_plan: bool = False
    cluster: str = ""


def choose_targets(given: Sequence[Path], note: Callable[[str], None], *, plans: bool = False) -> tuple[Target, ...]:
    """The clusters of the files and directories given. A directory means the specs directly in it; `note` gets
    a line for each other YAML file in it. With `plans`, files may be saved plans.

    Raises UsageError if a directory has no spec, if specs and plans are mixed, and if two of several clusters have the
    same name.
    """
    paths: dict[Path, Path] = {}
    for path in given:
        for found in _specs_in(path, note) if is_directory(path) else [path]:
            known = paths.get(real_path(found))
            if known is None or (known.is_symlink() and not found.is_symlink()):
                paths[real_path(found)] = found
    targets = [Target(path, plans and _is_plan(path)) for path in paths.values()]
    if len(targets) < 2:
        return tuple(targets)
    if len({target.is_plan for target in targets}) > 1:
        raise UsageError(
            "specs and saved plans cannot be given together",
            cause="a saved plan is applied without a question, a spec is planned first",
            advice="apply the plans first, then the specs",
        )
    if STANDARD_INPUT in paths.values():
        raise UsageError(
            "standard input cannot be one of several specs",
            cause="each cluster has a process of its own, and `-` names the input of this one",
            advice="write the spec to a file",
        )
    names = [_cluster(one) for one in targets]
    files = Counter(target.path.name for target, name in zip(targets, names, strict=True) if not name)
    named = tuple(
        Target(one.path, one.is_plan, name or _cleaned(one.path.name if files[one.path.name] == 1 else str(one.path)))
        for one, name in zip(targets, names, strict=True)
    )
    _require_own_names(named)
    return named


def _require_own_names(targets: Sequence[Target]) -> None:
    for name, count in Counter(target.cluster for target in targets).items():
        if count > 1:
            files = ", ".join(str(target.path) for target in targets if target.cluster == name)
            raise UsageError(
                f"{count} specs are for the cluster {name}: {files}",
                cause="the name of a cluster is that of its working directory, and of its line in the summary",
                advice="correct the names, or run edgewrap for one of these files at a time",
            )


def _specs_in(directory: Path, note: Callable[[str], None]) -> list[Path]:
    """The specs directly in a directory, by name."""
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix in YAML and not is_directory(path))
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be read: {error.strerror}",
            cause="the path is wrong, or the directory is another user's",
            advice="name a directory with specs, or the spec files",
        ) from None
    specs = [path for path in files if is_spec(path)]
    if not specs:
        raise UsageError(
            f"{directory} has no spec",
            cause=f"it has {counted(len(files), 'YAML file')}, and none with the line `apiVersion: edgewrap/v1`; "
            "directories in it are not searched",
            advice="name another directory, or the spec files",
        )
    for path in files:
        if path not in specs:
            note(f"{path} is left out: it is not a spec of edgewrap")
    return specs


def is_spec(path: Path) -> bool:
    """Whether a YAML file is meant as a spec, also as a broken one or one of a later version. A file that cannot be
    read counts as one, so that its error is shown."""
    from edgewrap.spec.document import NotYamlError, read_document

    try:
        text = _text(path)
    except OSError:
        return True
    try:
        version = read_document(text).data.get("apiVersion")
    except NotYamlError:
        return bool(_BROKEN_SPEC.search(text))
    return isinstance(version, str) and version.startswith("edgewrap/")


def _is_plan(path: Path) -> bool:
    """Whether a file that is given to `apply` is a saved plan: a ZIP archive, or else what is not a spec."""
    if path == STANDARD_INPUT:
        return False
    try:
        if read_file(path).startswith(b"PK"):
            return True
    except OSError:
        return path.suffix not in YAML
    return path.suffix not in YAML and not is_spec(path)


def _cluster(target: Target) -> str:
    """The cluster's name as it is written in the file; empty if there is none."""
    from edgewrap.spec.document import NotYamlError, read_document

    name: object = None
    try:
        if target.is_plan:
            from edgewrap.engine.plan_file import read_plan

            name = read_plan(target.path).cluster
        else:
            name = read_document(_text(target.path)).data.get("name")
    except (OSError, NotYamlError, PlanFileError):
        pass  # its own run says so
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _cleaned(path: str) -> str:
    """The path as a cluster's name, for a file that has none: also the name of a file, and plain text in Markdown."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", path)


def _text(path: Path) -> str:
    from edgewrap.spec.document import MOST_BYTES

    return read_file(path, MOST_BYTES).decode("utf-8-sig", errors="replace")

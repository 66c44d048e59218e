"""Plan files as edgewrap reads them, held to what `terraform show -json` says of the same file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgewrap.aws.terraform import saved_plan
from edgewrap.aws.terraform.json_output import RunOutput
from edgewrap.aws.terraform.plan_json import predicted_values


def hold_to_show(patch: pytest.MonkeyPatch, terraform: Path) -> None:
    """Let each plan file that is read be shown by terraform too; an AssertionError if the two differ."""
    read = saved_plan.read_saved_plan

    def read_twice(file: Path, reported: RunOutput) -> dict[str, Any]:
        own = file.parent
        shown = subprocess.run(
            [terraform, "show", "-json", file],
            cwd=own.parent,
            env={**os.environ, "TF_CLI_CONFIG_FILE": str(own / "terraform.rc")},
            check=False,
            capture_output=True,
            text=True,
        )
        try:
            document = read(file, reported)
        except saved_plan.UnreadablePlanError:
            assert shown.returncode != 0, "terraform reads this plan"
            raise
        assert _comparable(document) == _comparable(json.loads(shown.stdout))
        return document

    patch.setattr(saved_plan, "read_saved_plan", read_twice)


def _comparable(document: Mapping[str, Any]) -> dict[str, Any]:
    """What edgewrap uses of a shown plan. `importing` has the id there, and only whether it is there counts."""
    return {
        "changes": _resources(document.get("resource_changes", ())),
        "drift": _resources(document.get("resource_drift", ())),
        "predicted": predicted_values(document),
        "outputs": {name: _change(change) for name, change in document.get("output_changes", {}).items()},
    }


def _resources(entries: Iterable[Mapping[str, Any]]) -> list[Any]:
    names = ("address", "mode", "type", "name", "index")
    tainted = "replace_because_tainted"
    listed = [
        ([entry.get(name) for name in names], entry.get("action_reason") == tainted, _change(entry["change"]))
        for entry in entries
    ]
    return sorted(listed, key=lambda entry: (entry[0][0], str(entry[2]["actions"])))


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: change.get(name) for name in ("actions", "before", "after")},
        **{name: _marked(change.get(name)) for name in ("after_unknown", "before_sensitive", "after_sensitive")},
        "importing": bool(change.get("importing")),
        "replace": sorted({str(path[0]) for path in change.get("replace_paths", ())}),
    }


def _marked(marks: Any) -> Any:
    """Marks without those that are not set."""
    if isinstance(marks, dict):
        return {name: nested for name, mark in marks.items() if (nested := _marked(mark))} or None
    if isinstance(marks, list):
        nested = [_marked(mark) for mark in marks]
        return nested if any(nested) else None
    return marks or None

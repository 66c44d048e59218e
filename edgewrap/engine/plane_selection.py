"""The planes of a run: `--only` and `--skip`."""

from __future__ import annotations

from collections.abc import Collection

from edgewrap.change import PlaneName
from edgewrap.errors import UsageError


def select(only: Collection[PlaneName] = (), skip: Collection[PlaneName] = ()) -> tuple[PlaneName, ...]:
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

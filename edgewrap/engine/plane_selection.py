"""Which planes a run is about: `--only` and `--skip`."""

from __future__ import annotations

from collections.abc import Collection

from edgewrap.change import PlaneName
from edgewrap.errors import UsageError


def select(only: Collection[PlaneName] = (), skip: Collection[PlaneName] = ()) -> tuple[PlaneName, ...]:
    """The planes that a run is about, in the order of `PlaneName`.

    Raises UsageError where both are given, or nothing is left.
    """
    if only and skip:
        raise UsageError(
            "--only and --skip cannot be given together",
            cause="each of them alone says which planes the run is about",
            advice="give one of them",
        )
    planes = tuple(plane for plane in PlaneName if (plane in only if only else plane not in skip))
    if not planes:
        raise UsageError(
            "no plane is left", cause="--skip names all of them", advice="leave out one of the --skip options"
        )
    return planes

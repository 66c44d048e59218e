"""Which planes a run is about."""

from __future__ import annotations

import pytest

from edgewrap.change import PlaneName
from edgewrap.cli.options import select
from edgewrap.errors import UsageError

AWS, ONE, HOSTS = PlaneName.AWS, PlaneName.OPENNEBULA, PlaneName.HOSTS


@pytest.mark.parametrize(
    ("only", "skip", "planes"),
    [
        ([], [], (AWS, ONE, HOSTS)),
        ([HOSTS], [], (HOSTS,)),
        ([HOSTS, AWS], [], (AWS, HOSTS)),
        ([], [AWS], (ONE, HOSTS)),
        ([], [HOSTS, ONE], (AWS,)),
    ],
)
def test_selected_planes(only: list[PlaneName], skip: list[PlaneName], planes: tuple[PlaneName, ...]) -> None:
    assert select(only, skip) == planes


@pytest.mark.parametrize(("only", "skip"), [([AWS], [HOSTS]), ([], [AWS, ONE, HOSTS])])
def test_refused_selections(only: list[PlaneName], skip: list[PlaneName]) -> None:
    with pytest.raises(UsageError):
        select(only, skip)

"""Which planes a run is about."""

from __future__ import annotations

import pytest

from edgewrap.change import Plane
from edgewrap.engine.selection import select
from edgewrap.errors import UsageError

AWS, ONE, HOSTS = Plane.AWS, Plane.OPENNEBULA, Plane.HOSTS


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
def test_select(only: list[Plane], skip: list[Plane], planes: tuple[Plane, ...]) -> None:
    assert select(only, skip) == planes


@pytest.mark.parametrize(("only", "skip"), [([AWS], [HOSTS]), ([], [AWS, ONE, HOSTS])])
def test_refused(only: list[Plane], skip: list[Plane]) -> None:
    with pytest.raises(UsageError):
        select(only, skip)

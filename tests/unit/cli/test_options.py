"""Which planes a run is about, and what a run advises that cannot ask for confirmation."""

from __future__ import annotations

import pytest

from edgewrap.change import PlaneName
from edgewrap.cli.options import require_approval_possible, select
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


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("apply", "review `edgewrap plan`, then re-run with `--auto-approve`"),
        ("destroy", "review `edgewrap destroy --dry-run`, then re-run with `--auto-approve`"),
        ("replace", "re-run with `--auto-approve`"),
        ("force-unlock", "re-run with `--auto-approve`"),
    ],
)
def test_the_advice_without_a_terminal_fits_the_command(command: str, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        require_approval_possible(command, auto_approve=False, json=True)
    assert refused.value.advice == advice

"""How an apply ends that fails in part: by what failed if it has changed nothing, otherwise as partly applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import MagicMock

import pytest

from edgewrap.engine.apply import Waits, apply
from edgewrap.engine.dead_hosts import HostDisposition
from edgewrap.engine.plan import Observed, RunPlan
from edgewrap.errors import (
    EdgewrapError,
    FailedRunError,
    FrontEndUnreachableError,
    HostUnreachableError,
    PartlyAppliedError,
)
from edgewrap.hosts.plane import HostsPlan, Observation
from edgewrap.plane import Context
from tests.support.front_end import outputs


def silent(*keys: str) -> dict[str, HostUnreachableError]:
    return {key: HostUnreachableError(key, "no SSH connection", cause="refused", advice="start sshd") for key in keys}


LOST = FrontEndUnreachableError("no answer", cause="it is down", advice="start it")


class FrontEnd(MagicMock):
    """A front-end that has done `made` writes when it fails, or does not."""

    writes = 0

    @classmethod
    def that(cls, made: int, error: EdgewrapError | None) -> FrontEnd:
        def act(*_arguments: object) -> None:
            one.writes += made
            if error is not None:
                raise error

        one = cls()
        one.apply.side_effect = act
        return one


@pytest.mark.parametrize(
    ("unreached", "changed", "aws", "front_end", "error", "failures"),
    [
        (("host-1",), (), False, (0, None), HostUnreachableError, None),
        (("host-1", "host-2"), (), False, (0, None), FailedRunError, 2),
        (("host-1",), (), False, (0, LOST), FailedRunError, 2),
        ((), (), False, (0, LOST), FrontEndUnreachableError, None),
        (("host-1",), ("host-0",), False, (0, None), PartlyAppliedError, 1),
        (("host-1",), (), True, (0, None), PartlyAppliedError, 1),
        (("host-1",), (), False, (2, None), PartlyAppliedError, 1),
        ((), (), False, (1, LOST), PartlyAppliedError, 1),
    ],
)
def test_only_a_run_that_has_changed_something_is_partly_applied(
    unreached: Sequence[str],
    changed: Sequence[str],
    aws: bool,
    front_end: tuple[int, EdgewrapError | None],
    error: type[EdgewrapError],
    failures: int | None,
) -> None:
    hosts = MagicMock(changed=frozenset(changed))
    hosts.apply.return_value = Observation(failures=silent(*unreached))
    hosts.health.return_value = ()
    cluster = MagicMock(hosts=hosts, opennebula=FrontEnd.that(*front_end))
    cluster.aws.apply.return_value = outputs()
    known = Context(outputs())
    observed = Observed(None, None, None, None, HostDisposition(), known)
    plan = RunPlan(observed, known, None, HostsPlan(), MagicMock(changes=()), failures=(*silent("host-1").values(),))
    if aws:
        plan = replace(plan, aws=MagicMock(changes=(), pending=True, moves_ahead=False))
    with pytest.raises(EdgewrapError) as caught:
        apply(cluster, plan, Waits(None, 0))
    assert type(caught.value) is error
    assert caught.value.exit_code == (3 if error is PartlyAppliedError else 1)
    found = caught.value.report().failures
    assert (None if found is None else len(found)) == failures

"""`edgewrap output`: all outputs, and one of them, fit their schemas."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from edgewrap.cli.main import build, run
from tests.support.documents import check
from tests.support.front_end import outputs

NAMES = (
    *("", "uuid", "hosts", "hosts.host-0", "hosts.host-0.index", "hosts.host-0.name"),
    *("groups", "groups.group-0", "groups.group-0.block", "eips", "eips.eip-1", "eips.eip-1.public_address"),
)


@pytest.mark.parametrize("name", NAMES)
def test_an_output_fits_its_schema(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = SimpleNamespace(outputs=outputs())
    monkeypatch.setattr("edgewrap.engine.cluster.peek_cluster", lambda *_arguments: nullcontext())
    monkeypatch.setattr("edgewrap.engine.plan.applied_state", lambda _cluster: state)
    assert run(build(), ["output", "--json", *filter(None, [name])]) == 0
    check("output-value" if name else "output", json.loads(capsys.readouterr().out))

"""What `validate` and the preflight say about a valid spec."""

from __future__ import annotations

import pytest

from edgewrap.finding import Verdict
from edgewrap.spec.findings import check_ssh_from
from tests.support.aws_plane import make_spec


@pytest.mark.parametrize(
    ("networks", "address", "verdict", "text"),
    [
        (["0.0.0.0/0"], "public", Verdict.WARNING, "every address on the internet may open SSH to the hosts"),
        (["198.51.100.0/24", "0.0.0.0/0"], "eip", Verdict.WARNING, "every address on the internet may open SSH"),
        (["0.0.0.0/0"], "private", Verdict.OK, "SSH to the hosts is open to 0.0.0.0/0"),
        (["198.51.100.0/24", "203.0.113.9/32"], "public", Verdict.OK, "open to 198.51.100.0/24, 203.0.113.9/32"),
        ([], "public", Verdict.OK, "SSH to the hosts is open to no network"),
    ],
)
def test_ssh_from_everywhere_is_a_warning(networks: list[str], address: str, verdict: Verdict, text: str) -> None:
    found = check_ssh_from(make_spec(ssh={"from": networks}, hosts={"address": address}))
    assert found.verdict is verdict
    assert text in found.text
    assert bool(found.advice) == (verdict is Verdict.WARNING)

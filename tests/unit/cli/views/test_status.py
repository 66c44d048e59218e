"""The tables of `edgewrap status`: one line for each host and each Elastic IP, however wide the terminal is."""

from __future__ import annotations

import pytest

from edgewrap.change import PlaneName
from edgewrap.cli.views.status import print_status
from edgewrap.engine.status import ClusterStatus, EipStatus, HostStatus
from edgewrap.finding import Finding, Verdict

LONG = "no SSH connection: " + "x" * 300
STATUS = ClusterStatus(
    "edge-paris",
    "eu-west-3",
    "eu-west-3a",
    "vpc-0123456789abcdef0",
    (
        HostStatus(
            "host-0",
            "i-0123456789abcdef0",
            "203.0.113.250",
            "10.0.127.250",
            "running",
            "monitored",
            LONG,
            ("group-0", "group-12"),
        ),
    ),
    (EipStatus("eip-x-14", "203.0.113.251", "10.0.255.254", "group-12", "host-0", "1234567", "driver"),),
    (Finding(PlaneName.HOSTS, "host-0", Verdict.WARNING, "its file system / is 93 % full", "remove files there"),),
)


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_no_address_and_no_id_is_ever_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_status(STATUS, json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][-1] == "vpc-0123456789abcdef0"
    host = ["host-0", "i-0123456789abcdef0", "203.0.113.250", "10.0.127.250", "running", "monitored", "0", "12"]
    assert sorted(lines[2]) == sorted([*host, *LONG.split()])
    assert lines[4] == ["eip-x-14", "203.0.113.251", "10.0.255.254", "12", "host-0", "1234567", "driver"]
    assert " ".join(lines[5]) == "warning: host-0: its file system / is 93 % full; remove files there"

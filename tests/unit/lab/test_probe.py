"""The figures of `lab probe`, and how they are shown."""

from __future__ import annotations

from json import loads

import pytest

from edgewrap.cli.main import build, run
from edgewrap.lab.probe import ProbeReport, Series, ping_series

HEAD = "PING 203.0.113.1 (203.0.113.1) 56(84) bytes of data.\n"
REPLY = "[{}] 64 bytes from 203.0.113.1: icmp_seq={} ttl=60 time=0.3 ms\n"
END = "\n--- 203.0.113.1 ping statistics ---\n{} packets transmitted, {} received, 1% packet loss, time 9ms\n"


@pytest.mark.parametrize(
    ("answered", "sent", "series"),
    [
        ({1: 10.0, 2: 10.1, 3: 10.2}, 4, Series(3, 0, 0.1)),
        ({1: 10.0, 2: 10.1, 5: 10.45}, 6, Series(5, 2, 0.35)),
        ({1: 10.0, 2: 10.1}, 6, Series(5, 3, 0.1)),  # it has not answered since
        ({1: 10.0}, 1, Series(0, 0, 0.0)),
        ({}, 3, Series(2, 2, 0.0)),
    ],
)
def test_pings(answered: dict[int, float], sent: int, series: Series) -> None:
    replies = "".join(REPLY.format(f"{at:.6f}", number) for number, at in answered.items())
    duplicate = REPLY.format("10.000001", 1).replace("ms\n", "ms (DUP!)\n") if answered else ""
    unreachable = "[10.5] From 192.0.2.1 icmp_seq=4 Destination Host Unreachable\n"
    assert ping_series(HEAD + duplicate + replies + unreachable + END.format(sent, len(answered))) == series


def test_without_its_summary_nothing_was_sent() -> None:
    assert ping_series("ping: unknown host\n") == Series(0, 0, 0.0)


@pytest.mark.parametrize("json", [False, True])
def test_the_exit_status_is_that_of_the_command(
    json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ProbeReport("203.0.113.1", Series(9, 1, 0.216), Series(8, 0, 0.1), 1)
    monkeypatch.setattr("edgewrap.lab.probe.probe", lambda *_arguments, quiet: (7 if quiet is json else 1, report))
    assert run(build(), ["lab", "probe", "203.0.113.1", *(["--json"] if json else []), "--", "false", "--json"]) == 7
    shown = capsys.readouterr().out
    if json:
        assert loads(shown)["ping"] == {"sent": 9, "lost": 1, "longest_gap_s": 0.216}
    else:
        assert shown.startswith("ping  9 sent, 1 lost, longest gap 0.22 s\nhttp  8 sent, 0 lost, longest gap 0.10 s\n")

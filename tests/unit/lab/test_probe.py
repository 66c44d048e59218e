"""The figures of `lab probe`."""

from __future__ import annotations

import pytest

from edgewrap.lab.probe import Series, ping_series

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

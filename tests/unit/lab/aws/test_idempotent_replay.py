"""A write whose answer was lost on the way, and that the client sends again."""

from __future__ import annotations

import pytest

from edgewrap.lab.aws.idempotent_replay import Answer, IdempotentReplay

DONE = Answer(b"<done/>", "200 OK", [("Content-Type", "text/xml")])


def call(number: str) -> dict[str, str]:
    return {"HTTP_AMZ_SDK_INVOCATION_ID": number}


def test_a_repeated_call_gets_the_same_response() -> None:
    replay = IdempotentReplay()
    assert replay.find(call("1"), b"Action=CreateVpc") is None
    replay.keep(call("1"), b"Action=CreateVpc", DONE)
    assert replay.find(call("1"), b"Action=CreateVpc") is DONE
    assert replay.find(call("2"), b"Action=CreateVpc") is None
    assert replay.find(call("1"), b"Action=CreateSubnet") is None


@pytest.mark.parametrize(
    ("environ", "status"), [(call("1"), "400 Bad Request"), (call("1"), "503 Slow Down"), ({}, "200 OK")]
)
def test_failed_or_unnumbered_calls_are_executed_again(environ: dict[str, str], status: str) -> None:
    replay = IdempotentReplay()
    replay.keep(environ, b"", DONE._replace(status=status))
    assert replay.find(environ, b"") is None


def test_the_oldest_entries_are_removed() -> None:
    replay = IdempotentReplay(kept=2)
    for number in "123":
        replay.keep(call(number), b"", DONE)
    assert [replay.find(call(number), b"") for number in "123"] == [None, DONE, DONE]

"""The lock object in S3, with real processes and the lab's S3."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.aws.state.s3 import Bucket
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.engine.lock.s3 import await_terraform, lock_key
from edgewrap.errors import LockedError, StateError
from edgewrap.events import Event, EventKind, discard
from edgewrap.lab.aws.client import LabAwsClient
from tests.support.s3_locks import s3_lock, state_bucket

ROOT = Path(__file__).parents[4]
PAIRS = 50
TERRAFORMS = b'{"ID":"0a1b","Operation":"OperationTypeApply","Who":"lea@ci-7","Created":"2026-01-02T03:04:05Z"}'
TURNS = """
import sys
from tests.support.s3_locks import take_turns
take_turns(sys.argv[1], sys.argv[2], sys.stdin.readline, lambda text: print(text, flush=True))
"""
HOLD = """
import sys, time
from tests.support.s3_locks import s3_lock, state_bucket
with s3_lock(state_bucket(sys.argv[1], sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def start(code: str, aws: LabAwsClient, bucket: Bucket) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, aws.endpoint, bucket.state_key],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def report_findings(run: subprocess.Popen[str]) -> None:
    assert run.stdin is not None
    run.stdin.write("on\n")
    run.stdin.flush()


def hear(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    return run.stdout.readline().rstrip("\n")


@pytest.fixture
def pair(aws: LabAwsClient, bucket: Bucket) -> Iterator[list[subprocess.Popen[str]]]:
    runs = [start(TURNS, aws, bucket) for _ in range(2)]
    assert [hear(run) for run in runs] == ["ready", "ready"]
    yield runs
    for run in runs:
        run.communicate(timeout=30)


def test_of_two_concurrent_runs_exactly_one_gets_the_lock(pair: list[subprocess.Popen[str]], bucket: Bucket) -> None:
    """The error of the loser says who holds it, where, and since when."""
    for _ in range(PAIRS):
        for run in pair:
            report_findings(run)
        heard = {hear(run): run for run in pair}
        [lost] = [text for text in heard if text.startswith("lost ")]
        winner = heard["won"]
        assert f"(pid {winner.pid}, `edgewrap apply`) since 20" in lost
        assert lost.endswith(f", in {bucket.place(lock_key(bucket))}")
        report_findings(winner)
        assert hear(winner) == "released"
    assert bucket.read(lock_key(bucket)) is None


def test_the_lock_is_released_after_success_and_failure(bucket: Bucket) -> None:
    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)), s3_lock(bucket):
            raise error
    assert bucket.read(lock_key(bucket)) is None


def test_the_lock_of_a_killed_run_stays_and_the_error_says_how_to_unlock(aws: LabAwsClient, bucket: Bucket) -> None:
    holder = start(HOLD, aws, bucket)
    assert hear(holder) == "held"
    holder.kill()
    holder.communicate()
    with pytest.raises(LockedError) as raised, s3_lock(bucket):
        pytest.fail("two runs hold the lock")
    stored = bucket.read(lock_key(bucket))
    assert stored is not None
    left = LockInfo.from_text(stored.data)
    assert left is not None
    assert left.has_ended()
    assert "probably killed" in raised.value.cause
    assert f"`edgewrap force-unlock {left.id}`" in raised.value.advice


def test_a_waiting_run_gets_the_lock_and_names_its_holder(bucket: Bucket) -> None:
    events: list[Event] = []
    with s3_lock(bucket, "destroy"):
        first = bucket.read(lock_key(bucket))
        assert first is not None
        threading.Timer(1.0, bucket.remove, [lock_key(bucket), first.etag]).start()
        with s3_lock(bucket, timeout_s=30, emit=events.append):
            pass
    assert [event.kind for event in events] == [EventKind.INFO]
    assert "`edgewrap destroy`" in events[0].text


def test_a_lock_that_another_run_holds_is_not_released(bucket: Bucket) -> None:
    with s3_lock(bucket, "plan"):
        stored = bucket.read(lock_key(bucket))
        assert stored is not None
        assert bucket.remove(lock_key(bucket), stored.etag)
        assert bucket.create(lock_key(bucket), LockInfo.of_this_run("apply", Path("lock")).to_text().encode())
    other = bucket.read(lock_key(bucket))
    assert other is not None
    assert b"apply" in other.data
    assert not bucket.remove(lock_key(bucket), stored.etag)


def test_a_lost_answer_does_not_lock_the_run_out(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 puts again where the answer to a put was lost, and is refused because of its own first one."""
    create = bucket.create
    monkeypatch.setattr(bucket, "create", lambda key, data: create(key, data) and create(key, data))
    with s3_lock(bucket):
        assert bucket.read(lock_key(bucket)) is not None
    assert bucket.read(lock_key(bucket)) is None


@pytest.mark.parametrize("fault", [StateError("no answer", cause="", advice=""), ValueError(), KeyboardInterrupt()])
def test_a_put_that_succeeded_but_was_answered_with_an_error_leaves_no_lock(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    create = bucket.create

    def lose_the_answer(key: str, data: bytes) -> bool:
        assert create(key, data)
        raise fault

    monkeypatch.setattr(bucket, "create", lose_the_answer)
    with pytest.raises(type(fault)), s3_lock(bucket):
        pytest.fail("it continues without knowing")
    assert bucket.read(lock_key(bucket)) is None


def test_a_signal_during_the_put_leaves_no_lock(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    create = bucket.create
    made = []

    def interrupted(key: str, data: bytes) -> bool:
        signal.raise_signal(signal.SIGINT)
        made.append(create(key, data))
        return made[0]

    monkeypatch.setattr(bucket, "create", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt), s3_lock(bucket):
            pytest.fail("it continues")
    finally:
        signal.signal(signal.SIGINT, before)
    assert made == [True]
    assert bucket.read(lock_key(bucket)) is None


def test_a_lock_broken_during_the_run_gives_a_warning(bucket: Bucket) -> None:
    events: list[Event] = []
    with s3_lock(bucket, emit=events.append):
        stored = bucket.read(lock_key(bucket))
        assert stored is not None
        assert bucket.remove(lock_key(bucket), stored.etag)
    assert [event.kind for event in events] == [EventKind.WARNING]
    assert "was removed while this run held it" in events[0].text


def test_an_endpoint_that_is_not_a_url_is_explained() -> None:
    with pytest.raises(StateError) as raised, s3_lock(state_bucket("localhost:4566", "edge.tfstate")):
        pytest.fail("there is nothing to lock")
    assert raised.value.cause == "localhost:4566 is not a URL"


def test_lock_timeout_applies_to_terraforms_lock(bucket: Bucket) -> None:
    key = f"{bucket.state_key}.tflock"
    assert bucket.create(key, TERRAFORMS)
    with pytest.raises(LockedError, match=r"terraform of lea@ci-7 \(OperationTypeApply\) since 2026") as raised:
        await_terraform(bucket, LockTimeout(0, discard))
    assert "force-unlock 0a1b" in raised.value.advice
    left = bucket.read(key)
    assert left is not None
    threading.Timer(0.5, bucket.remove, [key, left.etag]).start()
    await_terraform(bucket, LockTimeout(30, discard))


def test_a_failed_release_is_reported(aws: LabAwsClient, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []

    def refuse(key: str) -> None:
        raise StateError("no answer", cause="", advice="")

    with s3_lock(bucket, emit=events.append):
        monkeypatch.setattr(bucket, "read", refuse)
    assert [event.kind for event in events] == [EventKind.WARNING]
    assert "force-unlock" in events[0].text
    assert state_bucket(aws.endpoint, bucket.state_key).read(lock_key(bucket)) is not None

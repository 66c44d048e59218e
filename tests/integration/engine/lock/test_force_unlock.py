"""`force-unlock` removes the lock of a dead run and the one that its Terraform left, and keeps that of an active
run."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgewrap.aws.state.s3 import Bucket
from edgewrap.cli.main import build, run
from edgewrap.engine.lock.file import file_lock
from edgewrap.engine.lock.force_unlock import break_lock, find_lock
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.engine.lock.s3 import lock_key
from edgewrap.errors import LockedError, UsageError
from edgewrap.events import discard
from tests.support.documents import check_output
from tests.support.lab import REGION
from tests.support.s3_locks import STATES, s3_lock

SPEC = """
apiVersion: edgewrap/v1
name: edge
aws: {{ region: eu-west-3 }}
terraform: {{ backend: {} }}
"""
TERRAFORMS = '{{"ID":"0a1b","Operation":"OperationTypeApply","Who":"lea@{}","Created":"2026-01-02T03:04:05Z"}}'
NOW = LockTimeout(0, discard)


@pytest.fixture
def spec(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec whose state is in the test's own place, with a working directory."""
    monkeypatch.setenv("EDGEWRAP_DIR", str(tmp_path))
    (tmp_path / "edge").mkdir()
    file = tmp_path / "edge.yaml"
    file.write_text(SPEC.format(f"{{ s3: {{ bucket: {STATES}, key: {bucket.state_key}, region: {REGION} }} }}"))
    return file


@pytest.fixture
def dead() -> LockInfo:
    """A run of this machine that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return replace(LockInfo.of_this_run("apply", Path("lock")), pid=process.pid)


def locks(bucket: Bucket) -> list[bool]:
    return [bucket.read(key) is not None for key in (lock_key(bucket), f"{bucket.state_key}.tflock")]


def leave(bucket: Bucket, holder: LockInfo, terraforms_host: str = "") -> None:
    """What a killed run leaves, with its Terraform's lock or that of another host."""
    assert bucket.create(lock_key(bucket), holder.to_text().encode())
    if terraforms_host:
        assert bucket.create(f"{bucket.state_key}.tflock", TERRAFORMS.format(terraforms_host).encode())


def test_both_locks_of_a_dead_run_are_removed(
    spec: Path, bucket: Bucket, dead: LockInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(bucket, dead, dead.host)
    assert run(build(), ["force-unlock", dead.id, "-f", str(spec), "--auto-approve"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"locked by {dead}",
        f"locked by terraform of lea@{dead.host} (OperationTypeApply) since 2026-01-02T03:04:05Z",
        "edge is unlocked.",
    ]
    assert locks(bucket) == [False, False]


def test_the_removed_locks_as_json(
    spec: Path, bucket: Bucket, dead: LockInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(bucket, dead)
    words = ["force-unlock", dead.id, "-f", str(spec), "--json"]
    assert run(build(), words) == 64  # nobody can be asked
    check_output(words, 64, capsys.readouterr().out)
    assert run(build(), [*words, "--auto-approve"]) == 0
    shown = capsys.readouterr().out
    check_output(words, 0, shown)
    assert json.loads(shown) == {"version": 1, "cluster": "edge", "locks": [str(dead)]}


def test_a_terraform_of_another_host_keeps_its_lock(spec: Path, bucket: Bucket, dead: LockInfo) -> None:
    leave(bucket, dead, "elsewhere")
    break_lock(find_lock(spec, dead.id, NOW))
    assert locks(bucket) == [False, True]
    break_lock(find_lock(spec, "0a1b", NOW))
    assert locks(bucket) == [False, False]


def test_a_wrong_id_is_refused_with_the_right_one(spec: Path, bucket: Bucket, dead: LockInfo) -> None:
    with pytest.raises(UsageError, match="there is no lock x on edge") as raised:
        find_lock(spec, "x", NOW)
    assert raised.value.cause == "it is not locked"
    leave(bucket, dead)
    with pytest.raises(UsageError) as raised:
        find_lock(spec, "x", NOW)
    assert dead.id in raised.value.cause
    assert locks(bucket) == [True, False]


@pytest.mark.parametrize("alive", [True, False])
def test_a_run_on_this_machine_keeps_its_lock(spec: Path, bucket: Bucket, dead: LockInfo, alive: bool) -> None:
    """Be it the run itself, or the terraform that it left."""
    holder = LockInfo.of_this_run("apply", Path("lock")) if alive else dead
    leave(bucket, holder)
    told = pytest.raises(LockedError, match="it is active" if alive else "its Terraform is active")
    with file_lock(spec.parent / "edge" / "lock", holder, NOW), told:
        find_lock(spec, holder.id, NOW)
    assert locks(bucket) == [True, False]
    assert find_lock(spec, holder.id, NOW).info == holder


def test_a_run_in_another_working_directory_keeps_its_lock(
    spec: Path, bucket: Bucket, dead: LockInfo, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    holder = replace(dead, file=str(elsewhere))
    leave(bucket, holder)
    with file_lock(elsewhere, holder, NOW), pytest.raises(LockedError, match="its Terraform is active"):
        find_lock(spec, holder.id, NOW)
    assert find_lock(spec, holder.id, NOW).info == holder


def test_terraforms_lock_is_kept_if_its_run_may_be_alive(spec: Path, bucket: Bucket, dead: LockInfo) -> None:
    file = spec.parent / "edge" / "lock"
    for holder in (LockInfo.of_this_run("apply", file), replace(dead, host="elsewhere")):
        leave(bucket, holder, holder.host)
        with pytest.raises(LockedError, match="its Terraform may be active") as raised:
            find_lock(spec, "0a1b", NOW)
        assert f"force-unlock {holder.id}`" in raised.value.advice
        break_lock(find_lock(spec, holder.id, NOW))
        assert locks(bucket) == [False, False]
    leave(bucket, dead, dead.host)
    with file_lock(file, dead, NOW), pytest.raises(LockedError, match="its Terraform is active"):
        find_lock(spec, "0a1b", NOW)
    break_lock(find_lock(spec, "0a1b", NOW))
    assert locks(bucket) == [True, False]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"holder": "lea"}', b'{"id": "x", "pid": "y"}'])
def test_an_unreadable_lock_is_removed_by_its_etag(spec: Path, bucket: Bucket, text: bytes) -> None:
    key = lock_key(bucket)
    assert bucket.create(key, text)
    stored = bucket.read(key)
    assert stored is not None
    with pytest.raises(LockedError) as raised, s3_lock(bucket):
        pytest.fail("two runs hold the lock")
    its_id = stored.etag.strip('"')
    assert f"a run that cannot be read, lock id {its_id}" in raised.value.what
    assert f"`edgewrap force-unlock {its_id}`" in raised.value.advice
    file = spec.parent / "edge" / "lock"
    held = file_lock(file, LockInfo.of_this_run("apply", file), NOW)
    with held, pytest.raises(LockedError, match="is active"):
        find_lock(spec, its_id, NOW)
    dead = find_lock(spec, its_id, NOW)
    assert dead.locks == ("a run that cannot be read",)
    break_lock(dead)
    assert locks(bucket) == [False, False]


def test_a_lost_answer_to_a_delete_is_not_another_run(
    spec: Path, bucket: Bucket, dead: LockInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 repeats the removal, and is refused because the first one has succeeded."""
    leave(bucket, dead, dead.host)
    remove = Bucket.remove
    monkeypatch.setattr(Bucket, "remove", lambda self, key, etag: remove(self, key, etag) and remove(self, key, etag))
    break_lock(find_lock(spec, dead.id, NOW))
    assert locks(bucket) == [False, False]


def test_a_lock_taken_by_another_run_during_unlock_is_kept(spec: Path, bucket: Bucket, dead: LockInfo) -> None:
    leave(bucket, dead)
    found = find_lock(spec, dead.id, NOW)
    break_lock(found)
    leave(bucket, LockInfo.of_this_run("plan", Path("lock")))
    with pytest.raises(LockedError, match="another run has locked"):
        break_lock(found)
    assert locks(bucket) == [True, False]


def test_no_terminal_without_auto_approve_is_wrong_usage(spec: Path, bucket: Bucket, dead: LockInfo) -> None:
    leave(bucket, dead)
    assert run(build(), ["force-unlock", dead.id, "-f", str(spec)]) == 64
    assert locks(bucket) == [True, False]


def test_a_local_lock_needs_no_unlock(spec: Path) -> None:
    spec.write_text(SPEC.format("local"))
    with pytest.raises(UsageError) as raised:
        find_lock(spec, "x", NOW)
    assert "a killed run leaves none" in raised.value.cause
    held = file_lock(spec.parent / "edge" / "lock", LockInfo.of_this_run("apply", Path("lock")), NOW)
    with held, pytest.raises(UsageError, match="cannot be removed") as raised:
        find_lock(spec, "x", NOW)
    assert "`edgewrap apply`" in raised.value.cause

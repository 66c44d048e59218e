"""What a lock file or a lock object may hold: anything."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.state import Bucket, Stored, TerraformLock
from edgewrap.engine.lock.file import file_lock_info, is_held
from edgewrap.engine.lock.force_unlock import _at_work
from edgewrap.engine.lock.info import LockInfo
from edgewrap.engine.lock.s3 import id_of
from edgewrap.errors import LockedError, StateError
from tests.support.locks import file_lock

INFO = LockInfo.of_this_run("apply", Path("/nowhere/lock"))
RIGHT = json.loads(INFO.to_text())


def stored(content: bytes) -> Stored:
    return Stored(content, '"0a1b"')


def terraform_lock(content: bytes) -> TerraformLock:
    class Fixed:
        state_key = "a"

        def read(self, _key: str) -> Stored:
            return stored(content)

    lock = TerraformLock.read(cast("Bucket", Fixed()))
    assert lock is not None
    return lock


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None}, {"id": 7}, {"id": ""}, {"id": "$(id)"}, {"id": "a b"}, {"id": "a\n"}, {"id": "a" * 65},
        {"id": "--auto-approve"},
        {"pid": None}, {"pid": "7"}, {"pid": 7.0}, {"pid": True}, {"pid": 0}, {"pid": -1}, {"pid": 10**30},
    ],
)  # fmt: skip
def test_an_id_or_a_process_of_another_form_is_not_used(changed: dict[str, Any]) -> None:
    """Errors advise `edgewrap force-unlock ID` and `kill -INT PID`."""
    content = json.dumps({**RIGHT, **changed}).encode()
    assert LockInfo.from_text(content) is None
    assert id_of(stored(content)) == "0a1b"


def test_a_lock_with_its_info() -> None:
    assert LockInfo.from_text(INFO.to_text()) == INFO
    long = LockInfo.from_text(json.dumps({**RIGHT, "user": "u" * 10**6, "file": 7, "host": None}))
    assert long is not None
    assert len(str(long)) < 1000
    assert long.file == ""


CONTENTS = st.binary(max_size=99) | st.sampled_from(
    [b"[" * 100_000, b'{"id": ' + b"[" * 100_000, b"\xff\xfe{\x00}\x00", b"null", b"NaN", b'{"id": "a", "pid": 1e400}']
)


@given(CONTENTS | st.dictionaries(st.sampled_from([*RIGHT, "ID", "Who"]), st.text() | st.integers()).map(
    lambda value: json.dumps(value).encode()
))  # fmt: skip
def test_any_lock_is_read_and_none_breaks(content: bytes) -> None:
    info = LockInfo.from_text(content)
    assert info is None or str(info)
    assert id_of(stored(content))
    lock = terraform_lock(content)
    assert len(str(lock)) < 1000
    lock.is_of_host("a")


@pytest.mark.parametrize("lock_id", ["$(id)", "", None, [], "a b", "a\n"])
def test_an_id_of_terraforms_that_is_not_used(lock_id: object) -> None:
    assert terraform_lock(json.dumps({"ID": lock_id}).encode()).id == "unknown"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link"])
def test_a_lock_that_is_not_a_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lock"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5)) if os.geteuid() == 0 else path.mkdir()
    elif kind == "folder":
        path.mkdir()
    else:
        (tmp_path / "other").write_text("kept")
        path.symlink_to("other")
    begun = time.monotonic()
    with pytest.raises(StateError, match="it is not a regular file"):
        is_held(path)
    with pytest.raises(StateError, match="it is not a regular file"), file_lock(path, "apply"):
        pass
    assert time.monotonic() - begun < 15
    assert kind != "link" or (tmp_path / "other").read_text() == "kept"


@pytest.mark.parametrize("file", ["/dev/zero", "/a\0b", "/" + "a" * 300, "/proc/self/mem", "relative"])
def test_a_lock_in_s3_may_name_any_file(tmp_path: Path, file: str) -> None:
    info = LockInfo.from_text(json.dumps({**RIGHT, "file": file}))
    assert info is not None
    assert not _at_work(info, tmp_path / "lock")


def test_a_lock_file_of_any_content_is_held_or_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, "apply"):
        path.write_bytes(b"[" * 100_000)
        assert is_held(path)
        assert file_lock_info(path) is None
        with pytest.raises(LockedError, match="a run that has just started"), file_lock(path, "plan"):
            pass
    path.write_bytes(b"\xff" * 100)
    with file_lock(path, "apply"):
        pass

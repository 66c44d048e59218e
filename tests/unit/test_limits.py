"""Reads from outside end: in time, and with an answer of a limited size."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewrap import limits
from edgewrap.aws.clients import Clients
from edgewrap.aws.inputs.lookups import AwsLookups
from edgewrap.errors import EdgewrapError
from edgewrap.hosts.ssh.connection import credentials
from edgewrap.opennebula.api.credentials import session
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.spec.load import load_spec
from tests.support.aws_plane import make_spec


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FILE_S", 0.2)


def test_work_that_does_not_end_is_left_behind() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        limits.within(0.1, threading.Event().wait)
    assert time.monotonic() - begun < 15
    assert limits.within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        limits.within(5, lambda: 1 // 0)
    assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


def test_an_endless_answer_is_not_read_on() -> None:
    read = 0

    def count(chunk: bytes) -> bytes:
        nonlocal read
        read += len(chunk)
        return chunk

    with pytest.raises(limits.TooLargeError):
        limits.joined(map(count, itertools.repeat(b"x" * 1000)), 10_000)
    assert read <= 11_000
    assert limits.joined(iter([b"a", b"", b"b"]), 2) == b"ab"


def test_a_file_and_a_pipe_with_a_writer(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert limits.read_file(tmp_path / "file", 4) == b"text"
    with pytest.raises(OSError, match="File too large"):
        limits.read_file(tmp_path / "file", 3)
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"text",), daemon=True).start()
    assert limits.read_file(tmp_path / "pipe") == b"text"  # as of `<(command)` in a shell


def login(path: Path) -> object:
    return session({"ONE_AUTH": str(path)})


def public_key(path: Path) -> object:
    spec = make_spec(ssh={"public_key": str(path)})
    return AwsLookups(spec, Clients(spec, {})).public_key()


def private_key(path: Path) -> object:
    async def log_in() -> None:
        async with credentials(path.with_name(f"{path.name}.pub")):
            pass

    return asyncio.run(log_in())


def spec(path: Path) -> object:
    return load_spec(path, {})


def ca_file(path: Path) -> object:
    return HttpWire("https://127.0.0.1", ca_file=path)


READERS: dict[str, Callable[[Path], object]] = {
    function.__name__: function for function in (login, public_key, private_key, spec, ca_file)
}


def pipe(directory: Path) -> Path:
    os.mkfifo(directory / "pipe")
    return directory / "pipe"


def endless(directory: Path) -> Path:
    (directory / "endless").symlink_to("/dev/zero")
    return directory / "endless"


def folder(directory: Path) -> Path:
    return directory


def noise(directory: Path) -> Path:
    (directory / "noise").write_bytes(bytes(range(256)) * 10)
    return directory / "noise"


def sparse(directory: Path) -> Path:
    with (directory / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    return directory / "sparse"


KINDS: dict[str, Callable[[Path], Path]] = {kind.__name__: kind for kind in (pipe, endless, folder, noise, sparse)}


UNREAD = {("ca_file", "noise"), ("ca_file", "sparse")}  # what is in it counts when the connection is made


@pytest.mark.parametrize(
    ("reader", "kind"), [(reader, kind) for reader in READERS for kind in KINDS if (reader, kind) not in UNREAD]
)
def test_a_file_that_a_user_names_may_be_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, kind: str
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    begun = time.monotonic()
    with pytest.raises(EdgewrapError) as raised:
        READERS[reader](KINDS[kind](tmp_path))
    assert time.monotonic() - begun < 15
    assert raised.value.cause
    assert raised.value.advice


def test_the_reason_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not read within 0 s") as raised:
        limits.read_file(pipe(tmp_path))
    assert raised.value.errno == errno.ETIMEDOUT

"""The check of the SSH key: it is made before AWS starts any host."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from edgewrap.finding import Verdict
from edgewrap.hosts.preflight import check_login
from tests.support.aws_plane import make_spec


def write_pair(directory: Path, *, private: str = "own", public: str = "own") -> Path:
    """A public key file, and the private key beside it: halves of the keys of these names."""
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in {private, public}}
    file = directory / "my key.pub"
    keys[public].write_public_key(file)
    keys[private].write_private_key(directory / "my key")
    return file


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def test_the_two_halves_of_a_key_are_fine(tmp_path: Path) -> None:
    (key,) = check_login(make_spec(ssh={"public_key": str(write_pair(tmp_path))}))
    assert key.verdict is Verdict.OK


def test_halves_of_two_keys_are_a_failure(tmp_path: Path) -> None:
    """It would be found only after a metal host has started, since that lets in the public key alone."""
    file = write_pair(tmp_path, private="other")
    (key,) = check_login(make_spec(ssh={"public_key": str(file)}))
    assert (key.verdict, f"the private key beside {file} is of another pair" in key.text) == (Verdict.FAILURE, True)


@pytest.mark.parametrize("length", [0, 30, 70])
def test_a_public_key_that_is_cut_off_is_a_failure(tmp_path: Path, length: int) -> None:
    file = write_pair(tmp_path)
    file.write_text(file.read_text()[:length])
    (key,) = check_login(make_spec(ssh={"public_key": str(file)}))
    assert key.verdict is Verdict.FAILURE
    assert "is not a public key file" in key.text


@pytest.mark.parametrize(
    ("command", "verdict", "text"),
    [
        ("sh -c x", Verdict.OK, "sh was found"),
        ("TOK='a b' X=1 sh -c x", Verdict.OK, "sh was found"),
        ("no-such-program {host}", Verdict.WARNING, "program no-such-program not found on PATH"),
        ("TOK='a", Verdict.WARNING, "program of the command not found on PATH"),
    ],
)
def test_the_program_of_the_proxy_command(command: str, verdict: Verdict, text: str, tmp_path: Path) -> None:
    ssh = {"public_key": str(write_pair(tmp_path)), "proxy_command": command}
    _, proxy = check_login(make_spec(ssh=ssh))
    assert (proxy.verdict, proxy.text) == (verdict, text)

"""Public keys: a text of the spec and the file of `ssh.public_key` are read alike. The keys are asyncssh's."""

from __future__ import annotations

import base64
import os
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.errors import ToolError
from edgewrap.spec.public_key import check_public_key, read_public_key
from tests.support.aws_plane import PUBLIC_KEY

KINDS: dict[str, dict[str, Any]] = {
    "ssh-ed25519": {},
    "ssh-rsa": {"key_size": 2048},
    "ecdsa-sha2-nistp256": {},
    "ecdsa-sha2-nistp384": {},
    "ecdsa-sha2-nistp521": {},
}


@cache
def new_key(kind: str) -> str:
    return asyncssh.generate_private_key(kind, **KINDS[kind]).export_public_key("openssh").decode().strip()


def security_key() -> str:
    """As `ssh-keygen -t ed25519-sk` writes it."""
    kind = b"sk-ssh-ed25519@openssh.com"
    parts = (kind, b"\x01" * 32, b"ssh:")
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{kind.decode()} {base64.b64encode(blob).decode()} me@work"


@pytest.mark.parametrize("kind", KINDS)
def test_whole_keys_are_accepted(kind: str) -> None:
    assert check_public_key(new_key(kind)) == new_key(kind)
    assert check_public_key(f"{new_key(kind)} me@work \u00e9") == f"{new_key(kind)} me@work \u00e9"
    assert check_public_key(security_key())


@given(kind=st.sampled_from(sorted(KINDS)), data=st.data())
def test_a_key_that_is_cut_off_or_too_long_is_refused(kind: str, data: st.DataObject) -> None:
    blob = base64.b64decode(new_key(kind).split()[1])
    cut = blob[: data.draw(st.integers(0, len(blob) - 1))]
    for wrong in (cut, blob + cut + b"\0"):
        with pytest.raises(ValueError, match="must be one OpenSSH public key"):
            check_public_key(f"{kind} {base64.b64encode(wrong).decode()} me")


@pytest.mark.parametrize("other", [kind for kind in KINDS if kind != "ssh-ed25519"])
def test_a_key_of_another_type_than_it_says_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match="its text is of another type"):
        check_public_key(f"ssh-ed25519 {new_key(other).split()[1]}")


@pytest.mark.parametrize(
    ("text", "what", "cause"),
    [
        (PUBLIC_KEY, "", ""),
        (f"\n{PUBLIC_KEY}\n\n", "", ""),
        (new_key("ssh-rsa"), "", ""),
        (new_key("ecdsa-sha2-nistp256"), "holds a key of type ecdsa-sha2-nistp256", "RSA and ED25519 keys only"),
        (security_key(), "holds a key of type sk-ssh-ed25519@openssh.com", "RSA and ED25519 keys only"),
        ("ssh-dss AAAAB3NzaC1kc3M someone", "holds a key of type ssh-dss", "RSA and ED25519 keys only"),
        ("hello", "is not a public key file", "it should hold one line"),
        ("", "is not a public key file", "it should hold one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is not a public key file", "it should hold one line"),
        (f'command="ls" {PUBLIC_KEY}', "is not a public key file", "it should hold one line"),
        (f"{PUBLIC_KEY}\n{PUBLIC_KEY}", "is not a public key file", "U+000A is a line break"),
        (PUBLIC_KEY[:60], "is not a public key file", "its text is cut off or damaged"),
        ("ssh-rsa AAAAB3NzaC1yc2E= someone", "is not a public key file", "its text is of another type"),
    ],
)
def test_the_file_is_read_as_strictly(tmp_path: Path, text: str, what: str, cause: str) -> None:
    file = tmp_path / "key.pub"
    file.write_text(f"{text}\n")
    if not what:
        assert read_public_key(file) == text.strip()
        return
    with pytest.raises(ToolError, match=what) as caught:
        read_public_key(file)
    assert cause in caught.value.cause
    assert "ssh-keygen -t ed25519" in caught.value.advice


@pytest.mark.parametrize("character", ["\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_break_in_the_file_is_reported_with_its_position(tmp_path: Path, character: str) -> None:
    file = tmp_path / "key.pub"
    file.write_text(f"\nssh-ed25519 AAAA me{character}{PUBLIC_KEY}\n")
    with pytest.raises(ToolError, match="is not a public key file") as caught:
        read_public_key(file)
    assert caught.value.cause.startswith(f"{file}:2:20: U+{ord(character):04X} is a line break: ")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing", "pipe", ".", "binary", "x" * 300):
        with pytest.raises(ToolError, match="cannot be read"):
            read_public_key(tmp_path / name)

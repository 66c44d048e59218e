"""One OpenSSH public key: as a text of the spec, and in the file of `ssh.public_key`, which is read as strictly."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path

from edgewrap.errors import ToolError
from edgewrap.paths import is_file
from edgewrap.spec.place import LINE_BREAK, code_point

RULE = "must be one OpenSSH public key: its type, its text in base64 and a comment, without options"
EC2_TYPES = ("ssh-rsa", "ssh-ed25519")
"""The types of keys that EC2 imports."""

LARGEST_FILE = 65536
ADVICE = "create one with `ssh-keygen -t ed25519`, or name another file in ssh.public_key"

_LENGTHS: dict[str, tuple[range, ...]] = {
    "ssh-ed25519": (range(32, 33),),
    "ssh-rsa": (range(1, 9), range(128, 2050)),
    "ecdsa-sha2-nistp256": (range(8, 9), range(65, 66)),
    "ecdsa-sha2-nistp384": (range(8, 9), range(97, 98)),
    "ecdsa-sha2-nistp521": (range(8, 9), range(133, 134)),
    "sk-ssh-ed25519@openssh.com": (range(32, 33), range(1, 1024)),
    "sk-ecdsa-sha2-nistp256@openssh.com": (range(8, 9), range(65, 66), range(1, 1024)),
}
"""What is in a key after its type: the lengths that each part may have, in bytes."""


def check_public_key(text: str) -> str:
    """The text itself, if it is one line as in an OpenSSH public key file, and the key's own text is complete and of
    the same type; otherwise it raises ValueError with the rule.

    A comment with a line break would be a second key for a program that reads the file by lines.
    """
    if found := LINE_BREAK.search(text):
        raise ValueError(
            f"must be on one line: its character {found.start() + 1} is {code_point(found[0])}, a line break"
        )
    found = re.fullmatch(r"(\S+) ([A-Za-z0-9+/]+=*)(?: [^\x00-\x1f\x7f-\x9f]*)?", text)
    if found is None or found[1] not in _LENGTHS:
        raise ValueError(RULE)
    try:
        kind, *parts = _parts(base64.b64decode(found[2], validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(f"{RULE}; its text is cut off or damaged") from None
    allowed = _LENGTHS[found[1]]
    if kind != found[1].encode() or len(parts) != len(allowed):
        raise ValueError(f"{RULE}; its text is of another type")
    if any(len(part) not in lengths for part, lengths in zip(parts, allowed, strict=True)):
        raise ValueError(f"{RULE}; its text is cut off or damaged")
    return text


def read_public_key(path: Path) -> str:
    """The text of the user's public key file. Raises ToolError if it cannot be read, is not one, or EC2 cannot import
    it."""
    what = f"the public key {path} cannot be read"
    if not is_file(path):
        raise ToolError(what, cause="there is no such file", advice=ADVICE)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(what, cause=str(error), advice=ADVICE) from error
    text = content.strip()
    start = content.index(text)
    line_break = LINE_BREAK.search(content, start, start + len(text))
    kind = text.split(" ", 1)[0]
    if line_break is None and kind.startswith(("ecdsa-", "sk-", "ssh-dss")):
        cause = "EC2 accepts RSA and ED25519 keys only"
        raise ToolError(f"{path} holds a key of type {kind}", cause=cause, advice=ADVICE)
    try:
        return check_public_key(text)
    except ValueError as error:
        found = f"{_place(path, line_break)} is a line break: " if line_break else ""
        cause = (
            f"{found}it should hold one line: type, key, comment" if found or kind not in EC2_TYPES else f"it {error}"
        )
        raise ToolError(f"{path} is not a public key file", cause=cause, advice=ADVICE) from None


def _parts(blob: bytes) -> Iterator[bytes]:
    """The parts of a key in SSH's own form; raises ValueError if the last one is cut off."""
    while blob:
        length = int.from_bytes(blob[:4], "big")
        part, blob = blob[4 : 4 + length], blob[4 + length :]
        if len(part) != length:
            raise ValueError
        yield part


def _place(file: Path, found: re.Match[str]) -> str:
    """Where in a file a character is, and which one: `FILE:LINE:COLUMN: U+2028`."""
    line = found.string.count("\n", 0, found.start()) + 1
    column = found.start() - found.string.rfind("\n", 0, found.start())
    return f"{file}:{line}:{column}: {code_point(found[0])}"

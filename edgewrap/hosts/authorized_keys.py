"""Our block in the authorized keys of `ssh.user`: it holds `ssh.authorized_keys`. All other lines are others'. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.blocks import block_functions, own_lines, set_lines

BLOCK_BEGIN = "# edgewrap: begin of ssh.authorized_keys"
BLOCK_END = "# edgewrap: end of ssh.authorized_keys"


def own_block(text: str) -> tuple[str, ...] | None:
    """The lines of our block in the text of the file; None without a block."""
    return own_lines(text, BLOCK_BEGIN, BLOCK_END)


def keys_functions() -> str:
    """The shell functions that read and write the block."""
    return block_functions(BLOCK_BEGIN, BLOCK_END)


def keys_step(name: str, keys: Sequence[str]) -> Iterator[str]:
    """The lines of a script for a root shell that make the block in the file of the user `name` hold these keys."""
    user = quote(name)
    yield keys_functions()
    yield f"keys=$(keys_file {user})"
    yield f'[ -d "${{keys%/*}}" ] || install -d -m 700 -o {user} -g "$(id -g {user})" "${{keys%/*}}"'
    yield f'[ -e "$keys" ] || install -m 600 -o {user} -g "$(id -g {user})" /dev/null "$keys"'
    yield set_lines('"$keys"', keys)

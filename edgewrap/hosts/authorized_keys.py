"""Our block in the authorized keys of `ssh.user`: it holds `ssh.authorized_keys`. All other lines are others'. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.render.files import script

BLOCK_BEGIN = "# edgewrap: begin of ssh.authorized_keys"
BLOCK_END = "# edgewrap: end of ssh.authorized_keys"


def own_block(text: str) -> tuple[str, ...] | None:
    """The lines of our block in the text of the file; None without a block. Only a line feed ends a line."""
    _, begin, rest = text.partition(f"{BLOCK_BEGIN}\n")
    block, end, _ = rest.partition(f"{BLOCK_END}\n")
    return tuple(line.strip() for line in block.split("\n") if line.strip()) if begin and end else None


def keys_functions() -> str:
    """The shell functions that read and write the block."""
    return f"begin={quote(BLOCK_BEGIN)} end={quote(BLOCK_END)}\n{script('keys.sh')}"


def keys_step(name: str, keys: Sequence[str]) -> Iterator[str]:
    """The lines of a script for a root shell that make the block in the file of the user `name` hold these keys."""
    user, lines = quote(name), "".join(f"{key}\n" for key in keys)
    yield keys_functions()
    yield f"keys=$(keys_file {user}); own=$(mktemp)"
    yield f'[ -d "${{keys%/*}}" ] || install -d -m 700 -o {user} -g "$(id -g {user})" "${{keys%/*}}"'
    yield f'[ -e "$keys" ] || install -m 600 -o {user} -g "$(id -g {user})" /dev/null "$keys"'
    yield f"printf '%s' {quote(lines)} >\"$own\""
    yield 'set_own_keys "$keys" "$own"; rm -f "$own"'

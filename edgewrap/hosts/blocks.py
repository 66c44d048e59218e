"""Our blocks in files of others: names in /etc/hosts, and libvirt's address for migrations. Pure.

All other lines of these files are others'. A rollback restores /etc/hosts and leaves libvirt's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from shlex import quote
from types import MappingProxyType

from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.render.files import script

BEGIN, END = "# edgewrap: begin", "# edgewrap: end"

# libvirt reads the file only when it starts. A restart leaves VMs running; it cancels a migration, whose VM stays.
_RESTART_LIBVIRT = """for unit in libvirtd virtqemud; do
	if [ -d /run/systemd/system ] && systemctl --quiet is-active $unit.service; then systemctl restart $unit.service; fi
done"""


@dataclass(frozen=True, slots=True)
class Block:
    """Our lines in the file at `path`, none if it has no block. `then` is run after a change. `optional`: only if the
    file is there, because a package brings it."""

    kind: str
    path: str
    lines: tuple[str, ...]
    then: str = ""
    optional: bool = False


NAMES, QEMU = "/etc/hosts", "/etc/libvirt/qemu.conf"
NO_LINES: Mapping[str, Sequence[str]] = MappingProxyType({})


def host_blocks(host: DesiredHost, now: Mapping[str, Sequence[str]] = NO_LINES) -> tuple[Block, ...]:
    """Every block of ours on the host. `now` has the lines of each by path: an address without a name keeps its own.

    Live migration connects to what the destination calls itself: libvirt's `migration_host`, or else its host name,
    which no other host may know.
    """
    migration = (f'migration_host = "{host.primary}"',) if host.runs_kvm else ()
    return (
        Block("names", NAMES, _named(host.names, tuple(now.get(NAMES, ())))),
        Block("migrations", QEMU, migration, then=_RESTART_LIBVIRT, optional=True),
    )


@lru_cache(maxsize=64)
def own_lines(text: str, begin: str = BEGIN, end: str = END) -> tuple[str, ...] | None:
    """The lines of our block in the text of a file; None without a block. Only a line feed ends a line. Many hosts have
    the same block."""
    _, found, rest = text.partition(f"{begin}\n")
    block, ended, _ = rest.partition(f"{end}\n")
    return tuple(line.strip() for line in block.split("\n") if line.strip()) if found and ended else None


@lru_cache(maxsize=64)
def _named(names: tuple[tuple[str, str], ...], now: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of the names. Most hosts have the same names, and the same lines `now`."""
    kept: dict[str, list[str]] = {}
    for line in now:
        words = line.split()
        kept.setdefault(words[0], []).append(" ".join(words))
    lines = ([f"{address} {name}"] if name else kept.get(address, []) for address, name in names)
    return tuple(dict.fromkeys(line for some in lines for line in some))


def block_functions(begin: str = BEGIN, end: str = END) -> str:
    """The shell functions that read and write a block."""
    return f"begin={quote(begin)} end={quote(end)}\n{script('block.sh')}"


def set_lines(file: str, lines: Sequence[str]) -> str:
    """The line of a script that makes `lines` our block in a file, which a word of shell names; after the functions."""
    text = "".join(f"{line}\n" for line in lines)
    return f'own=$(mktemp); printf \'%s\' {quote(text)} >"$own"; set_block {file} "$own"; rm -f "$own"'


def block_step(block: Block) -> Iterator[str]:
    """The lines of a script for a root shell that write the block."""
    yield f"step {quote(f'write {block.path}')}"
    yield block_functions()
    yield f"[ -e {block.path} ] || : >{block.path}"
    yield set_lines(f'"$(readlink -f {block.path})"', block.lines)
    if block.then:
        yield block.then

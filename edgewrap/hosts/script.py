"""The script that applies operations on a host, in one round trip. Pure.

Each step prints its name, so that an error can name the step it happened in. A file is written beside its place,
checked, and moved there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.authorized_keys import keys_step
from edgewrap.hosts.blocks import block_step
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.operation import AUTHORIZED_KEYS, BGP, Operation
from edgewrap.hosts.render import files

_STEP = re.compile(r"^##edgewrap:step (.+)$", re.MULTILINE)

_HEAD = """set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
step() { echo "##edgewrap:step $1"; }
# makes room for the new file $1
room() {
	[ -d "${1%/*}" ] || mkdir -p "${1%/*}"
	if [ -e "$1" ] || [ -L "$1" ]; then rm -f "$1"; fi
}
"""

# Our address, from which the firewall always lets us in.
_REMEMBER_OPERATOR = """step operators
case ${1:-} in
'' | *[!0-9.]*) ;;
*) mkdir -p /var/lib/edgewrap; echo "$1" >/var/lib/edgewrap/operators ;;
esac"""


def converge_script(host: DesiredHost, operations: Sequence[Operation]) -> str:
    """The script for a root shell that applies the operations. Running it twice does no harm."""
    return _HEAD + "\n".join(_steps(host, operations)) + "\n"


def failed_step(output: str) -> str:
    """The last step that the script printed: the one it failed in."""
    steps = _STEP.findall(output)
    return steps[-1] if steps else "start"


def _steps(host: DesiredHost, operations: Sequence[Operation]) -> Iterator[str]:
    network = [one for one in operations if one.change.kind not in (AUTHORIZED_KEYS, BGP) and one.block is None]
    writes = [operation.write for operation in network if operation.write]
    deletes = [operation.delete for operation in network if operation.delete]
    for file in writes:
        yield from _write(file)
    if deletes:
        yield f"step 'remove files'\nrm -f {' '.join(map(quote, deletes))}"
    reloads = {*(file.row.reload for file in writes), *map(files.reload_of, deletes)}
    if files.Reload.NETWORKD in reloads:
        yield files.script("networkd.sh")
    if network:
        if host.firewall is not None:
            yield _REMEMBER_OPERATOR
        yield f"sh {files.NETWORK_SCRIPT}"
        yield from _units(reload=files.Reload.SYSTEMD in reloads, restart=files.Reload.WATCHER in reloads)
    if files.Reload.FRR in reloads or any(operation.change.kind == BGP for operation in operations):
        yield files.script("frr.sh")
    for block in (operation.block for operation in operations if operation.block):
        yield from block_step(block)
    if any(operation.change.kind == AUTHORIZED_KEYS for operation in operations):
        yield f"step {quote(AUTHORIZED_KEYS)}"
        yield from keys_step(host.user, host.authorized_keys)


def _write(file: files.HostFile) -> Iterator[str]:
    path, new = quote(file.path), quote(f"{file.path}.new")
    yield f"step {quote(f'write {file.path}')}"
    yield f"room {new}; (umask 077; printf '%s' {quote(file.text)} >{new})"
    yield f"chown {file.row.owner} {new}; chmod {file.row.mode} {new}"
    if file.row.check:
        yield file.row.check.format(new)
    yield f"mv -f {new} {path}"


def _units(*, reload: bool, restart: bool) -> Iterator[str]:
    """Enabled by links, which needs no running systemd; started so that they count as active."""
    yield f"step units\nmkdir -p {files.WANTS}"
    for unit in (files.NETWORK_UNIT, files.WATCH_UNIT):
        yield f"ln -sfn {files.UNITS}/{unit} {files.WANTS}/{unit}"
    yield "if [ -d /run/systemd/system ]; then"
    if reload:
        yield "\tsystemctl daemon-reload"
    yield f"\tsystemctl start {files.NETWORK_UNIT}"
    # its state is in the kernel: a restart changes no port
    yield f"\tsystemctl {'restart' if restart else 'start'} {files.WATCH_UNIT}\nfi"

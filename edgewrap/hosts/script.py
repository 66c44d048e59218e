"""The script that applies operations on a host, in one round trip. Pure.

Each step prints its name, so that an error can name the step it happened in. A file is written beside its place,
checked, and moved there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.authorized_keys import keys_step
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.operation import AUTHORIZED_KEYS, BGP, Operation
from edgewrap.hosts.render.files import (
    NETWORK_SCRIPT,
    NETWORK_UNIT,
    UNITS,
    WANTS,
    WATCH_UNIT,
    HostFile,
    Reload,
    reload_of,
    script,
)

_STEP = re.compile(r"^##edgewrap:step (.+)$", re.MULTILINE)

_HEAD = """set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
step() { echo "##edgewrap:step $1"; }
"""


def converge_script(host: DesiredHost, operations: Sequence[Operation]) -> str:
    """The script for a root shell that applies the operations. Running it twice does no harm."""
    return _HEAD + "\n".join(_steps(host, operations)) + "\n"


def failed_step(output: str) -> str:
    """The last step that the script printed: the one it failed in."""
    steps = _STEP.findall(output)
    return steps[-1] if steps else "start"


def _steps(host: DesiredHost, operations: Sequence[Operation]) -> Iterator[str]:
    network = [operation for operation in operations if operation.change.kind not in (AUTHORIZED_KEYS, BGP)]
    writes = [operation.write for operation in network if operation.write]
    deletes = [operation.delete for operation in network if operation.delete]
    for file in writes:
        yield from _write(file)
    if deletes:
        yield "step 'remove files'"
        yield f"rm -f {' '.join(map(quote, deletes))}"
    reloads = {*(file.row.reload for file in writes), *map(reload_of, deletes)}
    if Reload.NETWORKD in reloads:
        yield from _reload_networkd()
    if network:
        if host.firewall is not None:
            yield from _remember_operator()
        yield f"sh {NETWORK_SCRIPT}"
        yield from _units(reload=Reload.SYSTEMD in reloads, restart=Reload.WATCHER in reloads)
    if Reload.FRR in reloads or any(operation.change.kind == BGP for operation in operations):
        yield script("frr.sh")
    if any(operation.change.kind == AUTHORIZED_KEYS for operation in operations):
        yield f"step {quote(AUTHORIZED_KEYS)}"
        yield from keys_step(host.user, host.authorized_keys)


def _remember_operator() -> Iterator[str]:
    """Our address, from which the firewall always lets us in."""
    yield "step operators"
    yield "case ${1:-} in"
    yield "'' | *[!0-9.]*) ;;"
    yield '*) mkdir -p /var/lib/edgewrap; echo "$1" >/var/lib/edgewrap/operators ;;'
    yield "esac"


def _write(file: HostFile) -> Iterator[str]:
    path, new = quote(file.path), quote(f"{file.path}.new")
    yield f"step {quote(f'write {file.path}')}"
    yield f"mkdir -p {quote(posixpath.dirname(file.path))}"
    yield f"rm -f {new}; (umask 077; printf '%s' {quote(file.text)} >{new})"
    yield f"chown {file.row.owner} {new}; chmod {file.row.mode} {new}"
    if file.row.check:
        yield file.row.check.format(new)
    yield f"mv -f {new} {path}"


def _reload_networkd() -> Iterator[str]:
    yield "step networkd"
    yield "if [ -d /run/systemd/system ] && systemctl --quiet is-active systemd-networkd.service; then"
    yield "\tnetworkctl reload"
    yield "fi"


def _units(*, reload: bool, restart: bool) -> Iterator[str]:
    """Enabled by links, which needs no running systemd; started so that they count as active."""
    yield "step units"
    yield f"mkdir -p {WANTS}"
    for unit in (NETWORK_UNIT, WATCH_UNIT):
        yield f"ln -sfn {UNITS}/{unit} {WANTS}/{unit}"
    yield "if [ -d /run/systemd/system ]; then"
    if reload:
        yield "\tsystemctl daemon-reload"
    yield f"\tsystemctl start {NETWORK_UNIT}"
    # its state is in the kernel: a restart changes no port
    yield f"\tsystemctl {'restart' if restart else 'start'} {WATCH_UNIT}"
    yield "fi"

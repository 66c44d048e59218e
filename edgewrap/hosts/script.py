"""The script that carries operations out on a host, in one round trip. Pure: operations in, a shell script out.

Each step announces itself, so that an error can name the step it happened in. A file is written beside its place,
checked, and moved there. What is no longer wanted is removed before network.sh makes what is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.facts import BLOCK_BEGIN, BLOCK_END
from edgewrap.hosts.operation import AUTHORIZED_KEYS, BGP, Operation
from edgewrap.hosts.render.files import (
    EDGE_TABLE_FILE,
    FIREWALL_FILE,
    FRR_CONF,
    NETWORK_SCRIPT,
    NETWORK_UNIT,
    NETWORKD,
    UNITS,
    WATCH_UNIT,
    WATCHER,
    HostFile,
    script,
)

_STEP = re.compile(r"^##edgewrap:step (.+)$", re.MULTILINE)

_HEAD = """set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
step() { echo "##edgewrap:step $1"; }
"""

# What a file has to pass before it takes its place. vtysh would repeat the line that it does not know, which may be the
# one with the password.
_CHECKS = {
    EDGE_TABLE_FILE: "nft -c -f {}",
    FIREWALL_FILE: "nft -c -f {}",
    NETWORK_SCRIPT: "sh -n {}",
    FRR_CONF: "vtysh -C -f {} >/dev/null 2>&1 || {{ echo 'FRR does not know a line of it' >&2; exit 1; }}",
}

# Drops our block from a file of keys; a begin without an end loses nothing but that line.
_WITHOUT_BLOCK = f"""
$0 == "{BLOCK_BEGIN}" {{ printf "%s", held; held = ""; inside = 1; next }}
$0 == "{BLOCK_END}" && inside {{ held = ""; inside = 0; next }}
inside {{ held = held $0 "\\n"; next }}
{{ print }}
END {{ printf "%s", held }}
"""


def converge_script(host: DesiredHost, operations: Sequence[Operation]) -> str:
    """The script for a root shell that carries `operations` out; the same one twice does no harm."""
    return _HEAD + "\n".join(_steps(host, operations)) + "\n"


def failed_step(output: str) -> str:
    """The last step that the script announced: the one it failed in."""
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
    touched = {*deletes, *(file.path for file in writes)}
    if any(path.startswith(f"{NETWORKD}/") for path in touched):
        yield from _reload_networkd()
    if network:
        if host.firewall is not None:
            yield from _remember_operator()
        yield f"sh {NETWORK_SCRIPT}"
        yield from _units(reload=any(path.startswith(f"{UNITS}/") for path in touched), restart=WATCHER in touched)
    if FRR_CONF in touched or any(operation.change.kind == BGP for operation in operations):
        yield script("frr.sh")
    if any(operation.change.kind == AUTHORIZED_KEYS for operation in operations):
        yield from _authorized_keys(host)


def _remember_operator() -> Iterator[str]:
    """Where we come from, for the firewall: it lets us in whatever else it says."""
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
    yield f"chown {file.owner} {new}; chmod {file.mode} {new}"
    if check := _CHECKS.get(file.path):
        yield check.format(new)
    yield f"mv -f {new} {path}"


def _reload_networkd() -> Iterator[str]:
    yield "step networkd"
    yield "if [ -d /run/systemd/system ] && systemctl --quiet is-active systemd-networkd.service; then"
    yield "\tnetworkctl reload"
    yield "fi"


def _units(*, reload: bool, restart: bool) -> Iterator[str]:
    """Enabled by their links, which need no running systemd; started so that they count as active."""
    yield "step units"
    yield f"mkdir -p {UNITS}/multi-user.target.wants"
    for unit in (NETWORK_UNIT, WATCH_UNIT):
        yield f"ln -sfn {UNITS}/{unit} {UNITS}/multi-user.target.wants/{unit}"
    yield "if [ -d /run/systemd/system ]; then"
    if reload:
        yield "\tsystemctl daemon-reload"
    yield f"\tsystemctl start {NETWORK_UNIT}"
    # what it keeps is in the kernel: a restart leaves every port as it is
    yield f"\tsystemctl {'restart' if restart else 'start'} {WATCH_UNIT}"
    yield "fi"


def _authorized_keys(host: DesiredHost) -> Iterator[str]:
    """Our block in the user's file; every other line stays as it is."""
    user = quote(host.user)
    block = "".join(f"{line}\n" for line in (BLOCK_BEGIN, *host.authorized_keys, BLOCK_END))
    yield f"step {quote(AUTHORIZED_KEYS)}"
    yield f"home=$(getent passwd {user} | cut -d: -f6)"
    yield f'[ -d "$home/.ssh" ] || install -d -m 700 -o {user} -g "$(id -g {user})" "$home/.ssh"'
    yield 'keys=$(readlink -f "$home/.ssh/authorized_keys")'
    yield f'[ -e "$keys" ] || install -m 600 -o {user} -g "$(id -g {user})" /dev/null "$keys"'
    yield f'awk {quote(_WITHOUT_BLOCK)} "$keys" >"$keys.edgewrap"'
    if host.authorized_keys:
        yield f"printf '%s' {quote(block)} >>\"$keys.edgewrap\""
    yield 'chmod --reference="$keys" "$keys.edgewrap"; chown --reference="$keys" "$keys.edgewrap"'
    yield 'mv -f "$keys.edgewrap" "$keys"'

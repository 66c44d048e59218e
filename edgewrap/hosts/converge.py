"""The script that carries operations out on a host, in one round trip. Pure: operations in, a shell script out.

Each step announces itself, so that an error can name the step it happened in. A file is written beside its place,
checked, and moved there. What is no longer wanted is removed before network.sh makes what is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from shlex import quote

from edgewrap.hosts.desired import EDGE_TABLE, GATEWAY, DesiredHost
from edgewrap.hosts.facts import BLOCK_BEGIN, BLOCK_END, HostFacts
from edgewrap.hosts.files import NETWORK_SCRIPT, NETWORKD, NFT_TABLE, UNIT, UNIT_FILE, UNITS, HostFile
from edgewrap.hosts.operations import AUTHORIZED_KEYS, Operation

_STEP = re.compile(r"^##edgewrap:step (.+)$", re.MULTILINE)

_HEAD = """set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
step() { echo "##edgewrap:step $1"; }
"""

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


def entry_script(host: DesiredHost, facts: HostFacts) -> str:
    """The script that gives a host the routes and proxies which it lacks as an entry host; it can run before AWS
    attaches the interface. Empty where none is missing, or where there is no gateway yet for them to stand on."""
    routed = {route.destination for route in facts.routes if (route.table, route.device) == (EDGE_TABLE, GATEWAY)}
    lines = [
        line
        for address in host.addresses
        for line in (
            f"route replace {address.address}/32 dev {GATEWAY} scope link table {EDGE_TABLE}",
            f"neighbour replace proxy {address.gateway} dev {GATEWAY}",
        )
        if address.address not in routed or (address.gateway, GATEWAY) not in facts.proxies
    ]
    if not lines or facts.link(GATEWAY) is None:
        return ""
    return f"{_HEAD}step entry\nprintf '%s\\n' {' '.join(map(quote, lines))} | ip -batch -\n"


def failed_step(output: str) -> str:
    """The last step that the script announced: the one it failed in."""
    steps = _STEP.findall(output)
    return steps[-1] if steps else "start"


def _steps(host: DesiredHost, operations: Sequence[Operation]) -> Iterator[str]:
    network = [operation for operation in operations if operation.change.kind != AUTHORIZED_KEYS]
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
    if remove := [line for operation in network for line in operation.remove]:
        yield "step remove"
        # what is gone already is as wanted; whatever stays is seen by the check afterwards
        yield f"printf '%s\\n' {' '.join(map(quote, remove))} | ip -force -batch - || :"
    if network:
        yield f"sh {NETWORK_SCRIPT}"
        yield from _unit(reload=any(path.startswith(f"{UNITS}/") for path in touched))
    if len(network) < len(operations):
        yield from _authorized_keys(host)


def _write(file: HostFile) -> Iterator[str]:
    path, new = quote(file.path), quote(f"{file.path}.new")
    yield f"step {quote(f'write {file.path}')}"
    yield f"mkdir -p {quote(posixpath.dirname(file.path))}"
    yield f"printf '%s' {quote(file.text)} >{new}"
    yield f"chmod {file.mode} {new}; chown 0:0 {new}"
    if file.path == NFT_TABLE:
        yield f"nft -c -f {new}"
    if file.path == NETWORK_SCRIPT:
        yield f"sh -n {new}"
    yield f"mv -f {new} {path}"


def _reload_networkd() -> Iterator[str]:
    yield "step networkd"
    yield "if [ -d /run/systemd/system ] && systemctl --quiet is-active systemd-networkd.service; then"
    yield "\tnetworkctl reload"
    yield "fi"


def _unit(*, reload: bool) -> Iterator[str]:
    """Enabled by its link, which needs no running systemd; started so that it counts as active."""
    yield "step unit"
    yield f"mkdir -p {UNITS}/multi-user.target.wants"
    yield f"ln -sfn {UNIT_FILE} {UNITS}/multi-user.target.wants/{UNIT}"
    yield "if [ -d /run/systemd/system ]; then"
    if reload:
        yield "\tsystemctl daemon-reload"
    yield f"\tsystemctl start {UNIT}"
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

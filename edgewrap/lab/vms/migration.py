"""What must work between two hosts before a VM can migrate live, as OpenNebula and libvirt do it.

The front-end logs in to the source with an SSH agent, by the host's name in OpenNebula. There `virsh migrate` opens
`qemu+ssh://DESTINATION/system`, again by that name. Then libvirt asks the destination what it calls itself, which is
`migration_host` of its qemu.conf, or else its host name, and connects to that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from edgewrap.errors import LabError
from edgewrap.lab import kernel
from edgewrap.lab.hosts.machine import Machine

PORT = 49152  # the first of libvirt's for migrations
_TIMEOUT_S = 5
_OPTIONS = f"-o BatchMode=yes -o ConnectTimeout={_TIMEOUT_S} -o LogLevel=ERROR"
_MIGRATION_HOST = re.compile(r'^\s*migration_host\s*=\s*"([^"]+)"', re.MULTILINE)

_LISTEN = f"""import os, socket
server = socket.create_server(("", {PORT}), reuse_port=True)
server.settimeout({_TIMEOUT_S})
if not os.fork():
    server.accept()
"""
_CONNECT = f"""import socket, sys
try:
    socket.create_connection((sys.argv[1], {PORT}), {_TIMEOUT_S}).close()
except OSError as error:
    sys.exit(f"unable to connect to server at '{{sys.argv[1]}}:{PORT}': {{error}}")
"""


@dataclass(frozen=True, slots=True)
class FrontEndLogin:
    """The front-end's key, and the hosts' keys that it knows."""

    key: Path
    known_hosts: Path
    user: str = "oneadmin"

    def command(self, host: str, command: str) -> str:
        """A line of shell that runs a command on a host, with the front-end's agent forwarded."""
        known = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={quote(str(self.known_hosts))}"
        ssh = f"ssh -F none -A {known} {_OPTIONS} {quote(f'{self.user}@{host}')} {quote(command)}"
        return f"ssh-agent sh -c {quote(f'ssh-add -q {quote(str(self.key))} && exec {ssh}')}"


async def connect(login: FrontEndLogin, source: str, destination: str, here: Machine, there: Machine) -> None:
    """Connect as a migration from `source` to `destination` (names in OpenNebula) would. Raises LabError."""
    what = f"the migration from {source} to {destination} failed"
    try:
        await kernel.run("sh", "-c", login.command(source, f"ssh {_OPTIONS} {quote(destination)} true"))
    except kernel.KernelError as error:
        advice = "make sure that hosts reach each other over SSH by their names in OpenNebula"
        raise LabError(what, cause=_last_line(error), advice=advice) from error
    own = own_name(await there.run("cat /etc/libvirt/qemu.conf 2>/dev/null || :"), await there.run("hostname"))
    await there.run(f"python3 -c {quote(_LISTEN)} >/dev/null 2>&1")
    try:
        await here.run(f"python3 -c {quote(_CONNECT)} {quote(own)}")
    except kernel.KernelError as error:
        advice = "set migration_host in the destination's /etc/libvirt/qemu.conf, which `edgewrap apply` does"
        raise LabError(what, cause=_last_line(error), advice=advice) from error


def own_name(configuration: str, hostname: str) -> str:
    """What libvirt calls the host that it runs on."""
    found = _MIGRATION_HOST.search(configuration)
    return found[1] if found else hostname.strip()


def _last_line(error: kernel.KernelError) -> str:
    return str(error).strip().splitlines()[-1]

"""The front-end's own SSH server and monitoring port, which hosts connect to.

The user `oneadmin` logs in with the front-end's own key, which its drivers forward to hosts. The port of monitoring
only accepts connections: the lab's front-end monitors hosts by logging in to them.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from edgewrap.lab import kernel
from edgewrap.lab.hosts.disk import USERS
from edgewrap.lab.supervisor import die_with_parent

MONITORING_PORT = 4124
_ONEADMIN = USERS[1]
_ENTRIES = {
    "passwd": f"{_ONEADMIN.name}:x:{_ONEADMIN.uid}:{_ONEADMIN.uid}::/:/bin/sh\n",
    "group": f"{_ONEADMIN.name}:x:{_ONEADMIN.uid}:\n",
    "shadow": f"{_ONEADMIN.name}:*:19000:0:99999:7:::\n",
}
_OPTIONS = ("UsePAM no", "PasswordAuthentication no", f"AllowUsers {_ONEADMIN.name}", "AuthorizedKeysCommandUser root")


class LoginServer:
    """The servers, in the directory of the front-end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._server: asyncio.Server | None = None

    async def open(self, address: str) -> None:
        """Listen at an address of this process's own network namespace."""
        for name, entry in _ENTRIES.items():
            await self._add(Path("/etc") / name, entry)
        key, authorized = self._directory / "ssh_host_key", self._directory / "id_ed25519.pub"
        await kernel.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        Path("/run/sshd").mkdir(exist_ok=True)
        # not a file: the user must not need to read the lab's directory
        settings = (*_OPTIONS, f"ListenAddress {address}", f'AuthorizedKeysCommand /usr/bin/cat "{authorized}"')
        self._process = await asyncio.create_subprocess_exec(
            *("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", str(key)),
            *(word for setting in settings for word in ("-o", setting)),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        self._server = await asyncio.start_server(_accept, address, MONITORING_PORT)

    async def _add(self, file: Path, entry: str) -> None:
        """Show this file inside the lab with one entry more, if it has none of that user."""
        text = file.read_text()
        if any(line.startswith(f"{_ONEADMIN.name}:") for line in text.splitlines()):
            return
        copy = self._directory / file.name
        copy.touch(file.stat().st_mode & 0o777)
        os.chown(copy, file.stat().st_uid, file.stat().st_gid)
        copy.write_text(f"{text.rstrip(chr(10))}\n{entry}")
        await kernel.run("mount", "--bind", str(copy), str(file))


async def _accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()

"""Whether this machine can log in to hosts, checked before AWS starts any."""

from __future__ import annotations

import asyncio
import base64
import re
import shlex
import shutil

from edgewrap.errors import ToolError
from edgewrap.finding import Finding, Verdict
from edgewrap.hosts.ssh.connection import credentials
from edgewrap.spec.models import Spec
from edgewrap.spec.public_key import read_public_key

KEY, PROXY, CLIENT = "SSH key", "ssh.proxy_command", "ssh"


def check_login(spec: Spec) -> tuple[Finding, ...]:
    """What the hosts plane itself needs: a key, and the program of `ssh.proxy_command` if that is set."""

    file = spec.local_path(spec.ssh.public_key)

    async def look() -> None:
        public = _data(read_public_key(file))
        async with credentials(file) as keys:
            if all(key.public_data != public for key in keys):
                raise ToolError(
                    f"the private key beside {file} is of another pair",
                    cause="new hosts let in the public key only, so this run could not log in to them",
                    advice="name the public half of your private key in ssh.public_key (`ssh-keygen -y` prints it), "
                    "or add the private half of this one to the SSH agent",
                )

    key = Finding(None, KEY, Verdict.OK, f"the private key of {spec.ssh.public_key} was found")
    try:
        asyncio.run(look())
    except ToolError as error:
        key = Finding(None, KEY, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    if not spec.ssh.proxy_command:
        return (key,)
    program = _program(spec.ssh.proxy_command)
    shown = _program(spec.written.get(("ssh", "proxy_command"), spec.ssh.proxy_command)) or "of the command"
    if shutil.which(program) is not None:
        return (key, Finding(None, PROXY, Verdict.OK, f"{shown} was found"))
    text = f"program {shown} not found on PATH"
    return (key, Finding(None, PROXY, Verdict.WARNING, text, "install it, or correct the command"))


def _data(public_key: str) -> bytes:
    """What is in a public key, without its comment."""
    return base64.b64decode(public_key.split()[1])


def _program(command: str) -> str:
    """The program that a shell command begins with; empty if that cannot be seen, or a shell's own syntax."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote without its end: the shell will say more
        return ""
    return next((word for word in words if not re.match(r"[A-Za-z_]\w*=", word)), "")


def check_ssh() -> Finding:
    """The system's own ssh, which `edgewrap ssh` runs; the hosts plane does not need it."""
    found = shutil.which("ssh")
    if found is None:
        text = "not found on PATH: `edgewrap ssh` does not work"
        return Finding(None, CLIENT, Verdict.WARNING, text, "install the OpenSSH client (Debian: openssh-client)")
    return Finding(None, CLIENT, Verdict.OK, found)

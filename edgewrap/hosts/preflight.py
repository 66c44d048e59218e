"""Whether this machine can log in to hosts, checked before AWS starts any."""

from __future__ import annotations

import asyncio
import shlex
import shutil

from edgewrap.errors import ToolError
from edgewrap.finding import Finding, Verdict
from edgewrap.hosts.ssh.connection import credentials
from edgewrap.spec.models import Spec

KEY, PROXY, CLIENT = "SSH key", "ssh.proxy_command", "ssh"


def check_login(spec: Spec) -> tuple[Finding, ...]:
    """What the hosts plane itself needs: a key, and the program of `ssh.proxy_command` if that is set."""

    async def look() -> None:
        async with credentials(spec.local_path(spec.ssh.public_key)):
            pass

    key = Finding(None, KEY, Verdict.OK, f"the private key of {spec.ssh.public_key} was found")
    try:
        asyncio.run(look())
    except ToolError as error:
        key = Finding(None, KEY, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    if not spec.ssh.proxy_command:
        return (key,)
    try:
        program = next(iter(shlex.split(spec.ssh.proxy_command)), "")
    except ValueError:  # a quote without its end: the shell will say more
        program = ""
    if shutil.which(program) is not None:
        return (key, Finding(None, PROXY, Verdict.OK, f"{program} was found"))
    text = f"program {program or spec.ssh.proxy_command} not found on PATH"
    return (key, Finding(None, PROXY, Verdict.WARNING, text, "install it, or correct the command"))


def check_ssh() -> Finding:
    """The system's own ssh, which `edgewrap ssh` runs; the hosts plane does not need it."""
    found = shutil.which("ssh")
    if found is None:
        text = "not found on PATH: `edgewrap ssh` does not work"
        return Finding(None, CLIENT, Verdict.WARNING, text, "install the OpenSSH client (Debian: openssh-client)")
    return Finding(None, CLIENT, Verdict.OK, found)

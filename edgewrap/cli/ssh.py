"""`edgewrap ssh HOST`: a shell, or one command, on a host: with the system's ssh and the host's pinned key.

As in a run, nothing of the user's own SSH configuration is read: no config, no known_hosts, no other keys; the agent is
not forwarded.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from edgewrap.cli import completion
from edgewrap.cli.options import Insecure, SpecFile
from edgewrap.errors import EdgewrapError, HostUnreachableError
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.paths import is_file

if TYPE_CHECKING:
    from edgewrap.engine.cluster import Cluster
    from edgewrap.spec.models import Spec


def ssh(
    context: typer.Context,
    host: Annotated[str, typer.Argument(autocompletion=completion.hosts, help="The host's key, such as `host-0`.")],
    file: SpecFile,
    insecure: Insecure = False,
) -> int:
    """Open a shell on a host, or run the command that follows `--`; the host's pinned key is checked."""
    from edgewrap.cli.views import print_warning
    from edgewrap.engine.cluster import peek_cluster
    from edgewrap.engine.dead_hosts import no_host
    from edgewrap.engine.plan import applied_state

    with (
        peek_cluster(file, print_warning, insecure=insecure) as cluster,
        tempfile.TemporaryDirectory(prefix="edgewrap-ssh-") as directory,
    ):
        hosts = applied_state(cluster).outputs.hosts
        if host not in hosts:
            raise no_host(host, hosts)
        known_hosts = Path(directory) / "known_hosts"
        known_hosts.write_text(f"{host} {_pin(cluster, hosts[host]).host_key}\n")
        words = _ssh_command(cluster.spec, hosts[host], known_hosts, context.args)
        return subprocess.run(words, check=False).returncode


def _pin(cluster: Cluster, host: HostOutput) -> HostPin:
    try:
        pins = cluster.opennebula.pins(cluster.opennebula.observe())
    except EdgewrapError as error:
        raise HostUnreachableError(
            host.key, f"its pinned host key cannot be read: {error.what}", cause=error.cause, advice=error.advice
        ) from error
    pin = pins.get(host.key)
    if pin is None or pin.instance_id != host.instance_id:
        raise HostUnreachableError(
            host.key,
            "no host key is pinned for it yet",
            cause="apply pins it after it has converged the host",
            advice="run `edgewrap apply`",
        )
    return pin


def _ssh_command(spec: Spec, host: HostOutput, known_hosts: Path, command: Sequence[str]) -> list[str]:
    from edgewrap.hosts.plane import filled_in

    ssh = spec.ssh
    public_key = spec.local_path(ssh.public_key)
    private_key = public_key.with_name(public_key.name.removesuffix(".pub"))
    options = {
        "UserKnownHostsFile": _quoted(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "HostKeyAlias": host.key,
        # with its public half alone, the agent has the private one
        "IdentityFile": _quoted(private_key if is_file(private_key) else public_key),
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": "publickey",
        "ForwardAgent": "no",
        "ForwardX11": "no",
    }
    words = ["ssh", "-F", "none", "-l", ssh.user]
    if ssh.proxy_command:
        # from a file: it may contain a password from the environment, and every user can read command lines
        proxy = known_hosts.with_name("proxy.sh")
        proxy.write_text(f"{filled_in(ssh.proxy_command, host)}\n")
        options["ProxyCommand"] = f"/bin/sh {quote(str(proxy)).replace('%', '%%')}"
    settings = (word for name, value in options.items() for word in ("-o", f"{name}={value}"))
    return [*words, *settings, "--", host.address, *command]


def _quoted(path: Path) -> str:
    """A path as a value of ssh's configuration, where `%` begins a placeholder."""
    escaped = re.sub(r'(["\\])', r"\\\1", str(path.absolute())).replace("%", "%%")
    return f'"{escaped}"'

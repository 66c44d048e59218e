"""`edgewrap ssh HOST`: a shell, or one command, on a host: with the system's ssh and the host's pinned key."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from edgewrap.cli.options import Insecure, SpecFile
from edgewrap.errors import EdgewrapError, HostUnreachableError
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.paths import is_file

if TYPE_CHECKING:
    from edgewrap.engine.cluster import Cluster


def ssh(
    context: typer.Context,
    host: Annotated[str, typer.Argument(help="The host's key, such as `host-0`.")],
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
        words = _ssh_command(cluster, hosts[host], known_hosts, context.args)
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


def _ssh_command(cluster: Cluster, host: HostOutput, known_hosts: Path, command: Sequence[str]) -> list[str]:
    from edgewrap.hosts.plane import filled_in

    ssh = cluster.spec.ssh
    words = ["ssh", "-l", ssh.user, "-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    words += ["-o", f"HostKeyAlias={host.key}"]
    private_key = cluster.spec.local_path(ssh.public_key.removesuffix(".pub"))
    if is_file(private_key):
        words += ["-i", str(private_key)]
    if ssh.proxy_command:
        # from a file: it may contain a password from the environment, and every user can read command lines
        proxy = known_hosts.with_name("proxy.sh")
        proxy.write_text(f"{filled_in(ssh.proxy_command, host)}\n")
        words += ["-o", f"ProxyCommand=/bin/sh {quote(str(proxy))}"]
    return [*words, "--", host.name, *command]

"""A shell on one host, with the system's ssh and the host's pinned key."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from edgewrap.engine.cluster import Cluster
from edgewrap.engine.dead_hosts import no_host
from edgewrap.engine.plan import applied_state
from edgewrap.errors import EdgewrapError, HostUnreachableError
from edgewrap.hosts.plane import filled_in
from edgewrap.outputs import HostOutput, HostPin
from edgewrap.paths import is_file


def run_ssh(cluster: Cluster, key: str, command: Sequence[str]) -> int:
    """Run ssh to the host `key` in the foreground; without a command it is a shell. Returns ssh's exit status.

    Raises StateError if nothing is applied yet, UsageError for an unknown host, HostUnreachableError if its host key
    cannot be looked up.
    """
    hosts = applied_state(cluster).outputs.hosts
    host = hosts.get(key)
    if host is None:
        raise no_host(key, hosts)
    with tempfile.TemporaryDirectory(prefix="edgewrap-ssh-") as directory:
        known_hosts = Path(directory) / "known_hosts"
        known_hosts.write_text(f"{key} {_pin(cluster, host).host_key}\n")
        return subprocess.run(_ssh_command(cluster, host, known_hosts, command), check=False).returncode


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

"""The environment and the home directory of commands inside the lab."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Mapping
from typing import Protocol

from edgewrap.lab.directory import LabDirectory
from edgewrap.lab.tools import PLUGIN_DIR

# Variables that could lead a command inside the lab to the outside, to other credentials or to another lab.
_DROPPED_PREFIXES = ("AWS_", "ONE_", "EDGEWRAP_LAB_")
_DROPPED = {"SSH_AUTH_SOCK", "SSH_AGENT_PID", "EDGEWRAP_DIR", "EDGEWRAP_BACKEND", "EDGEWRAP_CA_FILE"}
_DROPPED |= {"EDGEWRAP_PROXY_COMMAND", "EDGEWRAP_PUBLIC_KEY"}
_DROPPED |= {f"{kind}_proxy" for kind in ("http", "https", "ftp", "all", "no")}


class Endpoints(Protocol):
    """Where a lab's servers listen."""

    @property
    def aws_endpoint(self) -> str: ...

    @property
    def front_end_endpoint(self) -> str: ...


def inside_environment(
    base: Mapping[str, str], directory: LabDirectory, endpoints: Endpoints, providers: str = ""
) -> dict[str, str]:
    """The environment of a command inside the lab, and of the front-end with its IPAM drivers: the caller's, with the
    lab's endpoints, dummy credentials and the mirror of Terraform's `providers` if there is one."""
    kept = {
        name: value
        for name, value in base.items()
        if not name.startswith(_DROPPED_PREFIXES) and name not in _DROPPED and name.lower() not in _DROPPED
    }
    return {
        **kept,
        "HOME": str(directory.home),
        "AWS_ENDPOINT_URL": endpoints.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ONE_XMLRPC": endpoints.front_end_endpoint,
        "ONE_AUTH": str(directory.one_auth),
        "EDGEWRAP_DIR": str(directory.runs),
        "EDGEWRAP_LAB_DIR": str(directory.path),
        "EDGEWRAP_REMOTES": str(directory.remotes),
        "EDGEWRAP_CLUSTERS_DIR": str(directory.clusters),
        **({PLUGIN_DIR: providers} if providers else {}),
    }


def furnish(directory: LabDirectory) -> None:
    """Create the home directory, with a key pair and the front-end's credentials, and the front-end's own key pair and
    folders."""
    for name in (".ssh", ".one", ".aws"):
        (directory.home / name).mkdir(mode=0o700)
    for folder in (directory.remotes / "ipam", directory.clusters):
        folder.mkdir(parents=True)
    directory.one_auth.touch(mode=0o600)
    directory.one_auth.write_text(f"oneadmin:{secrets.token_hex(16)}\n")
    for key, comment in ((directory.home / ".ssh" / "id_ed25519", "lab"), (directory.front_end / "id_ed25519", "one")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def ssh_configuration(directory: LabDirectory, machines_own: str) -> str:
    """The system-wide configuration of `ssh` inside the lab: the lab's key, and its own `known_hosts`."""
    ssh = directory.home / ".ssh"
    return f'IdentityFile "{ssh / "id_ed25519"}"\nUserKnownHostsFile "{ssh / "known_hosts"}"\n{machines_own}'

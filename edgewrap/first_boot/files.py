"""The files of the first-boot setup, as text. Pure: the spec and OpenNebula's version in, files out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files as package_files
from shlex import quote

from edgewrap.spec.models import Spec

DIRECTORY = "/var/lib/edgewrap"
SCRIPT = f"{DIRECTORY}/setup.sh"

REPOSITORY = "https://downloads.opennebula.io/repo"
KEY_URL = f"{REPOSITORY}/repo2.key"
KEY_FINGERPRINT = "0B2D385C7C9304B11A0367B905A05927906DC27C"

AUTO = "auto"

NODE_PACKAGES = {"kvm": "opennebula-node-kvm", "lxc": "opennebula-node-lxc"}
LVM = ("lvm2",)  # makes one volume of several instance-store disks
PACKAGES = ("frr", "frr-pythontools", "nftables", "python3")

# Read before the image's own files: for each keyword sshd uses the first value. Replica copies go from host to host as
# oneadmin, with the key in the front-end's own agent, which its drivers forward.
_SSHD = """PasswordAuthentication no
KbdInteractiveAuthentication no
AllowAgentForwarding yes
"""


@dataclass(frozen=True, slots=True)
class SetupFile:
    """A file of the setup, owner root. `mode` is octal."""

    path: str
    text: str
    mode: str = "0644"


def sets_itself_up(spec: Spec) -> bool:
    """Whether new hosts get user data; otherwise their image must have what OpenNebula needs."""
    return spec.opennebula.oneadmin_public_key is not None


def follows_front_end(spec: Spec) -> bool:
    """Whether the packages of new hosts are of the front-end's version."""
    return sets_itself_up(spec) and spec.opennebula.version == AUTO


def setup_files(spec: Spec, version: str) -> tuple[SetupFile, ...]:
    """Every file, the script last. `version` names OpenNebula's repository (`7.0`). No text of the user
    is in the script or the settings.

    Raises ValueError if the spec has no `opennebula.oneadmin_public_key`.
    """
    key = spec.opennebula.oneadmin_public_key
    if key is None:
        raise ValueError("opennebula.oneadmin_public_key is null: nothing to set up with")
    settings = {
        "version": version,
        "node": NODE_PACKAGES[spec.hosts.hypervisor],
        "packages": " ".join(PACKAGES + (LVM if spec.hosts.datastore_volume == "instance-store" else ())),
        "repository": REPOSITORY,
        "key_url": KEY_URL,
        "key_fingerprint": KEY_FINGERPRINT,
    }
    return (
        SetupFile("/etc/ssh/sshd_config.d/10-edgewrap.conf", _SSHD),
        SetupFile(f"{DIRECTORY}/oneadmin.pub", f"{key}\n"),
        SetupFile(f"{DIRECTORY}/setup.conf", "".join(f"{name}={quote(value)}\n" for name, value in settings.items())),
        SetupFile(SCRIPT, (package_files("edgewrap.first_boot") / "setup.sh").read_text(), "0755"),
    )

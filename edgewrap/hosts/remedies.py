"""Errors of SSH, of sudo and of commands on a host: the likely cause and what to do.

Connection errors are matched as `EXCEPTION: text`, script errors in the last lines of the script's error output.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from edgewrap.errors import HostUnreachableError
from edgewrap.outputs import HostOutput
from edgewrap.remedies import Remedy, find_remedy

REFUSED = Remedy(
    r"ConnectionRefusedError|Connection refused|Errno 111",
    "the connection was refused: nothing listens on port 22 yet",
    "a metal host takes up to 20 minutes to boot; re-run later, or look at the instance's console",
)
TIMED_OUT = Remedy(
    r"TimeoutError|Connection timed out|Operation timed out",
    "no answer: the host is still booting, or a firewall or security group drops the connection",
    "check that ssh.from in the spec contains your address, and that the instance passes its status checks",
)
NO_ROUTE = Remedy(
    r"Errno (101|113)|No route to host|Network is (unreachable|down)|Host is down|[Cc]annot assign requested address",
    "no route to the host from here",
    "check this machine's network; a host without a public address needs a VPN or ssh.proxy_command",
)
NO_NAME = Remedy(
    r"gaierror|Could not resolve hostname|Name or service not known",
    "its name cannot be resolved",
    "check this machine's name service",
)
LOGIN_REFUSED = Remedy(
    r"PermissionDenied|Permission denied for user|Too many authentication failures",
    "the host refused the login",
    "check ssh.user and ssh.public_key: the private key must be beside the public one or in the SSH agent",
)
NO_AGREEMENT = Remedy(
    r"KeyExchangeFailed|No matching (key exchange|host key|encryption|MAC) algorithm",
    "the host's sshd and edgewrap have no algorithm in common: sshd is too old, or was hardened",
    "allow an ed25519, ECDSA or RSA-SHA2 host key and a current cipher in its sshd_config",
)
NOT_SSH = Remedy(
    r"ConnectionLost|ConnectionReset|ProtocolError|Connection (reset|closed|lost)|connection was lost",
    "the other side closed the connection, or it does not speak SSH",
    "check what listens at that address; a host does this for a moment while it boots or shuts down",
)

CONNECTION = (REFUSED, TIMED_OUT, NO_ROUTE, NO_NAME, LOGIN_REFUSED, NO_AGREEMENT, NOT_SSH)
"""Connection errors; the last one is also for errors that match none."""

NOT_IN_SSM = Remedy(
    r"TargetNotConnected|is not connected\.?$",
    "ssh.proxy_command failed: the host is not registered with SSM; it is still booting, or has no profile for it",
    "set aws.instance_profile to a profile with AmazonSSMManagedInstanceCore (new hosts only), and make sure that the "
    "host reaches SSM",
)
NO_SSM_PLUGIN = Remedy(
    r"SessionManagerPlugin is not found",
    "ssh.proxy_command failed: AWS's Session Manager plugin is not installed on this machine",
    "install session-manager-plugin beside the AWS CLI",
)
PROXY_NOT_ALLOWED = Remedy(
    r"AccessDenied|is not authorized to perform: ssm:",
    "ssh.proxy_command failed: the credentials may not open a session to the host",
    "allow ssm:StartSession on the instance and on the document AWS-StartSSHSession",
)
NO_PROXY_PROGRAM = Remedy(
    r"command not found|: not found|No such file or directory",
    "ssh.proxy_command failed: a program in it is not on PATH",
    "install it, or correct the command",
)
PROXY_FAILED = Remedy(
    r"", "ssh.proxy_command failed", "run the command by hand with {instance_id} and {host} filled in"
)

PROXY = (NOT_IN_SSM, NO_SSM_PLUGIN, PROXY_NOT_ALLOWED, NO_PROXY_PROGRAM, PROXY_FAILED)
"""Errors of ssh.proxy_command, by what it prints."""

SCRIPT = (
    Remedy(
        r"is not empty: it has",
        "the disk for the datastores has data, and edgewrap formats only empty disks",
        "if nobody needs the data, run `wipefs --all DEVICE` as root on the host, then re-run",
    ),
    Remedy(
        r"has files that a mount would hide",
        "the datastores' directory got files before the disk was mounted",
        "move the VMs off the host and delete these files, or replace the host (`edgewrap replace HOST`), then re-run",
    ),
    Remedy(
        r"is mounted on \S+ instead of",
        "something else mounted another file system for the datastores",
        "unmount it and remove it from /etc/fstab, then re-run",
    ),
    Remedy(
        r"the host has no disk (vol-|instance-store)",
        "the disk for the datastores is not attached, or the instance type has no NVMe disks",
        "look at the instance's storage in EC2, then re-run",
    ),
    Remedy(
        r"lvm2 is not installed",
        "the image lacks LVM, which makes one volume of several instance-store disks",
        "install lvm2 on the host, then re-run",
    ),
    Remedy(
        r"No space left on device|Disk quota exceeded",
        "its disk is full",
        "free space on it (`edgewrap ssh`: old VM disks, logs), then re-run",
    ),
    Remedy(
        r"Read-only file system",
        "its disk has failed, or was mounted read-only after an error",
        "look at `dmesg` on it, and replace the host if the disk is broken (`edgewrap replace HOST`)",
    ),
    Remedy(
        r"Could not get lock|dpkg frontend lock|is another process using it",
        "another package run holds apt's lock: unattended upgrades at the first boot take minutes",
        "re-run in a few minutes",
    ),
    Remedy(
        r"dpkg was interrupted",
        "a package run was interrupted, by a reboot or by hand",
        "run `dpkg --configure -a` as root on the host, then re-run",
    ),
    Remedy(
        r"Unable to locate package|does not have a Release file|404 +Not Found",
        "OpenNebula's repository has no such packages for this release of Ubuntu",
        "correct opennebula.version, or use another hosts.ami",
    ),
    Remedy(
        r"NO_PUBKEY|is not signed|signatures couldn't be verified|EXPKEYSIG",
        "the repository is signed with a key that edgewrap does not know",
        "look for a newer edgewrap; never disable the check",
    ),
    Remedy(
        r"Temporary failure resolving|Could not resolve host",
        "the host cannot resolve names: it has no internet access, or its name server is down",
        "make sure that the subnet has internet access (a private host needs a NAT or a proxy)",
    ),
    Remedy(
        r"Could not connect to|Cannot initiate the connection|Unable to connect to|Failed to fetch",
        "the host does not reach the package mirror",
        "make sure that the subnet has internet access, then re-run",
    ),
    Remedy(
        r"Unit \S+ not found|Failed to (start|restart|enable)|Job for \S+ failed",
        "a systemd unit does not start on the host",
        "look at `journalctl -xe` on it (`edgewrap ssh`)",
    ),
    Remedy(
        r"RTNETLINK answers: Operation not supported|Unknown device type|Module \S+ not found",
        "its kernel lacks a module: the image has a kernel without VXLAN, bridges or veth",
        "install linux-modules-extra-aws on it, or take an Ubuntu image",
    ),
    Remedy(
        r"RTNETLINK answers: File exists|Address already assigned",
        "something else on the host has created the same device, address or route",
        "look for another tool that configures its network (netplan, NetworkManager, a script)",
    ),
    Remedy(
        r"Could not process rule|conflicting intervals|syntax error, unexpected",
        "nftables on the host does not accept our rules: it is too old, or other tables have the same names",
        "look at `nft list ruleset` on it; nftables must be 1.0 or newer",
    ),
    Remedy(
        r"FRR does not know a line|frr-reload|vtysh|bgpd",
        "FRR on the host does not accept its configuration: it is too old, or not all of its daemons run",
        "install FRR 8 or newer with frr-pythontools on it, and look at `systemctl status frr`",
    ),
    Remedy(
        r"command not found|: not found",
        "a program is missing on the host",
        "install iproute2, nftables, util-linux, cloud-guest-utils, python3, frr and frr-pythontools on it",
    ),
)
"""Errors of the commands of a script."""

_SUDOERS = "give the user NOPASSWD:ALL in sudoers, as cloud images have it, or set ssh.user"

SUDO = (
    Remedy(
        r"a password is required|a terminal is required",
        "the user may not run commands as root without a password",
        _SUDOERS,
    ),
    Remedy(
        r"is not in the sudoers file|may not run sudo|not allowed to (run|execute)",
        "the user may not run commands as root",
        _SUDOERS,
    ),
    Remedy(r"", "sudo does not work on the host", _SUDOERS),
)
"""Errors of sudo; the last row is for all others."""


class ConnectionProblem(Exception):  # noqa: N818 - internal; the caller gets HostUnreachableError
    """One failed attempt to connect: its remedy, and the original message."""

    def __init__(self, remedy: Remedy, detail: str = "") -> None:
        super().__init__(f"{remedy.cause} ({detail})" if detail else remedy.cause)
        self.remedy = remedy

    def error(self, host: HostOutput) -> HostUnreachableError:
        """The problem as an error of the host."""
        what = f"no SSH connection to {host.address}"
        return HostUnreachableError(host.key, what, cause=str(self), advice=self.remedy.advice)


def problem_of(error: Exception) -> ConnectionProblem:
    """The problem for an exception of asyncssh or of the operating system."""
    remedy = find_remedy(CONNECTION, "; ".join(_words(cause) for cause in _causes(error))) or NOT_SSH
    detail = getattr(error, "reason", "")  # asyncssh's, without the class
    if not detail and remedy in (NO_ROUTE, NOT_SSH):  # the cause alone is not enough
        detail = str(error) or type(error).__name__
    return ConnectionProblem(remedy, detail)


def cause_and_advice(words: str, otherwise: str) -> tuple[str, str]:
    """Cause and advice for a script that failed with the errors `words`; `otherwise` is the advice if no row of the
    table matches."""
    remedy = find_remedy(SCRIPT, words)
    return (f"{remedy.cause} ({words})", remedy.advice) if remedy else (words, otherwise)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and each one in it if it is a group of several attempts (one for each address)."""
    yield error
    for inner in getattr(error, "exceptions", ()):
        yield from _causes(inner)


def _words(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    meaning = f" ({os.strerror(number)})" if number and number > 0 else ""
    return f"{type(error).__name__}: {error}{meaning}"

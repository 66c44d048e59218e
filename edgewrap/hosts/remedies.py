"""What SSH, sudo and the commands on a host say when they fail: the likely cause and what to do.

Failures of the connection are searched as `EXCEPTION: text`, those of a script in the last lines of its errors.
"""

from __future__ import annotations

from edgewrap.remedies import Remedy

REFUSED = Remedy(
    r"ConnectionRefusedError|Connection refused|Errno 111",
    "the connection was refused: nothing listens on port 22 yet",
    "a metal host takes up to 20 minutes to boot; run it again later, or look at the instance's console",
)
TIMED_OUT = Remedy(
    r"TimeoutError|Connection timed out|Operation timed out",
    "no answer: the host is still booting, or a firewall or security group drops the connection",
    "check that ssh.from in the spec covers the address you come from, and that the instance passes its checks",
)
NO_ROUTE = Remedy(
    r"Errno (101|113)|No route to host|Network is (unreachable|down)|Host is down|[Cc]annot assign requested address",
    "no route to it from here",
    "check this machine's network; a host without a public address needs a VPN or ssh.proxy_command",
)
NO_NAME = Remedy(
    r"gaierror|Could not resolve hostname|Name or service not known",
    "its name cannot be resolved",
    "check this machine's name service",
)
LOGIN_REFUSED = Remedy(
    r"PermissionDenied|Permission denied for user|Too many authentication failures",
    "it refused the login",
    "check ssh.user and ssh.public_key: the private key must lie beside the public one or be in the SSH agent",
)
NO_AGREEMENT = Remedy(
    r"KeyExchangeFailed|No matching (key exchange|host key|encryption|MAC) algorithm",
    "its sshd takes none of the algorithms that edgewrap takes: it is too old, or hardened by hand",
    "allow an ed25519, ECDSA or RSA-SHA2 host key and a current cipher in its sshd_config",
)
NOT_SSH = Remedy(
    r"ConnectionLost|ConnectionReset|ProtocolError|Connection (reset|closed|lost)|connection was lost",
    "what answered broke the connection off or does not speak SSH as expected",
    "check what listens at that address; a host that is booting or shutting down does this for a moment",
)

CONNECTION = (REFUSED, TIMED_OUT, NO_ROUTE, NO_NAME, LOGIN_REFUSED, NO_AGREEMENT, NOT_SSH)
"""Failures of a connection; the last one also stands for those that fit none."""

NOT_IN_SSM = Remedy(
    r"TargetNotConnected|is not connected\.?$",
    "ssh.proxy_command failed: the host does not report to SSM; it is still booting, or has no profile for it",
    "name a profile with AmazonSSMManagedInstanceCore in aws.instance_profile (new hosts only), and see to it that the "
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
    "ssh.proxy_command failed: a program that it names is not on PATH",
    "install it, or correct the command",
)
PROXY_FAILED = Remedy(
    r"",
    "ssh.proxy_command failed",
    "run the command by hand with {instance_id} and {host} filled in",
)

PROXY = (NOT_IN_SSM, NO_SSM_PLUGIN, PROXY_NOT_ALLOWED, NO_PROXY_PROGRAM, PROXY_FAILED)
"""Failures of ssh.proxy_command, by its own words."""

SCRIPT = (
    Remedy(
        r"No space left on device|Disk quota exceeded",
        "its disk is full",
        "make room on it (`edgewrap ssh`: old VM disks, logs), then run it again",
    ),
    Remedy(
        r"Read-only file system",
        "its disk has failed, or was mounted read-only after an error",
        "look at `dmesg` on it, and replace the host if the disk is broken (`edgewrap replace HOST`)",
    ),
    Remedy(
        r"Could not get lock|dpkg frontend lock|is another process using it",
        "another package run holds apt's lock: unattended upgrades at the first boot take minutes",
        "run it again in a few minutes",
    ),
    Remedy(
        r"dpkg was interrupted",
        "a package run was broken off, by a reboot or by hand",
        "run `dpkg --configure -a` as root on it, then run it again",
    ),
    Remedy(
        r"Unable to locate package|does not have a Release file|404 +Not Found",
        "OpenNebula's repository has no such packages for this release of Ubuntu",
        "correct opennebula.version, or take another hosts.ami",
    ),
    Remedy(
        r"NO_PUBKEY|is not signed|signatures couldn't be verified|EXPKEYSIG",
        "the repository is signed with another key than the one that edgewrap knows",
        "look for a newer edgewrap; never switch the check off",
    ),
    Remedy(
        r"Temporary failure resolving|Could not resolve host",
        "it cannot resolve names: it has no way out, or its name server is gone",
        "see to it that the subnet has a way to the internet (a private host needs a NAT or a proxy)",
    ),
    Remedy(
        r"Could not connect to|Cannot initiate the connection|Unable to connect to|Failed to fetch",
        "it does not reach the mirror of the packages",
        "see to it that the subnet has a way to the internet, and run it again",
    ),
    Remedy(
        r"Unit \S+ not found|Failed to (start|restart|enable)|Job for \S+ failed",
        "a unit of systemd's does not start on it",
        "`journalctl -xe` on it says why (`edgewrap ssh`)",
    ),
    Remedy(
        r"RTNETLINK answers: Operation not supported|Unknown device type|Module \S+ not found",
        "its kernel lacks a module: the image has a kernel without VXLAN, bridges or veth",
        "install linux-modules-extra-aws on it, or take an Ubuntu image",
    ),
    Remedy(
        r"RTNETLINK answers: File exists|Address already assigned",
        "something else on it has made the same device, address or route",
        "look for another tool that configures its network (netplan, NetworkManager, a script)",
    ),
    Remedy(
        r"Could not process rule|conflicting intervals|syntax error, unexpected",
        "nftables on it does not take our rules: it is too old, or other rules are in their place",
        "look at `nft list ruleset` on it; nftables 1.0 or newer is needed",
    ),
    Remedy(
        r"FRR does not know a line|frr-reload|vtysh|bgpd",
        "FRR on it does not take its configuration: it is too old, or not all of its daemons run",
        "install FRR 8 or newer with frr-pythontools on it, and look at `systemctl status frr`",
    ),
    Remedy(
        r"command not found|: not found",
        "a program is missing on it",
        "install iproute2, nftables, util-linux, python3, frr and frr-pythontools on it",
    ),
)
"""What the commands of a script say."""

SUDO = (
    Remedy(
        r"a password is required|a terminal is required",
        "the user may not run commands as root without a password",
        "give the user the right NOPASSWD:ALL in sudoers, as cloud images have it, or set ssh.user",
    ),
    Remedy(
        r"is not in the sudoers file|may not run sudo|not allowed to (run|execute)",
        "the user may not run commands as root",
        "give the user the right NOPASSWD:ALL in sudoers, as cloud images have it, or set ssh.user",
    ),
    Remedy(
        r"",
        "sudo does not work on it",
        "give the user the right NOPASSWD:ALL in sudoers, as cloud images have it, or set ssh.user",
    ),
)
"""What sudo says; the last row stands for all else."""

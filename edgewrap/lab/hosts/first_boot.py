"""What a host's image has for instances with user data: the real cloud-init, configured for what the lab does not do
itself, and apt, configured for the lab's package server.

`cloud_init.py` plays cloud-init's network part, because there is no DHCP here. The image has the users; cloud-init only
adds the key of the default user.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import yaml

from edgewrap.lab.packages.server import ADDRESS, NAME

_CERTIFICATE = "etc/ssl/certs/edgewrap-lab.pem"
_SCRIPT = "etc/cloud/lab-init.sh"
_OUTPUT = "/var/log/cloud-init-output.log"

HIDDEN = {"etc/apt": 0o755, "var/cache/apt": 0o755, "var/lib/apt": 0o755, "var/lib/cloud": 0o755}
"""Directories of this machine that such a host must not see, below the root, with their modes."""

_APT = f"""Acquire::https::CAInfo "/{_CERTIFICATE}";
Acquire::AllowInsecureRepositories "true";
Acquire::Languages "none";
APT::Get::AllowUnauthenticated "true";
Dpkg::Options {{ "--force-unsafe-io"; }};
"""
_FOLDERS = (
    *("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d"),
    *("var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/lib/apt/periodic"),
)

# How cloud-init recognises EC2: for this stage only, /sys has a hypervisor's UUID.
_INIT = """mount -t tmpfs lab /mnt
for entry in /sys/*; do
    mkdir "/mnt/${entry##*/}"
    mount --rbind "$entry" "/mnt/${entry##*/}"
done
mkdir -p /mnt/hypervisor
echo ec2e1916-9099-7caf-fd21-012345abcdef >/mnt/hypervisor/uuid
mount --rbind /mnt /sys
exec /usr/bin/cloud-init init
"""
_INIT_UNIT = f"""[Unit]
Description=cloud-init: metadata and files
After=systemd-networkd.service
Before=ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
PrivateMounts=yes
ExecStartPre=-/lib/systemd/systemd-networkd-wait-online --any --timeout=30
ExecStart=sh -e /{_SCRIPT}

[Install]
WantedBy=multi-user.target
"""
_FINAL_UNIT = """[Unit]
Description=cloud-init: configuration and scripts
After=cloud-init.service ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutSec=0
KillMode=process
ExecStart=/usr/bin/cloud-init modules --mode=config
ExecStart=/usr/bin/cloud-init modules --mode=final

[Install]
WantedBy=multi-user.target
"""
UNITS = {"cloud-init.service": _INIT_UNIT, "cloud-final.service": _FINAL_UNIT}


_LOGGING = """[loggers]
keys=root
[handlers]
keys=file
[formatters]
keys=line
[formatter_line]
format=%(asctime)s - %(filename)s[%(levelname)s]: %(message)s
[logger_root]
level=INFO
handlers=file
[handler_file]
class=FileHandler
formatter=line
args=("/var/log/cloud-init.log",)
"""


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """`program` is the tree with cloud-init in it; `certificate` is the package server's, as PEM text."""

    program: Path
    certificate: str

    def files(self) -> dict[str, str]:
        """Text files by their path below the root."""
        return {
            "etc/apt/apt.conf.d/90lab": _APT,
            "etc/cloud/cloud.cfg": yaml.safe_dump(_configuration()),
            _SCRIPT: _INIT,
            _CERTIFICATE: self.certificate,
            **{f"etc/systemd/system/{name}": text for name, text in UNITS.items()},
        }

    def folders(self) -> tuple[str, ...]:
        """Directories that must exist, below the root."""
        return _FOLDERS

    def names(self) -> str:
        """Lines for /etc/hosts."""
        return f"{ADDRESS} {NAME}\n"


def _configuration() -> dict[str, object]:
    """cloud-init's own configuration: only the modules that edgewrap's user data needs."""
    return {
        "datasource_list": ["Ec2"],
        "datasource": {"Ec2": {"metadata_urls": ["http://169.254.169.254"], "timeout": 5, "max_wait": 60}},
        "network": {"config": "disabled"},
        "preserve_hostname": True,
        "disable_root": True,
        "ssh_deletekeys": False,
        "ssh_genkeytypes": [],
        "users": ["default"],
        "output": {"all": f">> {_OUTPUT}"},
        "log_cfgs": [_LOGGING],
        "cloud_init_modules": ["write-files", "ssh"],
        "cloud_config_modules": ["runcmd"],
        "cloud_final_modules": ["scripts-user"],
        "system_info": {
            "distro": platform.freedesktop_os_release()["ID"],
            "default_user": {"name": "ubuntu", "lock_passwd": True},
            "paths": {"cloud_dir": "/var/lib/cloud", "templates_dir": "/etc/cloud/templates"},
        },
    }

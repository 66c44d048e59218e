"""networkd releases a group's interface, with each version's behaviour; systemctl and networkctl are played."""

from __future__ import annotations

import pytest

from edgewrap.hosts.render.files import script
from tests.integration.hosts.conftest import Runner

MAC = "0e:00:00:00:00:01"  # of group-0, on host-0
PLAYED = """
mkdir -p /run/systemd/system /run/systemd/netif/leases /etc/systemd/network
printf '[Match]\\nMACAddress=0e:ff:00:00:00:00 {mac}\\n' >/etc/systemd/network/05-edgewrap-groups.network
cat >/usr/local/bin/networkctl <<'END'
#!/bin/sh
case $1 in --version) echo 'systemd {version} ({version}.11-0ubuntu3)'; echo '+PAM' ;; *) echo "networkctl $*" ;; esac
END
cat >/usr/local/bin/systemctl <<'END'
#!/bin/sh
case $* in *is-active*) ;; *) echo "systemctl $*" ;; esac
END
chmod +x /usr/local/bin/networkctl /usr/local/bin/systemctl
index=$(ip -o link show | sed -n 's/^\\([0-9]*\\): .*{mac} .*/\\1/p')
[ -z '{leased}' ] || touch /run/systemd/netif/leases/$index
"""
AWAY = """
rm -rf /run/systemd/system /run/systemd/netif /etc/systemd/network/05-edgewrap-groups.network
rm /usr/local/bin/networkctl /usr/local/bin/systemctl
"""


@pytest.mark.parametrize(
    ("version", "leased", "done"),
    [
        ("249", True, "systemctl restart systemd-networkd.service"),  # Ubuntu 22.04
        ("249", False, "networkctl reload"),
        ("250", True, "networkctl reload"),
        ("255", True, "networkctl reload"),  # Ubuntu 24.04
    ],
)
def test_networkd_releases_a_groups_interface(runner: Runner, version: str, leased: bool, done: str) -> None:
    vpc = runner.vpc
    vpc.on("host-0", PLAYED.format(mac=MAC, version=version, leased="yes" if leased else ""))
    try:
        answer = vpc.on("host-0", f"step() {{ :; }}\n{script('networkd.sh')}")
    finally:
        vpc.on("host-0", AWAY)
    assert answer.splitlines() == [done]

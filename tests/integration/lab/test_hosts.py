"""Hosts have what an AWS image has (systemd, sshd, a user), and exist as long as their instance."""

from __future__ import annotations

import pytest

from tests.integration.lab.conftest import Pair
from tests.support.lab_cloud import Instance, wait_until


def host_key(pair: Pair, host: Instance) -> str:
    return pair.cloud.on(host, "cat /etc/ssh/ssh_host_ed25519_key.pub")


def boots(pair: Pair, host: Instance, number: int) -> bool:
    entry = pair.cloud.host(host)
    return (entry["boots"], entry["state"]) == (number, "running")


def test_systemd_has_no_failed_units(pair: Pair) -> None:
    wait_until(lambda: pair.cloud.on(pair.first, "systemctl is-system-running || true") == "running\n")
    assert pair.cloud.on(pair.first, "cat /proc/1/comm; hostname") == "systemd\nip-10-0-0-10\n"


def test_ubuntu_has_sudo_and_root_cannot_log_in(pair: Pair) -> None:
    assert pair.cloud.ssh(pair.first.public, "sudo -n id -un").stdout == "root\n"
    assert "Permission denied" in pair.cloud.ssh(pair.first.public, "true", user="root").stderr
    password = ("-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive")
    refused = pair.cloud.ssh(pair.first.public, "true", options=password).stderr
    assert "Permission denied (publickey)" in refused


def test_the_front_end_logs_in_as_oneadmin(pair: Pair) -> None:
    key = pair.cloud.lab.directory / "frontend" / "id_ed25519"
    only = ("-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={key}")
    done = pair.cloud.ssh(pair.first.public, "id -un; pwd", user="oneadmin", options=only)
    assert done.stdout == "oneadmin\n/var/lib/one\n"


def test_frr_and_nftables_are_installed_and_off(pair: Pair) -> None:
    state = "systemctl is-enabled frr nftables || systemctl is-active frr nftables || which vtysh nft iptables"
    assert pair.cloud.on(pair.first, state).split() == [
        *("disabled", "disabled", "inactive", "inactive"),
        *("/usr/bin/vtysh", "/usr/sbin/nft", "/usr/sbin/iptables"),
    ]


def test_a_host_does_not_have_this_machines_users(pair: Pair) -> None:
    assert pair.cloud.lab.directory.exists()
    assert pair.cloud.on(pair.first, f"ls {pair.cloud.lab.directory} 2>/dev/null || echo none") == "none\n"
    assert pair.cloud.on(pair.first, "ls /home; awk -F: '$3 >= 1000 && $3 < 60000 {print $1}' /etc/passwd").split() == [
        *("ubuntu", "ubuntu", "oneadmin"),
    ]


def test_a_host_cannot_change_the_machines_own_settings(pair: Pair) -> None:
    assert pair.cloud.on(pair.first, "sysctl -qw kernel.panic=7 2>&1 || echo refused").endswith("refused\n")
    assert pair.cloud.on(pair.first, "sysctl -n net.ipv4.ip_forward; sysctl -n net.ipv4.conf.all.rp_filter") == "0\n2\n"


def test_every_host_has_its_own_ssh_host_keys(pair: Pair) -> None:
    assert host_key(pair, pair.first) != host_key(pair, pair.second)


@pytest.mark.parametrize("how", ["from inside", "by API"])
def test_a_reboot_keeps_the_disk_and_the_keys(pair: Pair, how: str) -> None:
    before, key = pair.cloud.host(pair.second)["boots"], host_key(pair, pair.second)
    pair.cloud.on(pair.second, "echo kept >/var/lib/kept; sysctl -qw net.ipv4.ip_forward=1; touch /run/gone")
    if how == "by API":
        pair.cloud.call("reboot_instances", InstanceIds=[pair.second.id])
    else:
        pair.cloud.ssh(pair.second.public, "sudo reboot")
    wait_until(lambda: boots(pair, pair.second, before + 1))
    pair.cloud.ready(pair.second)
    assert pair.cloud.on(pair.second, "cat /var/lib/kept; sysctl -n net.ipv4.ip_forward; ls /run/gone || true") == (
        "kept\n0\n"
    )
    assert host_key(pair, pair.second) == key


def test_a_volume_is_a_disk_of_the_host_as_long_as_it_is_attached(pair: Pair) -> None:
    made = pair.cloud.call("create_volume", AvailabilityZone="eu-west-3a", Size=1, VolumeType="gp3")
    volume, host = made["VolumeId"], pair.second
    link = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"

    def there() -> bool:
        return pair.cloud.on(host, f"[ ! -b {link} ] || echo there") == "there\n"

    pair.cloud.call("attach_volume", VolumeId=volume, InstanceId=host.id, Device="/dev/sdf")
    wait_until(there)
    assert pair.cloud.on(host, f"blockdev --getsize64 {link}; readlink -f {link}").split() == [
        "1073741824",
        "/dev/nvme1n1",
    ]
    pair.cloud.on(host, f"mkfs.ext4 -q {link} && mount {link} /mnt && echo kept >/mnt/file")
    before = pair.cloud.host(host)["boots"]
    pair.cloud.call("reboot_instances", InstanceIds=[host.id])
    wait_until(lambda: boots(pair, host, before + 1))
    assert pair.cloud.on(host, f"mount {link} /mnt && cat /mnt/file") == "kept\n"
    pair.cloud.on(host, "umount /mnt")
    pair.cloud.call("detach_volume", VolumeId=volume, InstanceId=host.id, Device="/dev/sdf")
    wait_until(lambda: not there())
    pair.cloud.call("delete_volume", VolumeId=volume)


def test_stop_and_start_keep_the_disk_and_the_private_address(pair: Pair) -> None:
    key = host_key(pair, pair.second)
    pair.cloud.call("stop_instances", InstanceIds=[pair.second.id])
    wait_until(lambda: pair.cloud.host(pair.second)["state"] == "off")
    wait_until(lambda: pair.cloud.opens(pair.second.public, 22) == "silent")  # the address goes a little later
    knock = "timeout 1 bash -c '</dev/tcp/10.0.0.11/22' 2>/dev/null || echo $?"
    assert pair.cloud.on(pair.first, knock) == "124\n"
    pair.cloud.call("start_instances", InstanceIds=[pair.second.id])
    again = pair.cloud.instance(pair.second.id)
    pair.cloud.ready(again)
    assert host_key(pair, again) == key


def test_a_host_that_powers_itself_off_stops_its_instance(pair: Pair) -> None:
    pair.cloud.on(pair.second, "systemctl poweroff")
    describe = {"InstanceIds": [pair.second.id]}

    def state() -> str:
        found = pair.cloud.call("describe_instances", **describe)["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    wait_until(lambda: state() == "stopped")
    pair.cloud.call("start_instances", InstanceIds=[pair.second.id])
    pair.cloud.ready(pair.cloud.instance(pair.second.id))


def test_terminating_an_instance_removes_host_and_disk(pair: Pair) -> None:
    third = pair.cloud.launch(pair.network, 2)
    pair.cloud.ready(third)
    pair.cloud.call("terminate_instances", InstanceIds=[third.id])
    wait_until(lambda: all(host["instance"] != third.id for host in pair.cloud.status()["hosts"]))
    inside = f"{pair.cloud.lab.directory}/machines"
    listing = pair.cloud.lab.run("ls", inside, "/run/netns").stdout
    assert third.id not in listing
    assert pair.first.id in listing

"""First-boot setup of hosts: the real cloud-init, packages of the lab's repository, until MONITORED."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import NOTHING_TO_DO
from tests.support.lab import Lab

pytestmark = pytest.mark.full
SPEC = """
apiVersion: edgewrap/v1
name: edge-new
aws: {{ region: eu-west-3 }}
hosts: {{ count: 2, datastore_volume: {{ gb: 8 }} }}
public_network: {{ groups: 1, elastic_ips: {{ count: 1 }} }}
opennebula:
  version: "{version}"
  oneadmin_public_key: {key}
"""
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0oRpmL0zvoDLYwueFjXswXFesErJoP/JCfRvmIfKAm another@front-end"


@dataclass(frozen=True)
class Cluster:
    """A lab, a spec whose first apply has failed since it names a version that OpenNebula has no packages of, and what
    that apply said."""

    lab: Lab
    spec: Path
    key: str
    failed: tuple[int, str]

    def write(self, version: str = "auto", key: str = "") -> None:
        """Write the spec."""
        self.spec.write_text(SPEC.format(version=version, key=key or self.key))

    def edgewrap(self, command: str, *options: str) -> tuple[int, str]:
        """Run edgewrap with the spec; gives its exit status and all that it said."""
        done = self.lab.edgewrap(command, "--file", str(self.spec), *options, check=False)
        return done.returncode, done.stdout + done.stderr

    def apply(self) -> tuple[int, str]:
        """Apply without a question."""
        return self.edgewrap("apply", "--auto-approve")

    def on(self, host: str, command: str) -> str:
        """What a shell command prints on a host."""
        return self.lab.run("sh", "-c", command, place=host).stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("setup")
    lab = Lab(directory / "lab")
    lab.up("--cloud-init", "untidy")
    try:
        key = (lab.directory / "frontend" / "id_ed25519.pub").read_text().strip()
        made = Cluster(lab, directory / "edge.yaml", key, (0, ""))
        made.write(version="9.9")
        yield Cluster(lab, made.spec, key, made.apply())
    finally:
        lab.down()


def test_a_failed_setup_is_shown_and_restarted_with_the_corrected_spec(cluster: Cluster) -> None:
    status, text = cluster.failed
    assert status == 3
    for host in ("host-0", "host-1"):
        assert f"{host}: first-boot setup failed: package lists failed" in text
    assert "repo/9.9/" in text
    assert "404  Not Found" in text
    assert "edgewrap ssh host-0" in text
    cluster.write()
    status, text = cluster.apply()
    assert status == 0, text
    assert "opennebula.version 9.9 -> 7.0 takes effect on new hosts only" in text
    assert "setup packages  (not done yet)" in text
    assert "first-boot setup failed" in text
    assert "starting it again" in text
    assert cluster.apply() == (0, NOTHING_TO_DO)


def test_hosts_are_configured_by_cloud_init(cluster: Cluster) -> None:
    _, text = cluster.edgewrap("status")
    assert text.count("monitored") == 2
    assert "7.0.0-1" in cluster.on("host-0", "dpkg-query --show opennebula-node-kvm")
    assert "version=7.0\n" in cluster.on("host-0", "cat /var/lib/edgewrap/setup-done")
    assert cluster.on("host-0", "cat ~oneadmin/.ssh/authorized_keys") == f"{cluster.key}\n"
    assert "passwordauthentication no\n" in cluster.on("host-0", "sshd -T")
    assert cluster.on("host-0", "cloud-init schema --config-file /var/lib/cloud/instance/user-data.txt").startswith(
        "Valid cloud-config"
    )


def test_the_datastores_are_on_their_own_volume(cluster: Cluster) -> None:
    volume = cluster.edgewrap("output", "hosts.host-0.datastores")[1].strip().replace("-", "")
    look = "findmnt -no SOURCE,FSTYPE /var/lib/one/datastores; stat -c %U:%a /var/lib/one/datastores"
    assert cluster.on("host-0", look).split() == ["/dev/nvme1n1", "ext4", "oneadmin:750"]
    link = cluster.on("host-0", f"readlink -f /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume}")
    assert link == "/dev/nvme1n1\n"
    cluster.on("host-1", "echo kept >/var/lib/one/datastores/image")


def test_the_front_ends_key_can_copy_between_hosts(cluster: Cluster) -> None:
    directory, other = cluster.lab.directory / "frontend", "10.0.0.11"
    inner = f"ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes {other} hostname"
    outer = (
        f"ssh -F none -A -o StrictHostKeyChecking=no -o UserKnownHostsFile={directory}/test_known oneadmin@$1 '{inner}'"
    )
    script = f"ssh-add -q {directory}/id_ed25519 && {outer}"
    address = cluster.lab.edgewrap("output", "--file", str(cluster.spec), "hosts.host-0.public_address").stdout.strip()
    done = cluster.lab.run("ssh-agent", "sh", "-c", script, "sh", address)
    assert done.stdout == "ip-10-0-0-11\n"


def test_another_key_or_version_does_not_change_running_hosts(cluster: Cluster) -> None:
    before = cluster.lab.requests()[-1]["serial"]
    cluster.write(version="7.4", key=OTHER_KEY)
    status, text = cluster.apply()
    assert status == 0, text
    assert "opennebula.version 7.0 -> 7.4 takes effect on new hosts only; on host-0, host-1: upgrade" in text
    assert "another@front-end takes effect on new hosts only" in text
    changing = [
        call["action"]
        for call in cluster.lab.requests(before)
        if call["service"] == "ec2" and not call["action"].startswith("Describe")
    ]
    assert changing == []
    assert [(host["boots"], host["state"]) for host in cluster.lab.status()["hosts"]] == [(1, "running")] * 2


def test_a_setup_interrupted_by_a_reboot_is_restarted(cluster: Cluster) -> None:
    cluster.on("host-1", "rm /var/lib/edgewrap/setup-done && reboot")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if [(h["boots"], h["state"]) for h in cluster.lab.status()["hosts"] if h["key"] == "host-1"] == [
            (2, "running")
        ]:
            break
        time.sleep(0.2)
    status, text = cluster.edgewrap("apply", "--auto-approve", "--skip", "aws")
    assert status == 0, text
    assert "cloud-init ended before the setup" in text
    assert cluster.on("host-1", "cat /var/lib/one/datastores/image") == "kept\n"  # mounted at boot
    assert cluster.on("host-1", "systemctl is-active edgewrap-datastores") == "active\n"
    assert "version=7.4\n" in cluster.on("host-1", "cat /var/lib/edgewrap/setup-done")

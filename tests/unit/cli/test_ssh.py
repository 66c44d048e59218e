"""The command that `edgewrap ssh` runs, as ssh itself reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgewrap.cli.ssh import _ssh_command
from edgewrap.outputs import HostOutput
from tests.support.aws_plane import make_spec

HOST = HostOutput("host-1", 1, "i-1", "10.0.0.11", "198.51.100.1", "ec2.example", "running")
USERS = "ForwardAgent yes\nForwardX11 yes\nIdentityFile ~/.ssh/other\nUser someone\nProxyCommand false\n"


def as_ssh_reads_it(directory: Path, key: Path, proxy: str | None = None) -> dict[str, str]:
    """The settings in effect, for a user with a configuration of their own."""
    (directory / ".ssh").mkdir(exist_ok=True)
    (directory / ".ssh" / "config").write_text(USERS)
    spec = make_spec(ssh={"public_key": str(key), "proxy_command": proxy})
    command = _ssh_command(spec, HOST, directory / "known_hosts", ["uptime"])
    assert command[-3:] == ["--", "198.51.100.1", "uptime"]
    done = subprocess.run(
        ["ssh", "-G", *command[1:]],
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: value for name, _, value in (line.partition(" ") for line in done.stdout.splitlines())}


@pytest.mark.parametrize("name", ["id", "my key", 'a"b', "100%d", "back\\slash"])
def test_only_the_specs_key_is_tried_and_nothing_is_forwarded(tmp_path: Path, name: str) -> None:
    private, public = tmp_path / name, tmp_path / f"{name}.pub"
    public.touch()
    settings = as_ssh_reads_it(tmp_path, public)
    assert settings["identityfile"] == str(public).replace("%", "%%")
    private.touch()
    settings = as_ssh_reads_it(tmp_path, public)
    assert settings["identityfile"] == str(private).replace("%", "%%")
    assert {name: settings[name] for name in ("identitiesonly", "forwardagent", "forwardx11", "user")} == {
        "identitiesonly": "yes",
        "forwardagent": "no",
        "forwardx11": "no",
        "user": "ubuntu",
    }
    assert settings["stricthostkeychecking"] in ("yes", "true")
    assert settings["userknownhostsfile"] == str(tmp_path / "known_hosts")
    assert settings["globalknownhostsfile"] == "/dev/null"
    assert "proxycommand" not in settings


def test_a_proxy_command_is_read_from_a_file(tmp_path: Path) -> None:
    settings = as_ssh_reads_it(tmp_path, tmp_path / "id.pub", "nc {host} 22")
    assert settings["proxycommand"] == f"/bin/sh {tmp_path}/proxy.sh"
    assert (tmp_path / "proxy.sh").read_text() == "nc 198.51.100.1 22\n"

"""What is filled in to `ssh.proxy_command` stays one word for the shell."""

from __future__ import annotations

import subprocess

import pytest

from edgewrap.hosts.ssh.connection import filled_in
from edgewrap.outputs import HostOutput


@pytest.mark.parametrize("text", ["198.51.100.1", "$(echo x)", "`echo x`", "a b; echo x", "it's", "{host}", "-x", "*"])
def test_a_value_is_quoted_as_one_word(text: str) -> None:
    host = HostOutput("host-0", 0, text, "10.0.0.10", text, "ec2.example", "running")
    command = filled_in("printf '%s|' {instance_id} {host} {port}", host)
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"{text}|{text}|{{port}}|"

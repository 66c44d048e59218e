"""The placeholders of `ssh.proxy_command`: an unknown one would reach the program as it is."""

from __future__ import annotations

import pytest

from edgewrap.spec.formats import _proxy_command


@pytest.mark.parametrize(
    "command",
    [
        "aws ssm start-session --target {instance_id} --parameters portNumber=22",
        "nc {host} 22",
        "ssh -W {host}:22 ${JUMP}",
        "curl -w '%{http_code}' {host}",
        "sh -c 'awk \"{print $1}\" {a,b}; date +%H; printf 100%%h'",
    ],
)
def test_what_the_shell_and_programs_know_is_left_alone(command: str) -> None:
    assert _proxy_command(command) == command


@pytest.mark.parametrize(
    "command",
    [
        "ssh -W %h:%p jump",
        "aws ssm start-session --target %h",
        "nc {hostname} 22",
        "nc {host} {port}",
        "x {user}",
        "%r@%n",
    ],
)
def test_an_unknown_placeholder_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"must have no placeholders but \{instance_id\} and \{host\}"):
        _proxy_command(command)

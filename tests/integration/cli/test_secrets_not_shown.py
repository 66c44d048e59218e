"""Values of the environment that fail in every way a value can: none is on the terminal, in `--json` or in a file."""

from __future__ import annotations

import os
import subprocess
from itertools import product
from pathlib import Path

import pytest

from tests.support.lab import EDGEWRAP

SPEC = "apiVersion: edgewrap/v1\nname: edge-1\naws: { region: eu-west-3 }\n"
CLOSED = "http://127.0.0.1:1"
SECRETS = {
    "with quotes": "s3cr3t-1'x s3cr3t-2\"y\\s3cr3t-3",
    "longer than the name of a file": "/s3cr3t-" * 500,
    "a command": "s3cr3t-4711'; echo s3cr3t-5 >&2; exit '7",
}
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "values in the spec": (
        """
ssh: { proxy_command: "TOK='${env:S}' nc {host} 22", public_key: '/${env:S}.pub' }
opennebula: { endpoint: 'https://127.0.0.1:1/RPC2', ca_file: '/${env:S}' }
terraform: { binary: '/${env:S}', plugin_dir: '/${env:S}' }
evpn: { password: '${env:S}' }
""",
        {"S": "{}"},
    ),
    "more values in the spec": (
        """
ssh: { proxy_command: '${env:S} {host} 22', public_key: '${env:S}' }
opennebula: { endpoint: 'http://127.0.0.1:1/${env:S}' }
terraform: { plugin_dir: '/${env:S}' }
""",
        {"S": "{}"},
    ),
    "logins": (
        "",
        {
            "ONE_AUTH": "oneadmin:{}",
            "ONE_XMLRPC": "http://oneadmin:{}@127.0.0.1:1/RPC2",
            "AWS_ENDPOINT_URL": "http://user:{}@127.0.0.1:1",
        },
    ),
    "queries": (
        "",
        {
            "ONE_AUTH": "{}",
            "ONE_XMLRPC": "http://127.0.0.1:1/RPC2?token={}",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1/?token={}",
            "AWS_SECRET_ACCESS_KEY": "{}\n",
            "AWS_SESSION_TOKEN": "{}\u2028",
        },
    ),
    "no URL, and a proxy": (
        "",
        {"AWS_ENDPOINT_URL": "user:{}@nowhere", "HTTP_PROXY": "http://user:{}@127.0.0.1:1", "NO_PROXY": ""},
    ),
}


RUNS = [
    pytest.param(*run, marks=() if run[1:] == ("with quotes", "preflight") else pytest.mark.full)
    for run in product(CASES, SECRETS, ("preflight", "plan"))
]


def run(directory: Path, more: str, variables: dict[str, str], *words: str) -> tuple[int, str, str]:
    """One run: its exit status, what it showed, and what it wrote."""
    (directory / "edgewrap.yaml").write_text(SPEC + more)
    places = {"HOME": directory, "TMPDIR": directory, "EDGEWRAP_DIR": directory / "runs"}
    environ = {
        "PATH": os.environ["PATH"],
        **{name: str(place) for name, place in places.items()},
        "AWS_ENDPOINT_URL": CLOSED,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ONE_XMLRPC": f"{CLOSED}/RPC2",
        "ONE_AUTH": "oneadmin:nothing-else",
        **variables,
    }
    done = subprocess.run(
        [EDGEWRAP, *words], cwd=directory, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    written = [path.read_text() for path in directory.rglob("*") if path.is_file() and path.name != "edgewrap.yaml"]
    return done.returncode, done.stdout + done.stderr, "\n".join(written)


@pytest.mark.parametrize(("case", "secret", "command"), RUNS)
def test_a_failing_run_shows_no_secret(case: str, secret: str, command: str, tmp_path: Path) -> None:
    more, templates = CASES[case]
    variables = {name: text.format(SECRETS[secret]) for name, text in templates.items()}
    status, shown, written = run(tmp_path, more, variables, command, *(["--json"] if command == "plan" else []))
    assert status == 1
    assert "s3cr3t" not in shown
    assert "s3cr3t" not in written
    assert "Traceback" not in shown
    assert "InternalError" not in shown

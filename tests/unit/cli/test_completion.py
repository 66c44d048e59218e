"""A shell completes what the spec and this machine's files have, quickly, and is never shown an error."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import typer

from edgewrap.cli import completion
from edgewrap.lab.directory import lab_directory
from edgewrap.spec import keys
from edgewrap.spec.hosts import Hosts
from edgewrap.spec.networks import ElasticIps, PublicNetwork
from tests.support.lab import EDGEWRAP
from tests.unit.cli.test_main import IMPORTED

SPEC = """\
apiVersion: edgewrap/v1
name: edge-1
aws: { region: eu-west-3 }
hosts: { count: 3, retired: [1] }
public_network: { elastic_ips: { count: 2 }, existing: { office: eipalloc-0123456789abcdef0 }, groups: 2 }
"""
EIP_FIELDS = ("key", "allocation_id", "public_address", "private_address", "gateway", "group")
TOP = ("uuid", "region", "zone", "vpc_id", "vpc_cidr", "subnet_id", "subnet_cidr", "hosts", "groups", "eips")
MAY_IMPORT = {"yaml", "pydantic"}  # typer itself checks the options before the word with pydantic


def environ(directory: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EDGEWRAP_", "XDG_"))}
    return {**kept, "HOME": str(directory), **more}


def complete(
    directory: Path, line: str, *, program: tuple[str, ...] = (EDGEWRAP,), **more: str
) -> tuple[list[str], str]:
    """What bash gets for a line that ends where the cursor is, and what is on standard error."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_EDGEWRAP_COMPLETE": "complete_bash"}
    done = subprocess.run(
        program,
        cwd=directory,
        env=environ(directory, **words, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout.split(), done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "edgewrap.yaml").write_text(SPEC)
    (tmp_path / "other.yaml").write_text("name: edge-2\nhosts: { count: 1 }\n")
    logs = tmp_path / ".edgewrap" / "edge-1" / "logs"
    logs.mkdir(parents=True)
    for stamp in ("20260101T000000", "20260102T000000"):
        (logs / f"{stamp}.000000-apply.log").touch()
    for name in ("default", "demo"):
        lab = lab_directory(name, {"XDG_STATE_HOME": str(tmp_path / ".local" / "state")}).path
        lab.mkdir(parents=True)
        (lab / ".edgewrap-lab").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("edgewrap replace ", ["host-0", "host-2", "host-3"]),
        ("edgewrap ssh host-2", ["host-2"]),
        ("edgewrap apply --move-off ", ["host-0", "host-2", "host-3"]),
        ("edgewrap replace --file other.yaml ", ["host-0"]),
        ("edgewrap lab vm move web --host ", ["host-0", "host-2", "host-3"]),
        ("edgewrap lab host kill ", ["host-0", "host-2", "host-3"]),
        ("edgewrap output ", [*TOP, "opennebula_version"]),
        ("edgewrap output eips", ["eips", "eips.eip-0", "eips.eip-1", "eips.office"]),
        ("edgewrap output eips.office.", [f"eips.office.{field}" for field in EIP_FIELDS]),
        ("edgewrap output groups.", ["groups.group-0", "groups.group-1"]),
        ("edgewrap output hosts.host-2.na", ["hosts.host-2.name"]),
        ("edgewrap logs --run ", ["1", "2"]),
        ("edgewrap lab down --name ", ["default", "demo"]),
        ("edgewrap plan --only ", ["aws", "opennebula", "hosts"]),
        ("edgewrap val", ["validate"]),
    ],
)
def test_what_is_offered(place: Path, line: str, offered: list[str]) -> None:
    assert complete(place, line) == (offered, "")


def test_the_spec_of_the_environment(place: Path) -> None:
    assert complete(place, "edgewrap ssh ", EDGEWRAP_SPEC="other.yaml") == (["host-0"], "")


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 3),
        ({"file": None}, 3),
        ({"file": [], "specs": []}, 3),
        ({"file": [Path("other.yaml"), Path("edgewrap.yaml")]}, 1),
        ({"file": [], "specs": (Path("other.yaml"),)}, 1),
    ],
)
def test_the_first_spec_of_a_command_line_counts(
    place: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, object], count: int
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("EDGEWRAP_SPEC", raising=False)
    context = cast("typer.Context", SimpleNamespace(params=given))
    assert len(completion.hosts(context)) == count


LARGE = "name: edge-1\nhosts: { count: 99999999999999999999 }\n"


@pytest.mark.parametrize(
    ("content", "offered"),
    [
        (b"hosts: [", []),
        (b"\xff\xfe\x00", []),
        (b"", []),
        (b"- host-0\n", []),
        (b"hosts: { count: many, retired: 3 }", ["host-0", "host-1", "host-2"]),
        (b"hosts: { count: 2, retired: [[0], {}] }", []),
        (b"hosts: { count: -1 }", []),
        (b"hosts: &a [*a]", ["host-0", "host-1", "host-2"]),
        (None, []),
    ],
    ids=repr,
)
def test_a_wrong_spec_is_never_an_error_on_the_line(tmp_path: Path, content: bytes | None, offered: list[str]) -> None:
    if content is not None:
        (tmp_path / "edgewrap.yaml").write_bytes(content)
    assert complete(tmp_path, "edgewrap ssh ") == (offered, "")


def test_a_pipe_or_a_directory_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in ("pipe", ".", "-", "~nobody-at-all/x", "absent"):
        assert complete(tmp_path, f"edgewrap ssh --file {file} ") == ([], "")


def test_no_text_of_a_spec_reaches_the_line_that_is_not_a_key(tmp_path: Path) -> None:
    strange = "".join(f'"{key}": x, ' for key in ("$(id)", "a b", "a;b", "\\x1b", "A", "sound"))
    spec = f"name: ../..\npublic_network: {{ existing: {{ {strange} }}, elastic_ips: {{ count: 0 }} }}\n"
    (tmp_path / "edgewrap.yaml").write_text(spec)
    assert complete(tmp_path, "edgewrap output eips.") == (["eips.sound"], "")
    assert complete(tmp_path, "edgewrap logs --run ") == ([], "")


def test_a_huge_count_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / "edgewrap.yaml").write_text(LARGE)
    begun = time.monotonic()
    offered, _ = complete(tmp_path, "edgewrap ssh ")
    assert (len(offered), offered[-1]) == (4000, "host-3999")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "line", ["edgewrap replace ", "edgewrap output e", "edgewrap logs --run ", "edgewrap lab down -n "]
)
def test_nothing_heavy_is_imported(place: Path, line: str) -> None:
    offered, shown = complete(place, line, program=(sys.executable, "-c", IMPORTED))
    assert "--help" not in offered, "a completion, not the help"
    assert offered
    assert {*shown.split()} <= MAY_IMPORT


def test_the_defaults_are_those_of_the_models() -> None:
    assert (Hosts().count, ElasticIps().count) == (keys.HOSTS, keys.ELASTIC_IPS)
    assert PublicNetwork().groups == keys.GROUPS


def read_until(terminal: int, expected: bytes) -> None:
    shown, deadline = b"", time.monotonic() + 20
    while expected not in shown:
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 4096)


def test_in_a_bash_of_a_user(place: Path) -> None:
    """Installed as the docs say, and used by the Tab key."""
    own = environ(place, PATH=f"{Path(EDGEWRAP).parent}:{os.environ['PATH']}", TERM="dumb", INPUTRC="/dev/null")
    install = ["bash", "-c", "edgewrap --install-completion && true"]
    subprocess.run(install, env=own, cwd=place, check=True, capture_output=True)
    child, ours = pty.fork()
    if child == 0:
        os.chdir(place)
        os.execvpe("bash", ["bash", "--noprofile", "-i"], own)  # noqa: S606
    try:
        for typed, expected in ((b"", b"# "), (b"edgewrap replace host-2\t", b"host-2 "), (b"--auto\t", b"-approve ")):
            os.write(ours, typed)
            read_until(ours, expected)
    finally:
        os.write(ours, b"\x15exit\n")
        os.close(ours)
        os.waitpid(child, 0)

"""Commands on unusual machines: no home, a user without a name, places of other users, read-only places, full disks,
`~` in variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.documents import check_output

SPEC = "apiVersion: edgewrap/v1\nname: edge\naws: { region: eu-west-3 }\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x\n"
OTHER_USER = 4321
WITHOUT_NAME = ("unshare", "--user", "--map-user=54321", "--map-group=54321")  # and without root's rights
EDGEWRAP = (sys.executable, "-c", "from edgewrap.cli.main import main; main()")
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "ONE_XMLRPC": "http://127.0.0.1:1/RPC2",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a spec and a public key."""
    (tmp_path / "edge.yaml").write_text(SPEC)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519.pub").write_text(KEY)
    return tmp_path


def edgewrap(
    directory: Path, *words: str, environ: Mapping[str, str] | None = None, before: Sequence[str] = WITHOUT_NAME
) -> subprocess.CompletedProcess[str]:
    """A command in the directory, without HOME; in a user namespace, where this user has no name."""
    done = subprocess.run(
        [*before, *EDGEWRAP, *words],
        cwd=directory,
        env={**ENVIRONMENT, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "bug in edgewrap" not in done.stderr
    assert "Traceback" not in done.stderr
    check_output(words, done.returncode, done.stdout)
    return done


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("validate", 0, ""),
        ("preflight --only hosts", 1, ""),
        ("plan --only aws", 1, "Error: "),
        ("apply --auto-approve --only opennebula", 1, "Error: "),
        ("status", 1, "Error: "),
        ("output", 1, "Error: "),
        ("logs", 64, "there is no log of run 1"),
        ("ssh host-0", 1, "Error: "),
        ("render --offline", 1, "~/.ssh/id_ed25519.pub"),
        ("plan --plugin-dir ~/x", 64, "your home directory is unknown"),
        ("lab status", 64, "your home directory is unknown"),
    ],
)
def test_without_a_home_and_a_name(place: Path, command: str, code: int, words: str) -> None:
    spec = [] if command.startswith("lab") else ["-f", "edge.yaml"]
    done = edgewrap(place, *command.split(), *spec)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_a_tilde_in_a_variable_is_the_home(place: Path) -> None:
    home = {"HOME": str(place), "EDGEWRAP_SPEC": "~/edge.yaml", "EDGEWRAP_DIR": "~/runs"}
    assert "no such file" not in edgewrap(place, "plan", "--only", "opennebula", environ=home).stderr
    assert (place / "runs" / "edge" / "logs").is_dir()
    assert not (place / "~").exists()


def test_a_tilde_in_output_is_the_home(place: Path) -> None:
    words = ("render", "--offline", "-f", "edge.yaml", "-o", "~/out", "--json")
    done = edgewrap(place, *words, environ={"HOME": str(place)})
    assert (done.returncode, done.stderr) == (0, "")
    assert (place / "out" / "main.tf").exists()
    written = json.loads(done.stdout)
    assert (written["directory"], "main.tf" in written["files"]) == (str(place / "out"), True)


def test_files_are_rendered_where_a_link_that_the_user_names_leads(place: Path) -> None:
    """But not where one leads that was there under the default name."""
    (place / "target").mkdir()
    (place / "link").symlink_to("target")
    home = {"HOME": str(place)}
    done = edgewrap(place, "render", "--offline", "-f", "edge.yaml", "-o", "link", environ=home)
    assert (done.returncode, done.stdout.startswith("link: "), done.stderr) == (0, True, "")
    (place / "edge-terraform").symlink_to("target")
    done = edgewrap(place, "render", "--offline", "-f", "edge.yaml", environ=home)
    assert (done.returncode, "edge-terraform is a symbolic link" in done.stderr) == (64, True)


def test_key_and_state_are_beside_the_spec_that_a_link_leads_to(place: Path) -> None:
    (place / "real").mkdir()
    (place / "real" / "edge.yaml").write_text(f"{SPEC}ssh: {{ public_key: key.pub }}\n")
    (place / "real" / "key.pub").write_text(KEY)
    (place / "edge.yaml").unlink()
    (place / "edge.yaml").symlink_to("real/edge.yaml")
    assert edgewrap(place, "render", "--offline", "-f", "edge.yaml").returncode == 0
    edgewrap(place, "plan", "--only", "opennebula", "-f", "edge.yaml")
    assert (place / "real" / ".edgewrap" / "edge" / "logs").is_dir()
    assert not (place / ".edgewrap").exists()


@pytest.mark.parametrize(
    ("command", "mode"),
    [
        ("plan", 0o777),
        ("plan", 0o700),
        ("status", 0o700),
        ("output", 0o755),
        ("logs", 0o700),
        ("force-unlock x --auto-approve", 0o700),
    ],
)
def test_the_working_directory_of_another_user(place: Path, command: str, mode: int) -> None:
    there = place / ".edgewrap" / "edge"
    there.mkdir(parents=True)
    there.chmod(mode)
    os.chown(there, OTHER_USER, OTHER_USER)
    done = edgewrap(place, *command.split(), "-f", "edge.yaml")
    assert (done.returncode, "belongs to another user" in done.stderr) == (1, True), done.stderr
    assert list(there.iterdir()) == []


@pytest.mark.parametrize("command", ["plan", "status", "logs"])
@pytest.mark.parametrize("closed", ["EDGEWRAP_SPEC", "EDGEWRAP_DIR"])
def test_a_place_that_only_another_user_may_enter(place: Path, command: str, closed: str) -> None:
    (place / "closed").mkdir(mode=0o700)
    os.chown(place / "closed", OTHER_USER, OTHER_USER)
    done = edgewrap(place, *command.split(), environ={"EDGEWRAP_SPEC": "edge.yaml", closed: "closed/x"})
    assert (done.returncode, "Permission denied" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("mount", "command", "what", "cause"),
    [
        ("ro", "plan", "the working directory", "its file system is read-only"),
        ("ro", "render --offline", "cannot be written", "its file system is read-only"),
        ("nr_inodes=2", "plan", "the working directory", "its file system is full"),
        ("nr_inodes=4", "plan", "the lock file", "its file system is full"),
        ("nr_inodes=5", "plan", "the log file", "its file system is full"),
        ("size=40k", "render --offline", "cannot be written", "its file system is full"),
    ],
)
def test_a_full_or_read_only_disk_is_the_cause_that_is_named(
    place: Path, mount: str, command: str, what: str, cause: str
) -> None:
    (place / "disk").mkdir()
    script = f'mount -t tmpfs -o {mount} none disk && cd disk && exec "$@"'
    done = edgewrap(
        place,
        *command.split(),
        environ={"HOME": str(place), "EDGEWRAP_DIR": "runs", "EDGEWRAP_SPEC": "../edge.yaml"},
        before=("unshare", "--mount", "sh", "-c", script, "sh"),
    )
    assert (done.returncode, what in done.stderr, cause in done.stderr) == (1, True, True), done.stderr


def test_a_spec_on_standard_input(place: Path) -> None:
    """Relative paths and the working directory are those of the current directory."""
    text = f"{SPEC}ssh: {{ public_key: .ssh/id_ed25519.pub }}\n"
    done = subprocess.run(
        [*EDGEWRAP, "render", "--offline", "-f", "-"],
        cwd=place,
        env=ENVIRONMENT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (place / "edge-terraform" / "main.tf").exists()

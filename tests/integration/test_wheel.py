"""edgewrap installed from a wheel, outside the checkout: it carries all that it reads, and its commands run."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewrap import __version__
from tests.support.checkout import REPOSITORY
from tests.support.docs import command_lines, script
from tests.support.lab import FOLLOW, provider_mirror

PACKAGE = REPOSITORY / "edgewrap"
OUR_PACKAGES = next(path for path in map(Path, sys.path) if path.name == "site-packages")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    [made] = directory.glob("*.whl")
    return made


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel, and a directory to work in."""

    environment: Path
    directory: Path

    def run(self, *command: str, **environ: str) -> str:
        """What a command prints; it finds the installed edgewrap first, and nothing of the checkout."""
        own = {"PATH": f"{self.environment / 'bin'}:{os.environ['PATH']}", "HOME": str(self.directory), **FOLLOW}
        kept = {name: os.environ[name] for name in ("LANG", "HTTPS_PROXY", "NO_PROXY", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            command,
            env={**kept, **own, **environ},
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def install(wheel: Path, directory: Path, *arguments: str) -> Installed:
    """Install with pip into an environment that has nothing else."""
    venv.create(directory / "environment")
    program = str(directory / "environment" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", program, "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], cwd=wheel.parent, check=True, timeout=500)
    (directory / "work").mkdir()
    return Installed(directory / "environment", directory / "work")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Its dependencies are those of this environment; edgewrap itself is not: the checkout is not on its path."""
    made = install(wheel, tmp_path_factory.mktemp("installed"), "--no-index", "--no-deps", str(wheel))
    [packages] = (made.environment / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{OUR_PACKAGES}\n")
    return made


def test_it_has_every_file_of_the_package(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "edgewrap", "terraform"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    files = [name if name.startswith("edgewrap/") else f"edgewrap/{name}" for name in listed.stdout.splitlines()]
    assert {*files} - {*zipfile.ZipFile(wheel).namelist()} == set()


def test_the_main_commands_run(installed: Installed) -> None:
    where = installed.run("python", "-c", "import edgewrap; print(edgewrap.__file__)")
    assert where.startswith(str(installed.environment))
    assert installed.run("edgewrap", "--version") == f"edgewrap {__version__}\n"
    key = installed.directory / ".ssh" / "id_ed25519.pub"
    key.parent.mkdir()
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA someone\n")
    installed.run("edgewrap", "init")
    assert "OK: edge-1 in eu-west-3" in installed.run("edgewrap", "validate")
    assert '"$schema"' in installed.run("edgewrap", "schema")
    installed.run("edgewrap", "render", "--offline", "--output", "rendered")
    made = {path.relative_to(installed.directory / "rendered").as_posix() for path in _files(installed, "rendered")}
    assert {"main.tf", "modules/hosts/main.tf", "terraform.tfvars.json"} <= made


def _files(installed: Installed, name: str) -> list[Path]:
    return [path for path in (installed.directory / name).rglob("*") if path.is_file()]


@pytest.mark.full
def test_a_lab_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """With its own dependencies, and the provider as docs/install.md says."""
    constraints = ["--constraint", str(REPOSITORY / "constraints.txt")]
    fresh = install(wheel, tmp_path, *constraints, f"{wheel}[lab]")
    (tmp_path / "terraform.rc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{provider_mirror()}"\n  }}\n}}\n'
    )
    lines = script("docs/install.md", "As a program of its own")
    provider = lines[lines.index("edgewrap lab up\n") :]
    assert len(list(command_lines(provider))) == 4
    more = "edgewrap lab exec -- edgewrap plan --file edge.yaml\nedgewrap lab down\n"
    shown = fresh.run("bash", "-exc", provider + more, TF_CLI_CONFIG_FILE=str(tmp_path / "terraform.rc"))
    assert "\naws: 36 to create\n" in shown

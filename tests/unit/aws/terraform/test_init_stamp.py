"""When `terraform init` has to run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgewrap.aws.terraform.init_stamp import InitStamp


@pytest.fixture
def module(tmp_path: Path) -> Path:
    directory = tmp_path / "terraform"
    (directory / "modules" / "hosts").mkdir(parents=True)
    (directory / ".terraform" / "providers").mkdir(parents=True)
    for name in ("main.tf", "modules/hosts/main.tf", ".terraform.lock.hcl", "terraform.tfvars.json"):
        (directory / name).write_text(name)
    return directory


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "bin"
    path.write_text("")
    return path


def change_nothing(_module: Path) -> None:
    pass


def write(name: str) -> Callable[[Path], None]:
    def change(module: Path) -> None:
        (module / name).write_text("other")

    return change


def remove_providers(module: Path) -> None:
    (module / ".terraform" / "providers").rmdir()


def forget(module: Path) -> None:
    (module / "init.json").write_text("{")


CASES = [
    pytest.param(change_nothing, False, id="nothing"),
    pytest.param(write("terraform.tfvars.json"), False, id="values"),
    pytest.param(write("main.tf"), True, id="backend or provider version"),
    pytest.param(write("backend.tfbackend.json"), True, id="where the state is"),
    pytest.param(write("modules/hosts/main.tf"), True, id="a module"),
    pytest.param(write("modules/hosts/more.tf"), True, id="a new file"),
    pytest.param(write(".terraform.lock.hcl"), True, id="the lock file"),
    pytest.param(remove_providers, True, id="providers gone"),
    pytest.param(forget, True, id="a broken stamp"),
]


@pytest.mark.parametrize(("change", "needed"), CASES)
def test_init_is_needed_only_for_what_it_depends_on(
    module: Path, binary: Path, change: Callable[[Path], None], needed: bool
) -> None:
    stamp = InitStamp(module, module / "init.json")
    assert stamp.needed(binary, None)
    stamp.remember(binary, None)
    change(module)
    assert stamp.needed(binary, None) is needed


def test_another_plugin_directory_or_binary_needs_it(module: Path, binary: Path, tmp_path: Path) -> None:
    stamp = InitStamp(module, module / "init.json")
    stamp.remember(binary, tmp_path)
    assert not stamp.needed(binary, tmp_path)
    assert stamp.needed(binary, None)
    binary.write_text("newer")
    assert stamp.needed(binary, tmp_path)

"""When `terraform init` has to run again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewrap.aws.terraform.binary import Binary
from edgewrap.aws.terraform.init_stamp import InitStamp

BINARY = Binary(Path("/bin/terraform"), "1.11.4")
PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    directory = tmp_path / "terraform"
    (directory / "modules" / "hosts").mkdir(parents=True)
    cached = tmp_path / "cache" / "linux_amd64"
    cached.mkdir(parents=True)
    (cached / "terraform-provider-aws_v5.100.0_x5").touch()
    version = directory / ".terraform" / "providers" / PROVIDER
    version.mkdir(parents=True)
    (version / "linux_amd64").symlink_to(cached)
    for name in ("main.tf", "modules/hosts/main.tf", ".terraform.lock.hcl", "terraform.tfvars.json"):
        (directory / name).write_text(name)
    return directory


def change_nothing(_module: Path) -> None:
    pass


def write(name: str) -> Callable[[Path], None]:
    def change(module: Path) -> None:
        (module / name).write_text("other")

    return change


def remove_providers(module: Path) -> None:
    shutil.rmtree(module / ".terraform" / "providers")


def delete_the_cache(module: Path) -> None:
    shutil.rmtree(module.parent / "cache")


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
    pytest.param(delete_the_cache, True, id="the provider's link leads nowhere"),
    pytest.param(forget, True, id="a broken stamp"),
]


@pytest.mark.parametrize(("change", "needed"), CASES)
def test_init_is_needed_only_for_what_it_depends_on(module: Path, change: Callable[[Path], None], needed: bool) -> None:
    stamp = InitStamp(module, module / "init.json")
    assert stamp.needed(BINARY, None)
    stamp.remember(BINARY, None)
    change(module)
    assert stamp.needed(BINARY, None) is needed


def test_another_plugin_directory_or_binary_needs_it(module: Path, tmp_path: Path) -> None:
    stamp = InitStamp(module, module / "init.json")
    stamp.remember(BINARY, tmp_path)
    assert not stamp.needed(BINARY, tmp_path)
    assert stamp.needed(BINARY, None)
    assert stamp.needed(Binary(BINARY.path, "1.12.0"), tmp_path)


def test_the_login_of_an_endpoint_is_not_written(module: Path, tmp_path: Path) -> None:
    stamp = InitStamp(module, tmp_path / "init.json", "http://user:pa55word@s3.example")
    stamp.remember(BINARY, None)
    assert not stamp.needed(BINARY, None)
    assert "pa55" not in stamp.memory.read_text()

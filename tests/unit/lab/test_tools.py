"""Where the lab finds Terraform's providers."""

from __future__ import annotations

import re
from pathlib import Path

from edgewrap.aws.render.module import template_root
from edgewrap.lab.tools import find_providers

PLATFORM = "registry.example/hashicorp/aws/5.100.0/linux_amd64"


def test_the_environment_variable_overrides_the_checkout(tmp_path: Path) -> None:
    provider = tmp_path / "providers" / PLATFORM / "terraform-provider-aws_v5.100.0_x5"
    provider.parent.mkdir(parents=True)
    assert find_providers({}, tmp_path) == ""
    provider.touch()
    assert find_providers({}, tmp_path) == str(tmp_path / "providers")
    assert find_providers({"EDGEWRAP_PLUGIN_DIR": ""}, tmp_path) == str(tmp_path / "providers")
    assert find_providers({"EDGEWRAP_PLUGIN_DIR": "/mirror"}, tmp_path) == "/mirror"


def test_a_link_to_a_deleted_mirror_is_not_used(tmp_path: Path) -> None:
    link = tmp_path / "providers" / PLATFORM
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "deleted")
    assert find_providers({}, tmp_path) == ""


def test_make_downloads_the_provider_version_of_the_rendered_module() -> None:
    files = ("root/main.tf.j2", "providers/versions.tf", "providers/.terraform.lock.hcl")
    pattern = re.compile(r'^ +version += "(.*)"$', re.MULTILINE)
    assert {version for name in files for version in pattern.findall((template_root() / name).read_text())} == {
        "5.100.0"
    }

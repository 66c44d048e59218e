"""`edgewrap render`: into a directory of the user's choice, without AWS where the user says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewrap.aws.export import export_terraform
from edgewrap.errors import UsageError
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, make_spec


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    (tmp_path / "key.pub").write_text(PUBLIC_KEY)
    return make_spec(ssh={"public_key": str(tmp_path / "key.pub")})


def test_it_works_without_aws_and_twice_the_same(spec: Spec, tmp_path: Path) -> None:
    names = export_terraform(spec, None, tmp_path / "out", {}, offline=True)
    first = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    assert export_terraform(spec, None, tmp_path / "out", {}, offline=True) == names
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == first
    values = json.loads(first["terraform.tfvars.json"])
    assert (values["zone"], values["public_key"]) == ("eu-west-3a", PUBLIC_KEY)
    assert values["uuid"] == "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("name", ["own.tf", "own.tf.json", "own.auto.tfvars"])
def test_a_directory_with_other_terraform_files_is_left_alone(spec: Spec, tmp_path: Path, name: str) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / name).write_text("")
    with pytest.raises(UsageError, match=name):
        export_terraform(spec, None, directory, {}, offline=True)
    assert [path.name for path in directory.iterdir()] == [name]


@pytest.mark.parametrize("link", ["", "modules", "modules/hosts"])
def test_nothing_is_written_to_where_a_link_leads(spec: Spec, tmp_path: Path, link: str) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "out" / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / link).symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match="is a symbolic link"):
        export_terraform(spec, None, tmp_path / "out", {}, offline=True)
    assert list((tmp_path / "target").iterdir()) == []

"""Files are written whole or not at all, and files of an earlier render are deleted."""

from __future__ import annotations

from pathlib import Path

from edgewrap.atomic_files import write_atomically, write_tree


def test_a_file_is_written_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    assert write_atomically(path, "é")
    assert path.read_text(encoding="utf-8") == "é"
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.stat().st_mtime_ns
    assert not write_atomically(path, "é")
    assert path.stat().st_mtime_ns == written
    assert write_atomically(path, "other")
    assert [child.name for child in path.parent.iterdir()] == ["file"]


def test_files_of_an_earlier_render_are_removed_and_others_kept(tmp_path: Path) -> None:
    write_tree(tmp_path, {"main.tf": "1", "old.tf": "1", "modules/hosts/old.tf": "1", "terraform.tfvars.json": "{}"})
    for name in ("override.tf.json", "more.auto.tfvars", "backend.tfbackend.json", ".terraform.lock.hcl", "notes.txt"):
        (tmp_path / name).write_text("")
    write_tree(tmp_path, {"main.tf": "2", "terraform.tfvars.json": "{}"})
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"main.tf", "terraform.tfvars.json", ".terraform.lock.hcl", "notes.txt"}
    assert (tmp_path / "main.tf").read_text() == "2"

"""An installed wheel carries the templates."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


def test_templates_are_found_in_an_installed_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    program = "from edgewrap.aws.render.module import template_root; print(template_root())"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(installed / "edgewrap" / "terraform")
    in_checkout = {path.relative_to(REPOSITORY / "terraform") for path in (REPOSITORY / "terraform").rglob("*.j2")}
    root = Path(found.stdout.strip())
    assert {path.relative_to(root) for path in root.rglob("*.j2")} == in_checkout

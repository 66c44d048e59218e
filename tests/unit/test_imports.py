"""Who may import whom: cli → engine → aws | opennebula | hosts → spec, and the lab beside them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgewrap
from tests.unit.cli.test_main import HEAVY

PACKAGE = Path(edgewrap.__file__).parent
PLANES = ("aws", "opennebula", "hosts")
FACES = {f"edgewrap.{plane}.plane" for plane in PLANES} | {"edgewrap.aws.state"}
"""What the engine may import of a plane: its face; and where AWS's state is, since the run's lock goes there."""

ABOVE = {  # for each package, the packages that it must not import
    "spec": {"cli", "engine", *PLANES, "first_boot", "lab"},
    "first_boot": {"cli", "engine", *PLANES, "lab"},
    "aws": {"cli", "engine", "opennebula", "hosts", "lab"},
    "opennebula": {"cli", "engine", "aws", "hosts", "lab"},
    "hosts": {"cli", "engine", "aws", "opennebula", "lab"},
    "engine": {"cli", "lab", "ipam"},
    "ipam": {"cli", "engine", "hosts", "lab"},
}


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Each file of the package, and each module of ours that it imports."""
    for file in sorted((PACKAGE / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgewrap"):
                yield str(file.relative_to(PACKAGE)), node.module or ""


def top(module: str) -> str:
    """The package of ours that a module is in."""
    return module.partition("edgewrap.")[2].partition(".")[0]


@pytest.mark.parametrize("package", ABOVE)
def test_arrows_point_one_way(package: str) -> None:
    assert [(file, module) for file, module in imports(package) if top(module) in ABOVE[package]] == []


def test_the_engine_imports_nothing_of_a_plane_but_its_face() -> None:
    assert [pair for pair in imports("engine") if top(pair[1]) in PLANES and pair[1] not in FACES] == []


def test_the_ipam_driver_imports_of_planes_only_what_it_needs() -> None:
    needed = {"edgewrap.aws.clients", "edgewrap.aws.elastic_ips", "edgewrap.opennebula.plane"}
    assert {module for _, module in imports("ipam") if top(module) in PLANES} <= needed


def test_what_is_below_the_planes_imports_none() -> None:
    for path in sorted(PACKAGE.glob("*.py")):
        tree = ast.parse(path.read_text())
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [module for module in modules if top(module) in (*PLANES, "engine", "cli")], path.name


def test_nothing_slow_is_imported_before_the_provider_is_started() -> None:
    """A run starts the provider first, because that takes longest; everything else is imported beside it."""
    code = (
        "import sys, edgewrap.cli.main, edgewrap.engine.cluster, edgewrap.engine.plan, edgewrap.aws.plane;"
        f"print(*sorted({{*{HEAVY!r}}} & {{*sys.modules}}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "edgewrap.spec.models pydantic python_terraform yaml\n"

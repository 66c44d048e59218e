"""Each package's `__init__.py` is a map of its files: it names all of them, and no file that does not exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.checkout import REPOSITORY

PACKAGES = sorted(
    file.parent.relative_to(REPOSITORY).as_posix() for file in (REPOSITORY / "edgewrap").rglob("__init__.py")
)


def text(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("name", PACKAGES)
def test_the_map_of_files_is_complete(name: str) -> None:
    package = REPOSITORY / name
    modules = {file.name for file in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert {module for module in modules if module not in text(package)} == set()
    below = {file.parent.name for file in package.glob("*/__init__.py")}
    assert {folder for folder in below if not re.search(rf"`{folder}`|\b{folder}/", text(package))} == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_every_named_file_exists(name: str) -> None:
    package = REPOSITORY / name
    named = set(re.findall(r"(?<![\w/.-])[a-z_]+\.py\b", text(package)))
    assert {module for module in named if not list(package.rglob(module))} == set()

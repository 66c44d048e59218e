"""Each file in `cases/` is a broken spec; its last lines (`# expect: `) are the exact problems, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.errors import SpecError
from edgewrap.spec.load import load_spec

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
ENVIRONMENT = {"FRONT_END": "front end", "TWO_LINES": "a\nb", "COUNT": "3", "NAME": "edge-9"}
MARK = "# expect: "


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_problem_has_its_line_and_column(case: Path) -> None:
    lines = case.read_text(encoding="latin-1").encode("latin-1").decode("utf-8", "replace").splitlines()
    expected = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    with pytest.raises(SpecError) as error:
        load_spec(case, ENVIRONMENT)
    assert [str(problem).removeprefix(f"{case}:") for problem in error.value.problems] == expected
    assert str(error.value).count("\n") == len(expected) - 1


def test_there_are_cases() -> None:
    assert len(CASES) >= 50


def test_no_error_shows_a_credential() -> None:
    for case in CASES:
        with pytest.raises(SpecError) as error:
            load_spec(case, ENVIRONMENT)
        assert "hunter2" not in str(error.value)
        assert "AKIAABCDEFGHIJKLMNOP" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda path: path / "missing.yaml", "there is no such file; `edgewrap init` writes a starter"),
        (lambda path: path, "is a directory, not a spec file"),
        (lambda path: path / ("x" * 300), "cannot be read: File name too long"),
        (lambda path: path / "a\0b", "is not the path of a file"),
        (lambda path: _large(path / "large.yaml"), "is too large: more than 262144 bytes"),
    ],
    ids=["missing", "directory", "long name", "null byte", "large"],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, make, rule: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(SpecError) as error:
        load_spec(path, {})
    assert str(error.value) == f"{path}: {rule}"


def _large(path: Path) -> Path:
    path.write_text("# comment\n" * 30_000)
    return path

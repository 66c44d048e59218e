"""The lab that tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of the module's own."""
    directory: Path = tmp_path_factory.mktemp("lab") / "lab"
    made = Lab(directory)
    made.up()
    yield made
    made.down()

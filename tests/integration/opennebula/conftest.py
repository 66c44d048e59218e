"""Front-ends to run against."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import front_end
from tests.support.front_end import VERSIONS, Stage


@pytest.fixture(params=VERSIONS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """A fresh front-end of each version."""
    return front_end.stage(request.param, tmp_path)


@pytest.fixture
def newer(tmp_path: Path) -> Stage:
    """A fresh front-end of the newer version, for what no version does differently."""
    return front_end.stage(VERSIONS[-1], tmp_path)

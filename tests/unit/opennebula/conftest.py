"""Recordings of real front-ends."""

from __future__ import annotations

import pytest

from tests.support.recordings import Recording


@pytest.fixture(params=("6.10.0.1", "7.0.2", "7.4.0"))
def recording(request: pytest.FixtureRequest) -> Recording:
    """Each version's recordings."""
    return Recording(request.param)

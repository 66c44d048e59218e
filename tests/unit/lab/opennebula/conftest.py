"""Front-ends without a process or a wire, whose clock is fixed until it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab_opennebula import Bench, Benches


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Benches]:
    """Makes front-ends, fresh or of a database that is there."""
    made: list[Bench] = []

    def make(version: str = "7.0.2", *, database: str = "one.db", **options: Any) -> Bench:
        made.append(Bench.of(tmp_path / database, version, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.one.store.close()


@pytest.fixture
def bench(benches: Benches) -> Bench:
    """A fresh front-end of release 7.0.2."""
    return benches()

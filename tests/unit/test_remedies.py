"""Every row of the three tables: a real message finds it, and no row hides another one.

The messages are those of `tests/data/errors`: recorded here (lab, terraform, botocore, requests, asyncssh), from issues
that show them, or as the service's own reference words them. `cause` is a part of what the row says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewrap.aws import remedies as infra
from edgewrap.hosts import remedies as hosts
from edgewrap.opennebula import remedies as opennebula
from edgewrap.remedies import Remedy, find_remedy

DATA = Path(__file__).parents[1] / "data" / "errors"
TABLES: dict[str, Sequence[Remedy]] = {
    "aws": infra.REMEDIES,
    "s3": infra.S3,
    "opennebula": opennebula.REMEDIES,
    "connection": hosts.CONNECTION,
    "proxy": hosts.PROXY,
    "sudo": hosts.SUDO,
    "script": hosts.SCRIPT,
}


@dataclass(frozen=True)
class Case:
    """A real message, and the row that it must match."""

    table: str
    message: str
    cause: str

    def __str__(self) -> str:
        return f"{self.table}: {self.cause}"


def read_cases() -> list[Case]:
    """All cases of the data files."""
    return [
        Case(row.get("table", file.stem), row["message"], row["cause"])
        for file in sorted(DATA.glob("*.json"))
        for row in json.loads(file.read_text())
    ]


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_real_message_has_its_cause_and_advice(case: Case) -> None:
    found = find_remedy(TABLES[case.table], case.message)
    assert found is not None
    assert case.cause in found.cause
    assert found.advice


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_found_by_a_real_message(table: str) -> None:
    found = {find_remedy(TABLES[table], case.message) for case in CASES if case.table == table}
    assert [row.cause for row in TABLES[table] if row not in found] == []


def test_there_are_enough_rows() -> None:
    rows = [row for table in TABLES.values() for row in table]
    assert len(rows) >= 40
    assert len({row.pattern for row in rows if row.pattern}) == len([row for row in rows if row.pattern])


def test_line_breaks_in_a_message_do_not_matter() -> None:
    row = Remedy("any of the checksums", "", "")
    assert row.fits("doesn't match any of the\n  checksums")

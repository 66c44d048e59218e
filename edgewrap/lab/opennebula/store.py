"""The front-end's objects: immutable records in memory; every change is written to SQLite.

One transaction per call: the changes of a failed call are undone in both places.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

from edgewrap.lab.opennebula.records import KINDS, Record

R = TypeVar("R", bound=Record)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (kind TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, next INTEGER NOT NULL);
"""

_Change = tuple[str, int, Record | None]


class Store:
    """Records by kind and id. Use everything except `lock` within `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._records: dict[str, dict[int, Record]] = {kind: {} for kind in KINDS}
        for kind, number, body in self._database.execute("SELECT kind, id, body FROM records ORDER BY kind, id"):
            self._records[kind][number] = KINDS[kind].model_validate_json(body)
        self._counters: dict[str, int] = dict(self._database.execute("SELECT name, next FROM counters"))
        self._undo: list[_Change] | None = None

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; write what changed at the end, or undo all of it."""
        with self.lock:
            if self._undo is not None:  # part of an outer one
                yield
                return
            self._undo = []
            counters = dict(self._counters)
            try:
                yield
                self._write(self._undo, counters)
            except BaseException:
                for kind, number, record in reversed(self._undo):
                    self._place(kind, number, record)
                self._counters = counters
                raise
            finally:
                self._undo = None

    def get(self, kind: type[R], number: int) -> R | None:
        """The record of that id."""
        return cast("R | None", self._records[kind.__name__].get(number))

    def all(self, kind: type[R]) -> list[R]:
        """Every record of the kind, by ascending id."""
        records = self._records[kind.__name__]
        return cast("list[R]", [records[number] for number in sorted(records)])

    def put(self, record: R) -> R:
        """Store the record; it replaces the one with its id."""
        kind = type(record).__name__
        if self._records[kind].get(record.id) != record:
            self._change(kind, record.id, record)
        return record

    def drop(self, record: Record) -> None:
        """Delete the record."""
        self._change(type(record).__name__, record.id, None)

    def next_id(self, kind: type[Record], first: int = 0) -> int:
        """An id that was never used for this kind."""
        number = self._counters.get(kind.__name__, first)
        self._counters[kind.__name__] = number + 1
        return number

    def _change(self, kind: str, number: int, record: Record | None) -> None:
        if self._undo is None:
            raise RuntimeError("the store changes only inside a transaction")
        self._undo.append((kind, number, self._records[kind].get(number)))
        self._place(kind, number, record)

    def _place(self, kind: str, number: int, record: Record | None) -> None:
        if record is None:
            self._records[kind].pop(number, None)
        else:
            self._records[kind][number] = record

    def _write(self, changes: list[_Change], counters: dict[str, int]) -> None:
        if not changes and counters == self._counters:
            return
        self._database.execute("BEGIN")
        try:
            for kind, number in {(kind, number) for kind, number, _ in changes}:
                record = self._records[kind].get(number)
                if record is None:
                    self._database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, number))
                else:
                    row = (kind, number, record.model_dump_json())
                    self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", row)
            self._database.executemany("INSERT OR REPLACE INTO counters VALUES (?, ?)", self._counters.items())
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

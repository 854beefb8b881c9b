"""Changes between file and desk: put into the order of time on disk, so that memory does not grow with the file."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from deploy.importing.history import Change
from events.times import from_text, to_text

_AT_ONCE = 1000
_SCHEMA = """
CREATE TABLE changes (line INTEGER PRIMARY KEY, number TEXT NOT NULL, at TEXT NOT NULL, opened TEXT, change TEXT NOT NULL);
CREATE TABLE people (name TEXT PRIMARY KEY, first TEXT NOT NULL, assigned INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADD = "INSERT INTO changes VALUES (?, ?, ?, ?, ?)"
_SEE = """
INSERT INTO people VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET first = min(first, excluded.first), assigned = max(assigned, excluded.assigned)
"""
# the places are worked out without the changes themselves, or sorting would move every byte of them
_IN_ORDER = """
SELECT line, row_number() OVER of_a_ticket, first_value(opened) OVER of_a_ticket
FROM changes WINDOW of_a_ticket AS (PARTITION BY number ORDER BY at, line) ORDER BY at, line
"""


class Person(NamedTuple):
    """Somebody in the file: when they first appear, and whether a ticket is ever theirs to handle."""

    name: str
    first: datetime
    assigned: bool


class Placed(NamedTuple):
    """A change whose `row` is its key within its ticket. `raised`: it stood before the opening of its ticket, and was raised to it."""

    change: Change
    raised: bool


class Spool:
    """`with Spool() as spool:` is a temporary file; what was added comes back in the order of time, then of the file."""

    def __init__(self) -> None:
        # without a name it is a file that is gone as soon as nobody has it open, however that comes about
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; {_SCHEMA} BEGIN;")
        self._waiting: list[Change] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def add(self, change: Change) -> None:
        """Take a change in; no two may have the same line."""
        self._waiting.append(change)
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def _write(self) -> None:
        changes, self._waiting = self._waiting, []
        rows = [(each.line, each.number, to_text(each.at), each.opening and to_text(each.opening.at), each.dump()) for each in changes]
        self._database.executemany(_ADD, rows)
        seen = [(name, to_text(at), assigned) for change in changes for name, at, assigned in change.seen()]
        self._database.executemany(_SEE, seen)

    def counts(self) -> tuple[int, int]:
        """Return how many changes and how many people there are."""
        self._write()
        ((changes, people),) = self._database.execute("SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM people)")
        return changes, people

    def people(self) -> Iterator[Person]:
        """Yield everybody, in the order in which they first appear."""
        self._write()
        for name, first, assigned in self._database.execute("SELECT * FROM people ORDER BY first, name"):
            yield Person(name, from_text(first), bool(assigned))

    def changes(self) -> Iterator[Placed]:
        """Yield the changes, none before its ticket was opened."""
        self._write()
        for line, place, opened in self._database.execute(_IN_ORDER):
            ((text,),) = self._database.execute("SELECT change FROM changes WHERE line = ?", (line,))
            read = Change.load(text)
            change = read.raised_to(from_text(opened) if opened is not None else None)
            yield Placed(replace(change, row=change.row or str(place)), raised=change is not read)

"""A process that walks over parts of a log for another: `python -m events.walker`, started by `events.walkers`.

Asked with `Work`, as a list, it answers with the walks, dumped, one after the other as far as they came.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from events.walk import BEGINNING, Broken, Place, Walk
from events.walk_sql import WALK_SQL, teach
from events.walking import Unreadable, walk_on
from events.working import answer_each

try:
    import pysqlite3 as sqlite
except ImportError:
    import sqlite3 as sqlite

SQLITE: Any = sqlite
_PRAGMAS = ("query_only=ON", "busy_timeout=5000", "trusted_schema=OFF")


class Work(NamedTuple):
    """Walk from behind the event `after` to each of `ends` in turn; the head row counts `counted` events."""

    database: str
    source: str
    after: int
    ends: Sequence[int]
    counted: int


class Database:
    """A log in a SQLite file, read by the driver alone (`events.walking.Pages`)."""

    def __init__(self, path: str) -> None:
        self._connection = SQLITE.connect(f"{Path(path).as_uri()}?mode=rw", uri=True, isolation_level=None)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        teach(SQLITE, self._connection)
        self.source = ""

    @contextmanager
    def page(self, after: int, limit: int) -> Iterator[Iterable[tuple[Any, ...]]]:
        try:
            with closing(self._connection.execute(WALK_SQL["sqlite"].rows, (self.source, after, limit))) as cursor:
                yield cursor
        except SQLITE.Error as error:
            raise Unreadable(str(error)) from error

    def whole(self, sequence: int) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._one(WALK_SQL["sqlite"].whole, sequence)
        return row

    def place(self, sequence: int) -> Place | None:
        """Return the place behind an event, None when it is not there."""
        if sequence == 0:
            return BEGINNING
        row = self._one(WALK_SQL["sqlite"].place, sequence)
        return None if row is None else Place(*row)

    def _one(self, statement: str, sequence: int) -> Any:
        try:
            return self._connection.execute(statement, (sequence,)).fetchone()
        except SQLITE.Error as error:
            raise Unreadable(str(error)) from error


def walks(work: Work, database: Database) -> Iterator[Walk]:
    """Yield the walk to each end, the last of which may be broken; none when there is no place to begin at."""
    database.source = work.source
    try:
        place = database.place(work.after)
    except Unreadable:
        return
    if place is None:
        return
    for end in work.ends:
        walk = Walk(work.source, place)
        try:
            walk_on(walk, end, database, work.counted)
        except Broken as broken:
            walk.broken = broken
        yield walk
        if walk.broken is not None:
            return
        place = walk.place


def main() -> None:
    """Work until nothing more is asked for."""
    databases: dict[str, Database] = {}

    def walk(asked: Sequence[Any]) -> Any:
        work = Work(*asked)
        if work.database not in databases:
            databases[work.database] = Database(work.database)
        return [walk.dump() for walk in walks(work, databases[work.database])]

    answer_each(walk)


if __name__ == "__main__":
    main()

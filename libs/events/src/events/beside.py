"""Derived tables built a second time, beside those in use: in a database of their own, by the very code that writes them live.

The second database is a file that sees the store as well: a name that it does not have itself is one of the store's. So whatever folds
events into tables reads the log and writes the new tables, and knows nothing of all this. Nothing waits for the disk there, and nobody
waits for it: the store is only read until both are compared, and again for the moment in which they are made equal.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from events.decider import Key
from events.savepoints import savepoint
from events.store import SQLITE, Store

_PAGE = 1000  # rows that are compared at once
_PRAGMAS = ("journal_mode=MEMORY", "synchronous=OFF", "temp_store=MEMORY", "cache_size=-65536", "busy_timeout=5000")
LIVE, BUILT = "live", "main"
"""The schemas of the store and of the database beside it, as the latter's connection names them."""

Load = Callable[[Connection, Sequence[str]], Mapping[str, Any]]


@contextlib.contextmanager
def beside(store: Store, directory: Path) -> Iterator[Connection]:
    """Open an empty database that sees the store. Its file is in `directory`, and gone with the block, or with the process.

    Raises ValueError where the store is not SQLite: another engine has no second database that sees the first.
    """
    if store.url.get_backend_name() != "sqlite":
        raise ValueError("Tables can be built beside those in use on SQLite alone.")

    def connect() -> Any:
        with tempfile.TemporaryDirectory(dir=directory, prefix="rebuild-") as place:  # an open file needs no name
            connection = SQLITE.connect(f"file:{quote(place)}/tables?mode=rwc", uri=True, check_same_thread=False, isolation_level=None)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("CREATE TABLE here (id INTEGER)")  # the file is there from now on
        connection.execute("ATTACH ? AS live", (f"file:{quote(str(store.url.database))}?mode=ro",))
        return connection

    engine = create_engine("sqlite://", creator=connect, module=SQLITE, poolclass=StaticPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def step(connection: Connection) -> Iterator[None]:
    """Let what is executed inside see one moment of the store, and let go of it afterwards, so that its WAL can be checkpointed."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(DBAPIError):  # the first error tells more
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def make(connection: Connection, tables: Sequence[Table], kept: frozenset[str] = frozenset()) -> None:
    """Make the tables, empty, and of their indexes only those named in `kept`: who folds needs few of them, and they cost the most."""
    for table in tables:
        table.create(connection, checkfirst=False)
        for index in table.indexes:
            if index.name not in kept:
                index.drop(connection)


@dataclass
class Folding:
    """What a handler of events needs of the writer's transaction, on a database beside the store (`events.decider.Transaction`)."""

    connection: Connection
    now: datetime
    loaders: Mapping[str, Load]
    _known: dict[Key, Any] = field(default_factory=dict)

    def state(self, key: Key) -> Any:
        """Return what the key stands for in the store."""
        if key not in self._known:
            kind, id_ = key
            self._known[key] = self.loaders[kind](self.connection, [id_])[id_]
        return self._known[key]

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what is executed inside, and only that, when the block raises."""
        return savepoint(self.connection)


class Difference(NamedTuple):
    """A row that is not the same on both sides: as it was built, and as it stands in use; None where there is none."""

    built: tuple[Any, ...] | None
    used: tuple[Any, ...] | None


@dataclass
class Comparison:
    """How many rows a table has, the SHA-256 of them all in the order of their keys on either side, and how many differ."""

    rows: int = 0
    differing: int = 0
    _built: Any = field(default_factory=sha256)
    _used: Any = field(default_factory=sha256)

    @property
    def built(self) -> str:
        """The digest of what was built, in hex."""
        return str(self._built.hexdigest())

    @property
    def used(self) -> str:
        """The digest of what is in use, in hex."""
        return str(self._used.hexdigest())

    def differences(self, built: Connection, table: Table, used: Connection | None = None) -> Iterator[list[Difference]]:
        """Go along a table on both sides, some thousand rows at a time, and yield what differs. What is yielded may be mended at once.

        What is in use is seen by `used`, the writer's connection, or else by `built`, which shows one moment of both sides in a `step`.
        """
        ours, theirs = _Side(built, f"{BUILT}.", table), _Side(used or built, "" if used else f"{LIVE}.", table)
        after: tuple[Any, ...] | None = None
        while True:
            pages = [side.rows(after, _PAGE) for side in (ours, theirs)]
            full = [ours.key(page[-1]) for page in pages if len(page) == _PAGE]
            upper = min(full, default=None)  # what is beyond it on either side may have its like beyond the other's page
            page, others = pages if upper is None else ([row for row in each if ours.key(row) <= upper] for each in pages)
            self.rows += len(page)
            text = "".join(map(repr, page)).encode()
            self._built.update(text)
            if page == others:
                self._used.update(text)
            else:
                self._used.update("".join(map(repr, others)).encode())
                found = _differing(ours, page, others)
                self.differing += len(found)
                yield found
            if upper is None:
                return
            after = upper

    def note(self, built: Iterable[tuple[Any, ...]], used: Iterable[tuple[Any, ...]]) -> None:
        """Compare rows of something that is no table, in one order; one row more or less lets all that follow differ."""
        for ours, theirs in zip_longest(built, used):
            self.rows += ours is not None
            self.differing += ours != theirs
            self._built.update(repr(ours).encode() if ours else b"")
            self._used.update(repr(theirs).encode() if theirs else b"")


class _Side:
    """A table as one connection sees it, in the order of its key."""

    def __init__(self, connection: Connection, schema: str, table: Table) -> None:
        columns, key = _columns(table)
        self._places = [columns.index(name) for name in key]
        self._connection = connection
        self._key, self._marks = f"({', '.join(key)})", f"({', '.join('?' * len(key))})"
        self._select = f"SELECT {', '.join(columns)} FROM {schema}{table.name}"  # noqa: S608 (names of our own)
        self._order = f" ORDER BY {', '.join(key)}"

    def key(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(row[place] for place in self._places)

    def rows(self, after: Sequence[Any] | None, limit: int) -> list[tuple[Any, ...]]:
        """Return up to `limit` rows beyond `after`."""
        asked = "" if after is None else f" WHERE {self._key} > {self._marks}"
        result = self._connection.exec_driver_sql(f"{self._select}{asked}{self._order} LIMIT {limit}", tuple(after or ()))
        return list(result.cursor.fetchall())  # the driver's own rows: nothing is converted on the way


def _columns(table: Table) -> tuple[list[str], list[str]]:
    """Return the names of all columns, and of those of the key."""
    return [column.name for column in table.columns], [column.name for column in table.primary_key.columns]


def _differing(side: _Side, built: Sequence[tuple[Any, ...]], used: Sequence[tuple[Any, ...]]) -> list[Difference]:
    ours, theirs = ({side.key(row): row for row in rows} for rows in (built, used))
    pairs = (Difference(ours.get(key), theirs.get(key)) for key in ours | theirs)
    return [pair for pair in pairs if pair.built != pair.used]


def mend(connection: Connection, table: Table, found: Sequence[Difference]) -> None:
    """Make the rows in use what was built."""
    columns, key = _columns(table)
    places = [columns.index(name) for name in key]
    gone = [tuple(each.used[place] for place in places) for each in found if each.used is not None]
    new = [each.built for each in found if each.built is not None]
    if gone:
        where = " AND ".join(f"{name} = ?" for name in key)
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {where}", gone)  # noqa: S608 (names of our own)
    if new:
        values = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values})", new)  # noqa: S608 (as above)

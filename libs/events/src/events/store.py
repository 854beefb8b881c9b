"""A store: one database, with one engine for its writer and one for everybody who reads."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from events.envelope import COLUMNS, StoredEvent
from events.errors import Unavailable
from events.lanes import Lane
from events.prepared import Query, Reader, Row
from events.tables import events, head

try:
    # the SQLite of many distributions can corrupt a WAL database that two connections write (fixed in 3.51.3)
    import pysqlite3 as sqlite
except ImportError:
    import sqlite3 as sqlite

logger = logging.getLogger(__name__)
T = TypeVar("T")

SQLITE: Any = sqlite
"""The library in use."""
SQLITE_FLOOR = (3, 51, 3)
_WRITING = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "temp_store=MEMORY",
    "cache_size=-32768",  # KiB, taken as they are needed: the ends of some thirty indexes, which 2 MiB do not hold at 100,000 tickets
)
_READING = ("query_only=ON", "busy_timeout=5000", "trusted_schema=OFF", "temp_store=MEMORY")
_FULL = 2  # what SQLite calls synchronous=FULL when asked
_READERS = 16
_LENGTHY, _WHOLE = 2, 3
"""How many at once; with the threads for short reads they are fewer than there are connections."""
_PATIENCE = 5.0  # seconds that a reader waits for a connection
_PG_LOCKS = "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=2000"

_LOG = select(*(events.c[name] for name in COLUMNS))
_READ_LOG = Query(_LOG.where(events.c.sequence > bindparam("after")).order_by(events.c.sequence).limit(bindparam("limit")))
_READ_STREAM = Query(_LOG.where(events.c.subject == bindparam("subject")).order_by(events.c.streamversion))
HEAD = tuple(head.c[name] for name in ("source", "origin", "sequence", "hash", "tree", "recordedtime", "batch"))
"""What `head_in` reads."""
_READ_HEAD = select(*HEAD)
_IMPORTED = COLUMNS.index("imported")


class Store:
    """One database by its SQLAlchemy URL. `writing` is the writer's alone; everybody else reads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._glances: list[Glance] = []
        self.lengthy = Lane("long reads of the past", _LENGTHY, _PATIENCE)
        """Reads of seconds: the others, which need milliseconds, do not stand in line behind them."""
        self.exports = Lane("exports", _LENGTHY, _PATIENCE)
        """Reads of parts of an answer of minutes."""
        self.whole = Lane("verifying and copying", _WHOLE, _PATIENCE)
        """Work of minutes."""
        if self.url.get_backend_name() == "sqlite":
            self.writing, self.reading = _sqlite(self.url, _WRITING, "BEGIN IMMEDIATE", 1), _sqlite(self.url, _READING, "BEGIN", _READERS)
            event.listen(self.writing, "connect", _demand_durability)
            if doubt := doubt_about(sqlite_version()):
                logger.warning("%s", doubt)
        else:
            common: dict[str, Any] = {"hide_parameters": True, "pool_timeout": _PATIENCE}
            self.writing = create_engine(
                self.url, pool_size=2, isolation_level="READ COMMITTED", connect_args={"options": _PG_LOCKS}, **common
            )
            # one snapshot for all of a read's statements, as SQLite gives it
            reading = create_engine(self.url, pool_size=_READERS, isolation_level="REPEATABLE READ", **common)
            self.reading = reading.execution_options(postgresql_readonly=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: one snapshot, for a short read, also on the event loop. Raises Unavailable when too many read."""
        try:
            connection = self.reading.connect()
        except NoConnectionFree as error:
            raise Unavailable("Too many are reading at once. Try again in a moment.") from error
        with connection:
            yield connection

    def glance(self) -> AbstractContextManager[Reader]:
        """Open a connection for short reads on the event loop, each a snapshot of its own. Nothing is begun, and nothing is to be ended."""
        if self.url.get_backend_name() != "sqlite":
            return self.read()
        try:
            return self._glances.pop()
        except IndexError:
            return Glance(self.reading, self._glances)

    async def read_in_thread(self, function: Callable[[Connection], T]) -> T:
        """Run a read that may be slow in a thread, on one snapshot."""

        def run() -> T:
            with self.read() as connection:
                return function(connection)

        return await asyncio.to_thread(run)

    async def read_in_lane(self, lane: Lane, function: Callable[[Connection], T], *, patient: bool = False) -> T:
        """Run a read that takes long in one of the lanes, on one snapshot. Raises Unavailable when too many do, unless `patient`."""

        def run() -> T:
            with self.read() as connection:
                return function(connection)

        return await lane.run(run, patient=patient)

    def close(self) -> None:
        """Close every connection that is not in use."""
        for lane in (self.lengthy, self.exports, self.whole):
            lane.close()
        while self._glances:
            self._glances.pop().close()
        self.reading.dispose()
        self.writing.dispose()


class _Rows(list[Row]):
    """What a statement found, all of it."""

    def fetchall(self) -> Self:
        return self


class Glance:
    """A connection of SQLite's driver, in the block of a `with`: it runs a statement in a tenth of the time that the whole way takes."""

    def __init__(self, engine: Engine, idle: "list[Glance]") -> None:
        self.dialect = engine.dialect
        pooled = engine.raw_connection()
        pooled.detach()
        driver: Any = pooled.dbapi_connection
        self._execute, self.close = driver.execute, driver.close
        self._idle = idle

    def exec_driver_sql(self, text: str, values: Any = ()) -> _Rows:
        """Return what the statement finds. Raises DBAPIError, as SQLAlchemy does."""
        try:
            return _Rows(self._execute(text, values).fetchall())
        except SQLITE.Error as error:
            raise DBAPIError.instance(text, None, error, SQLITE.Error, hide_parameters=True, dialect=self.dialect) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._idle.append(self)


def sqlite_version() -> tuple[int, ...]:
    """Return the version of the SQLite library in use."""
    return tuple(sqlite.sqlite_version_info)


def doubt_about(version: tuple[int, ...]) -> str | None:
    """Return what an operator should know of a SQLite library that is too old; None for the others."""
    if version >= SQLITE_FLOOR:
        return None
    found, floor = (".".join(map(str, each)) for each in (version, SQLITE_FLOOR))
    return f"SQLite is {found}; before {floor} two connections can corrupt a store. Run one process per store, or install pysqlite3."


def _demand_durability(connection: Any, _record: object) -> None:
    """Refuse a place where SQLite cannot keep what was acknowledged; a file system without shared memory falls back in silence."""
    [mode], [synchronous] = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous"))
    if (mode, synchronous) != ("wal", _FULL):
        raise RuntimeError(f"The store cannot be durable here: SQLite's journal_mode is {mode} and synchronous is {synchronous}.")


def _sqlite(url: URL, pragmas: Sequence[str], begin: str, size: int) -> Engine:
    engine = create_engine(
        url,
        module=sqlite,
        pool_size=size,
        max_overflow=1,
        pool_timeout=_PATIENCE,
        hide_parameters=True,  # errors are logged, and what was to be written may be personal
        connect_args={"check_same_thread": False},
    )

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own idea of when to begin is late and deferred
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


@dataclass(frozen=True, slots=True)
class LogHead:
    """The head row: whose log it is, and where it ends."""

    source: str
    origin: str
    sequence: int
    hash: str
    tree: bytes
    recordedtime: str
    batch: int


def log_head(connection: Connection) -> LogHead:
    """Return the head of the log. Raises LookupError when the store was never written."""
    return head_in(connection.execute(_READ_HEAD).one_or_none())


def head_in(row: Any) -> LogHead:
    """Return the head row that was read. Raises LookupError when there was none."""
    if row is None:
        raise LookupError("The store has no head row: no writer has ever opened it.")
    source, origin, sequence, hash_, tree, recordedtime, batch = row
    return LogHead(source, origin, sequence, hash_, bytes(tree), recordedtime, batch)


def read_log(connection: Connection, after: int, limit: int) -> list[StoredEvent]:
    """Return up to `limit` events that follow the sequence `after`, in order."""
    return [stored(row) for row in _READ_LOG.rows(connection, {"after": after, "limit": limit})]


def read_stream(connection: Connection, subject: str) -> list[StoredEvent]:
    """Return all events of one stream, in order."""
    return [stored(row) for row in _READ_STREAM.rows(connection, {"subject": subject})]


def stored(row: Any) -> StoredEvent:
    """Return the event in a row whose columns are `COLUMNS`, as SQLAlchemy or a driver gives it."""
    values = list(row)
    values[_IMPORTED] = bool(values[_IMPORTED])
    return StoredEvent._make(values)

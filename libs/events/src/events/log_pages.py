"""The rows of a log as a walk takes them, over SQLAlchemy's connections."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from events.walk_sql import WALK_SQL, teach
from events.walking import Unreadable

Connect = Callable[[], AbstractContextManager[Connection]]

_PASSING = frozenset({5, 6, 7, 9, 10, 13, 14, 15})
"""SQLite's codes for a lock, too little memory, an interruption, the disk, a full disk, a file that cannot be opened, a race of locks."""
_PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57"})
"""PostgreSQL's classes of states: connection, rollback, resources, a lock, an operator's intervention."""


class LogPages:
    """The rows of the log of a source (`events.walking.Pages`). A connection that is lost is no finding."""

    def __init__(self, connect: Connect, source: str) -> None:
        self._connect, self._source = connect, source

    @contextmanager
    def page(self, after: int, limit: int) -> Iterator[Iterable[tuple[Any, ...]]]:
        with self._connect() as connection, readable(connection):
            if connection.dialect.name == "sqlite":
                teach(connection.dialect.dbapi, connection.connection.driver_connection)
            statement = WALK_SQL[connection.dialect.name].rows
            with closing(connection.exec_driver_sql(statement, (self._source, after, limit))) as result:
                yield result.cursor  # type: ignore[misc] # the driver's own rows: nothing is converted on the way

    def whole(self, sequence: int) -> tuple[Any, ...]:
        with self._connect() as connection, readable(connection):
            return tuple(connection.exec_driver_sql(WALK_SQL[connection.dialect.name].whole, (sequence,)).one())


@contextmanager
def readable(connection: Connection) -> Iterator[None]:
    """Raise Unreadable in the block for what the database cannot give; what may be otherwise the next time stays what it is."""
    driver: Any = connection.dialect.dbapi
    try:
        yield
    except (DBAPIError, driver.Error) as error:
        if getattr(error, "connection_invalidated", False) or _passes(getattr(error, "orig", error)):
            raise
        raise Unreadable(str(getattr(error, "orig", error))) from error


def _passes(error: Any) -> bool:
    """Return whether a driver's error says nothing about what is stored.

    `handling.passes_by_itself` asks another thing: to it a text that is not UTF-8 is the store's affair, and here it is what is looked for.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return (code is not None and code & 0xFF in _PASSING) or (getattr(error, "sqlstate", None) or "")[:2] in _PASSING_CLASSES

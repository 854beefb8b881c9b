"""A part of the writer's transaction that can be undone alone."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


class TransactionLost(Exception):
    """The whole transaction is gone, as SQLite undoes it on a full disk: what would be written now would stand outside of any."""


@contextlib.contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo what is executed inside when the block raises. Raises TransactionLost when there is nothing left to go on with.

    Named in plain SQL, which costs a fifth of SQLAlchemy's nested transactions: consumers make one for every batch, and for every event of
    one that fails.
    """
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    except BaseException as error:
        _say(connection, "ROLLBACK TO SAVEPOINT part", error)
        _say(connection, "RELEASE SAVEPOINT part", error)
        raise
    _say(connection, "RELEASE SAVEPOINT part")


def _say(connection: Connection, statement: str, because: BaseException | None = None) -> None:
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as gone:
        raise TransactionLost("The transaction ended before its time.") from because or gone

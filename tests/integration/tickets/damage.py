"""A store of tickets that somebody was at with a database tool."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.tickets.conftest import Desk

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")


@contextlib.contextmanager
def damaged(desk: Desk, sequence: int, *statements: str, **values: Any) -> Iterator[None]:
    """The store of tickets after somebody with a database tool was at it; made good again afterwards."""
    connection = pysqlite3.connect(desk.house.settings.data_dir / "tickets.sqlite3", timeout=30, isolation_level=None)
    guards = list(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    with contextlib.ExitStack() as undone:
        undone.callback(connection.close)
        connection.execute("BEGIN IMMEDIATE")  # which ends with the connection, where a statement is refused
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("CREATE TABLE spare AS SELECT * FROM events")
        connection.execute("CREATE TABLE spare_journal AS SELECT * FROM journal")
        for statement in statements:
            assert connection.execute(statement, {"n": sequence, **values}).rowcount == 1
        connection.execute("COMMIT")
        undone.pop_all()
    try:
        yield
    finally:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM events WHERE sequence <= (SELECT max(sequence) FROM spare)")
        connection.execute("INSERT INTO events SELECT * FROM spare")
        connection.execute("DROP TABLE spare")
        # what somebody put behind the end goes too, unless it was the desk that went on there
        connection.execute("DELETE FROM journal WHERE position <= (SELECT max(position) FROM spare_journal) OR sequence < 0")
        connection.execute("INSERT INTO journal SELECT * FROM spare_journal")
        connection.execute("DROP TABLE spare_journal")
        for _, sql in guards:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.close()

"""Statements that are compiled once, and whose values and rows pass by SQLAlchemy as they are.

For what runs thousands of times a second: SQLAlchemy looks at every parameter and every row, which costs more than SQLite's own work.
Values must be such that the drivers take as they are: text, bytes, integers, booleans, None. Rows come as the driver gives them: a boolean
of SQLite is 0 or 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import ValuesBase

Row = tuple[Any, ...]

_PARAMSTYLES = {"sqlite": "qmark", "postgresql": "format"}


class Reader(Protocol):
    """What questions are put to: SQLAlchemy's connection, or `events.store.Glance`."""

    @property
    def dialect(self) -> Dialect: ...

    def exec_driver_sql(self, text: str, values: Any = None, /) -> Any: ...


class Prepared:
    """A statement for many rows. Its parameters are `names`, in the order in which they stand in its text; a row is a tuple of them."""

    def __init__(self, statement: Any, names: Sequence[str]) -> None:
        self._statement, self._names = statement, list(names)
        self._texts: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for each row; nothing happens for none."""
        if rows:
            connection.exec_driver_sql(self.text(connection.dialect), list(rows))

    def text(self, dialect: Dialect) -> str:
        """Return the statement in the words of a database. Raises TypeError when its parameters stand in another order than `names`."""
        text = self._texts.get(dialect.name)
        if text is None:
            keys = self._names if isinstance(self._statement, ValuesBase) else None
            compiled = self._statement.compile(dialect=_positional(dialect), column_keys=keys)
            if compiled.positiontup != self._names:
                raise TypeError(f"The parameters are {compiled.positiontup}, not {self._names}: {compiled}")
            text = self._texts[dialect.name] = str(compiled)
        return text


class Query:
    """A select. Its parameters are bound by name; what it needs beside them stands in it."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, list[str], Mapping[str, Any]]] = {}

    def rows(self, reader: Reader, values: Mapping[str, Any]) -> list[Row]:
        """Return what it finds. `values` may hold more than is asked for."""
        text, names, constants = self._compiled.get(reader.dialect.name) or self.compiled(reader.dialect)
        asked = tuple([values[name] if name in values else constants[name] for name in names])
        found: list[Row] = reader.exec_driver_sql(text, asked).fetchall()
        return found

    def first(self, reader: Reader, values: Mapping[str, Any]) -> Row | None:
        """Return the first row, None when there is none."""
        rows = self.rows(reader, values)
        return rows[0] if rows else None

    def compiled(self, dialect: Dialect) -> tuple[str, list[str], Mapping[str, Any]]:
        """Return its text in the words of a database, the names of its parameters in order, and the values that it brings itself."""
        compiled = self._statement.compile(dialect=_positional(dialect))
        known = {name: value for name, value in compiled.params.items() if value is not None}
        made = self._compiled[dialect.name] = str(compiled), list(compiled.positiontup), known
        return made


def _positional(dialect: Dialect) -> Dialect:
    kind: Any = type(dialect)
    positional: Dialect = kind(paramstyle=_PARAMSTYLES[dialect.name])
    return positional

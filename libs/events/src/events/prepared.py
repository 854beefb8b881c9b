"""Statements for many rows, compiled once: a row is a tuple, and reaches the driver as it is.

SQLAlchemy looks at each parameter of each row; of a batch's statements that is the larger part of the cost.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import ValuesBase

Row = tuple[Any, ...]

_PARAMSTYLES = {"sqlite": "qmark", "postgresql": "format"}


class Prepared:
    """A statement whose parameters are `names`, in the order in which they stand in its text.

    Values must be such that the drivers take as they are: text, bytes, integers, booleans, None.
    """

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
            kind: Any = type(dialect)
            keys = self._names if isinstance(self._statement, ValuesBase) else None
            compiled = self._statement.compile(dialect=kind(paramstyle=_PARAMSTYLES[dialect.name]), column_keys=keys)
            if compiled.positiontup != self._names:
                raise TypeError(f"The parameters are {compiled.positiontup}, not {self._names}: {compiled}")
            text = self._texts[dialect.name] = str(compiled)
        return text

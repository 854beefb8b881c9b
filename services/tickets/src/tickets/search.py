"""Full-text search: how words get into the index, and how what somebody typed becomes a question to it.

SQLite's FTS5. The texts themselves are kept once, in `tickets`; the index holds the words alone (`content=''`), so a ticket's old words are
taken out by naming them. The requester is a column of the index, so that a person's search meets only their own tickets, however common
the word.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import DDL, ColumnElement, Connection, Select, Table, bindparam, column, event, select, table, text

from events.prepared import Prepared, Row

NAME = "ticket_search"
BEST = 1_000
"""How many tickets a search can find: the best by rank."""
RANKED = 5_000
"""How many are ranked: the newest that match. What more than that match tells little by its rank, and ranking all would cost with each."""
MOST_WORDS = 32
_PAGE = 1000  # tickets whose words are put in at once

_CREATE = (
    f"CREATE VIRTUAL TABLE {NAME} USING fts5(title, body, requester, content='', "
    # whoever types sees what the first two letters find: without a list of its own that is hundreds of words to merge
    "prefix='2', tokenize='unicode61 remove_diacritics 2')"
)
_INDEXED = ("id", "title", "body", "requester")
_ADD = Prepared(
    text(f"INSERT INTO {NAME} (rowid, title, body, requester) VALUES (:id, :title, :body, :requester)"),  # noqa: S608 (constants)
    _INDEXED,
)
_REMOVE = Prepared(
    text(f"INSERT INTO {NAME} ({NAME}, rowid, title, body, requester) VALUES ('delete', :id, :title, :body, :requester)"),  # noqa: S608
    _INDEXED,
)

_index = table(NAME, column("rowid"), column("rank"))


def attach(tickets: Table) -> None:
    """Let the index be made and dropped together with the table of tickets."""
    event.listen(tickets, "after_create", _ddl(_CREATE))
    event.listen(tickets, "before_drop", _ddl(f"DROP TABLE IF EXISTS {NAME}"))


def _ddl(statement: str) -> Any:
    return DDL(statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]


class _Cuts(dict[int, int]):
    """A code point to itself where it is part of words, else to a space."""

    def __missing__(self, point: int) -> int:
        kept = unicodedata.category(chr(point))[0] in "LNM"
        self[point] = cut = point if kept else ord(" ")
        return cut


_CUTS = _Cuts()


def plain(text: str) -> str:
    """Return a text with a space for all that is neither letter, number nor mark.

    SQLite's own table of characters is years old: what came later, most emoji among it, is a letter to it, and would stick to the word
    beside it. So texts are cut here, for the index as for the question. A Python that knows more characters needs a new `Desk.version`.
    """
    return text if text.isascii() else text.translate(_CUTS)


def replace(connection: Connection, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> None:
    """Take the words of the rows `old`, exactly as they were put in, out of the index, and put those of `new` in."""
    _REMOVE.run(connection, [_indexed(row) for row in old])
    _ADD.run(connection, [_indexed(row) for row in new])


def _indexed(row: Mapping[str, Any]) -> Row:
    return row["id"], plain(row["title"]), plain(row["body"]), row["requester"]


class Words:
    """The whole index, where it is compared with another and filled again (`chassis.rebuilds.Index`)."""

    name = NAME

    def __init__(self, tickets: Table) -> None:
        self._rows = select(*(tickets.c[name] for name in _INDEXED)).where(tickets.c.id > bindparam("after"))
        self._rows = self._rows.order_by(tickets.c.id).limit(_PAGE)

    def words(self, connection: Connection, schema: str) -> Iterator[Row]:
        """Return every word of the index of a schema, with how many tickets have it and how often it stands there in all."""
        connection.exec_driver_sql(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_of_{schema} USING fts5vocab({schema}, {NAME}, row)")
        words: Any = connection.exec_driver_sql(f"SELECT term, doc, cnt FROM temp.words_of_{schema}").cursor  # noqa: S608 (our own names)
        return iter(words)

    def renew(self, connection: Connection) -> None:
        """Fill the index from the tickets, after it was emptied."""
        connection.exec_driver_sql(f"INSERT INTO {NAME} ({NAME}) VALUES ('delete-all')")  # noqa: S608 (a constant)
        after = 0
        while rows := connection.execute(self._rows, {"after": after}).mappings().all():
            replace(connection, [], [dict(row) for row in rows])
            after = rows[-1]["id"]


def words_of(typed: str) -> list[str]:
    """Return the words that somebody typed, cut as the index cuts them; marks alone, such as are left of an emoji, are no word."""
    words = typed.translate(_CUTS).split()
    return [word for word in words if any(unicodedata.category(c)[0] in "LN" for c in word)][:MOST_WORDS]


def question(typed: str, requester: str | None = None) -> str | None:
    """Return the FTS5 query for what was typed: all its words, the last as a prefix; None when there is no word in it.

    Every word is quoted, so that none is an operator. With `requester`, only that person's tickets are met.
    """
    words = words_of(typed)
    if not words:
        return None
    asked = " AND ".join(f'"{word}"' for word in words) + " *"
    whose = "" if requester is None else f' AND requester : "{requester.replace(chr(34), " ")}"'
    return f"{{title body}} : ({asked}){whose}"


def best(tickets: Table, *narrowed: ColumnElement[bool]) -> Select[tuple[int]]:
    """Return the select of the ids of the best matches of `:question`.

    What narrows it, by columns of `tickets`, comes before the cuts, so that what is left out makes room.
    """
    found = select(tickets.c.id, _index.c.rank).select_from(_index.join(tickets, tickets.c.id == _index.c.rowid))
    found = found.where(text(f"{NAME} MATCH :question"), *narrowed)
    newest = found.order_by(_index.c.rowid.desc()).limit(RANKED).subquery("newest")
    return select(newest.c.id).order_by(newest.c.rank).limit(BEST)

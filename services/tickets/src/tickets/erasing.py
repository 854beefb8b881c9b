"""What the desk keeps of a person beside its log, and how it is blanked: the journal, their tickets with the words to search by, and notes.

What comes out is what a rebuild from the blanked log gives.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, text, update

from events.blanking import AT_ONCE, Found, Step, over_journal
from events.prepared import Prepared
from tickets import search
from tickets.tables import journal, notes, tickets

_TOLD = or_(tickets.c.title != "", tickets.c.body != "")
_TICKETS = select(tickets.c.id).where(tickets.c.requester == bindparam("person"), _TOLD).limit(AT_ONCE)
_ROWS = select(tickets.c.id, tickets.c.title, tickets.c.body, tickets.c.requester).where(
    tickets.c.id.in_(bindparam("ids", expanding=True)), _TOLD
)
_UNTITLE = Prepared(
    update(tickets).where(tickets.c.id == bindparam("which")).values(title=bindparam("no_title"), body=bindparam("no_body")),
    ("no_title", "no_body", "which"),
)
_OF_THEIRS = notes.join(tickets, tickets.c.id == notes.c.ticket)
_NOTES = select(notes.c.id).select_from(_OF_THEIRS).where(tickets.c.requester == bindparam("person"), notes.c.body != "").limit(AT_ONCE)
_UNWRITE = Prepared(update(notes).where(notes.c.id == bindparam("which")).values(body=bindparam("no_body")), ("no_body", "which"))
_OPTIMIZE = text(f"INSERT INTO {search.NAME} ({search.NAME}) VALUES ('optimize')")  # noqa: S608 (a constant)
_WHOSE_NOTE = select(tickets.c.requester).select_from(_OF_THEIRS).where(notes.c.id == bindparam("which"))


def _find_tickets(connection: Connection, *, person: str, position: str) -> Found:
    return _as_long_as_there_are(list(connection.scalars(_TICKETS, {"person": person})), position)


def _blank_tickets(connection: Connection, _person: str, numbers: Sequence[int]) -> int:
    rows = [dict(row) for row in connection.execute(_ROWS, {"ids": list(numbers)}).mappings()]
    search.replace(connection, rows, [{**row, "title": "", "body": ""} for row in rows])
    _UNTITLE.run(connection, [("", "", row["id"]) for row in rows])
    return len(rows)


def _find_notes(connection: Connection, *, person: str, position: str) -> Found:
    return _as_long_as_there_are(list(connection.scalars(_NOTES, {"person": person})), position)


def _blank_notes(connection: Connection, _person: str, ids: Sequence[str]) -> int:
    _UNWRITE.run(connection, [("", id_) for id_ in ids])
    return len(ids)


def _as_long_as_there_are(keys: Sequence[Any], position: str) -> Found:
    """What is blanked is not found again: where there were as many as fit, there may be more, from the same position on."""
    return keys, position if len(keys) == AT_ONCE else None


STEPS = (
    over_journal(journal),
    Step(name="tickets", find=_find_tickets, blank=_blank_tickets),
    Step(name="notes", find=_find_notes, blank=_blank_notes),
)


def redact(connection: Connection, answer: Mapping[str, Any], person: str) -> Mapping[str, Any]:
    """Return a kept answer without the texts of a person: a ticket of theirs, or a note on one."""
    match answer:
        case {"requester": {"id": str(requester)}, "title": _, "body": _} if requester == person:
            return {**answer, "title": "", "body": ""}
        case {"id": str(note), "author": _, "body": _} if connection.scalar(_WHOSE_NOTE, {"which": note}) == person:
            return {**answer, "body": ""}
    return answer


def compact(connection: Connection) -> None:
    """Merge the search index to one segment: FTS5 keeps words that were taken out, marked so, until the segments that hold them are merged.

    Source: https://www.sqlite.org/fts5.html#the_optimize_command
    """
    if connection.dialect.name == "sqlite":
        connection.execute(_OPTIMIZE)

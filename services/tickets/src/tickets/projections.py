"""The desk as a projection of the log: tickets, kept counts, notes and the words to search by, always written together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEdited,
    TicketEscalated,
    TicketNoteAdded,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.projections import Recorded
from tickets import search
from tickets.tables import DESK, notes, ticket_counts, tickets

Row = dict[str, Any]

_ROWS = select(tickets).where(tickets.c.id.in_(bindparam("ids", expanding=True)))
_COUNTED = ("open", "in_progress", "resolved", "escalated")
_add = insert(ticket_counts)
_COUNT = _add.on_conflict_do_update(
    index_elements=[ticket_counts.c.scope, ticket_counts.c.owner],
    set_={name: ticket_counts.c[name] + _add.excluded[name] for name in _COUNTED},
)
_SEARCHED = ("title", "body")


class Desk:
    """Folds ticket events into rows. However many events there are, it sends one statement per kind of change."""

    name = "desk"
    version = 2
    metadata = DESK

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        """Fold (position, event) pairs, in order; other events than tickets' are passed over."""
        events = [item for _, item in items if item.event is not None and item.stored.type.startswith("ticket.")]
        if not events:
            return
        before = _load(connection, events)
        after, counts, written = dict(before), _Counts(), []
        for item in events:
            if isinstance(item.event, TicketNoteAdded):
                written.append(_note(item))
                continue
            number = int(item.stored.entity[1])
            was, row = after.get(number), fold(after.get(number), item)
            counts.move(was, row)
            after[number] = row
        _write(connection, before, after)
        _send(connection, insert(notes), written)
        _send(connection, _COUNT, counts.rows())


def fold(row: Row | None, item: Recorded) -> Row:
    """Return a ticket's row after one more of its events."""
    time = item.stored.time
    match item.event:
        case TicketCreated() as event:
            return {
                "id": event.number,
                "status": event.status,
                "priority": event.priority,
                "requester": event.requester,
                "assignee": event.assignee,
                "created_at": time,
                "updated_at": time,
                "escalated_at": None,
                "escalation_level": 0,
                "version": 1,
                "title": event.title or "",
                "body": event.body or "",
            }
        case TicketEdited() as event if row:
            erased = dict.fromkeys(event.fields, "")
            return {**row, **erased, **(event.after or {}), "version": row["version"] + 1, "updated_at": time}
        case TicketStatusChanged() | TicketPriorityChanged() | TicketAssigned() | TicketUnassigned() as event if row:
            return {**row, **event.after, "version": row["version"] + 1, "updated_at": time}
        case TicketEscalated() as event if row:
            return {**row, "escalated_at": time, "escalation_level": event.after["escalation_level"], "updated_at": time}
    raise ValueError(f"{item.stored.type} cannot be {item.stored.subject}'s event {item.stored.streamversion}.")


class _Counts:
    """What a batch changes in the kept counts.

    A count that was touched is written even when nothing remains of it, so that a rebuild, in other batches, ends with the same rows.
    """

    def __init__(self) -> None:
        self._changes: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))

    def move(self, was: Row | None, now: Row) -> None:
        if was is not None:
            self._add(was, -1)
        self._add(now, 1)

    def _add(self, row: Row, by: int) -> None:
        for key in (("all", ""), ("requester", row["requester"]), ("assignee", row["assignee"] or "")):
            change = self._changes[key]
            change[row["status"]] += by
            if row["escalated_at"] is not None and row["status"] != "resolved":
                change["escalated"] += by

    def rows(self) -> list[Row]:
        return [{"scope": scope, "owner": owner, **change} for (scope, owner), change in self._changes.items()]


def _load(connection: Connection, events: Iterable[Recorded]) -> dict[int, Row]:
    named = {int(item.stored.entity[1]) for item in events if item.stored.streamversion > 1}
    if not named:
        return {}
    return {row["id"]: dict(row) for row in connection.execute(_ROWS, {"ids": sorted(named)}).mappings()}


def _note(item: Recorded) -> Row:
    stored, event = item.stored, item.event
    return {
        "id": event.note,
        "ticket": int(stored.entity[1]),
        "author": stored.actorid,
        "created_at": stored.time,
        "body": event.body or "",
    }


def _write(connection: Connection, before: Mapping[int, Row], after: Mapping[int, Row]) -> None:
    new = [row for number, row in after.items() if number not in before]
    changes: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    retold: list[int] = []
    for number, old in before.items():
        row = after[number]
        changed = tuple(name for name, value in row.items() if value != old[name])
        if changed:
            changes[changed].append({"key": number, **{name: row[name] for name in changed}})
        if any(name in changed for name in _SEARCHED):
            retold.append(number)
    _send(connection, insert(tickets), new)
    for columns, rows in changes.items():
        _send(connection, _update(columns), rows)
    search.replace(connection, [before[number] for number in retold], [*new, *(after[number] for number in retold)])


@cache
def _update(columns: tuple[str, ...]) -> Update:
    """Set only what changed: SQLite writes every index anew that a named column is part of."""
    return update(tickets).where(tickets.c.id == bindparam("key")).values({name: bindparam(name) for name in columns})


def _send(connection: Connection, statement: Any, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(statement, rows)

"""The desk as a projection of the log: tickets, kept counts, notes and the words to search by, always written together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
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
from events.prepared import Prepared
from events.projections import Recorded
from tickets import search
from tickets.tables import DESK, notes, ticket_counts, tickets

Row = dict[str, Any]

_ROWS = select(tickets).where(tickets.c.id.in_(bindparam("ids", expanding=True)))
_COUNTED = ("open", "in_progress", "resolved", "escalated")
_add = insert(ticket_counts)
_COUNT = Prepared(
    _add.on_conflict_do_update(
        index_elements=[ticket_counts.c.scope, ticket_counts.c.owner],
        set_={name: ticket_counts.c[name] + _add.excluded[name] for name in _COUNTED},
    ),
    ("scope", "owner", *_COUNTED),
)
_SEARCHED = ("title", "body")
_COLUMNS = tuple(column.name for column in tickets.columns)
_ADD = Prepared(insert(tickets), _COLUMNS)
_ADD_NOTE = Prepared(insert(notes), ("id", "ticket", "author", "created_at", "body", "sequence"))
_in_order = itemgetter(*_COLUMNS)


class Desk:
    """Folds ticket events into rows. However many events there are, it sends one statement per kind of change."""

    name = "desk"
    version = 3
    metadata = DESK
    index = search.Words(tickets)

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
        _ADD_NOTE.run(connection, written)
        _COUNT.run(connection, counts.rows())


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

    def rows(self) -> list[tuple[Any, ...]]:
        return [(scope, owner, *change.values()) for (scope, owner), change in self._changes.items()]


def _load(connection: Connection, events: Iterable[Recorded]) -> dict[int, Row]:
    named = {int(item.stored.entity[1]) for item in events if item.stored.streamversion > 1}
    if not named:
        return {}
    return {row["id"]: dict(row) for row in connection.execute(_ROWS, {"ids": sorted(named)}).mappings()}


def _note(item: Recorded) -> tuple[Any, ...]:
    stored, event = item.stored, item.event
    return event.note, int(stored.entity[1]), stored.actorid, stored.time, event.body or "", stored.sequence


def _write(connection: Connection, before: Mapping[int, Row], after: Mapping[int, Row]) -> None:
    new = [row for number, row in after.items() if number not in before]
    changes: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    retold: list[int] = []
    for number, old in before.items():
        row = after[number]
        changed = tuple(name for name in _COLUMNS if row[name] != old[name])
        if changed:
            changes[changed].append((*(row[name] for name in changed), number))
        if any(name in changed for name in _SEARCHED):
            retold.append(number)
    _ADD.run(connection, [_in_order(row) for row in new])
    for columns, rows in changes.items():
        _update(columns).run(connection, rows)
    search.replace(connection, [before[number] for number in retold], [*new, *(after[number] for number in retold)])


@cache
def _update(columns: tuple[str, ...]) -> Prepared:
    """Set only what changed: SQLite writes every index anew that a named column is part of."""
    change = update(tickets).where(tickets.c.id == bindparam("key")).values({name: bindparam(name) for name in columns})
    return Prepared(change, (*columns, "key"))

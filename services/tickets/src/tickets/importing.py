"""Imported history: each row is decided by the deciders that live commands go by, with the time and the person that it names.

Keys: ("imported row", …) → what is in under that key, ("imported ticket", …) → the number that a ticket of another desk has here.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, String, bindparam, cast, delete, func, insert, literal, select, tuple_

from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.errors import Conflict, Invalid
from events.tables import events
from events.times import to_text
from tickets.commands import AddNote, AssignTicket, ChangePriority, ChangeStatus, Priority, Status
from tickets.tables import imported_rows as rows
from tickets.units import PERSON, Change, Note, Open, subject

ROW, TICKET = "imported row", "imported ticket"
_ROW = (rows.c.source, rows.c.number, rows.c.row_key)
_TICKET = (rows.c.source, rows.c.number)
_ROWS = select(rows).where(tuple_(*_ROW).in_(bindparam("keys", expanding=True)))
_TICKETS = (
    select(*_TICKET, func.max(rows.c.ticket).label("ticket"))
    .where(tuple_(*_TICKET).in_(bindparam("keys", expanding=True)))
    .group_by(*_TICKET)
)
_KEEP = insert(rows)


class Brought(NamedTuple):
    """A row that is in: its ticket here, and the digest of what it said happened."""

    ticket: int
    digest: str


class Imported(NamedTuple):
    """What became of a row. `new`: it was not in before; `events` are those that it gave."""

    ticket: int
    new: bool
    events: int


class OtherRow(Conflict):
    def __init__(self) -> None:
        super().__init__("A row with this key was imported before, and says something else. Nothing was changed.")


class TooLate(Conflict):
    def __init__(self, ticket: int, last: datetime) -> None:
        super().__init__(f"Ticket {ticket} has gone on until {to_text(last)}: history is added to, never changed.")


class NotOpened(Invalid):
    def __init__(self) -> None:
        super().__init__("Its ticket is not here, and it does not say how it was opened.")


@dataclass(frozen=True, slots=True)
class Doer:
    """Somebody as a caller of what they did then: who handled tickets there was allowed to."""

    id: str
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How the ticket was opened. `requester` is a person's id."""

    requester: str
    at: datetime
    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What `by` did to a ticket at `at`. People are named by their ids; what a row does not speak of is None, or, for assignees, no key."""

    number: str
    key: str
    at: datetime
    by: str
    opened: Opened | None = None
    status: Status | None = None
    priority: Priority | None = None
    assignment: Mapping[str, str | None] = field(default_factory=dict)
    """{"to": id or None} when it says who has the ticket."""
    note: str | None = None

    def people(self) -> Iterator[str]:
        """Yield the ids of whom it names."""
        yield self.by
        if self.opened is not None:
            yield self.opened.requester
        if (assignee := self.assignment.get("to")) is not None:
            yield assignee

    def digest(self) -> str:
        """Return the SHA-256 of what it says happened; texts do not count, since their form may be another one day."""
        opened = self.opened and [self.opened.requester, to_text(self.opened.at)]
        told = [to_text(self.at), self.by, opened, self.status, self.priority, dict(self.assignment)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """Let happen what a row says, unless it is in. `ticket` is where it is known to belong, `note` the id of its note if it has one.

    Raises OtherRow, TooLate, NotOpened, or what the deciders refuse with.
    """

    source: str
    row: Row
    ticket: int | None
    note: str
    correlation: str | None

    @property
    def row_key(self) -> Key:
        return ROW, _id(self.source, self.row.number, self.row.key)

    @property
    def ticket_key(self) -> Key:
        return TICKET, _id(self.source, self.row.number)

    def reads(self) -> Iterable[Key]:
        yield from (self.row_key, self.ticket_key)
        if self.ticket is None:
            yield "counter", "ticket"
        else:
            yield "stream", subject(self.ticket)
        if (assignee := self.row.assignment.get("to")) is not None:
            yield PERSON, assignee

    def run(self, tx: Transaction) -> Imported:
        brought: Brought | None = tx.state(self.row_key)
        if brought is not None:
            if brought.digest != self.row.digest():
                raise OtherRow
            return Imported(brought.ticket, new=False, events=0)
        number: int | None = tx.state(self.ticket_key)
        before = 0
        if number is None:
            number = self._open(tx)
        else:
            stream = tx.stream(subject(number))
            before = stream.version
            if stream.time is not None and self.row.at < stream.time:
                raise TooLate(number, stream.time)
        for unit in self._changes(number):
            unit.run(tx)
        after = tx.stream(subject(number)).version
        self._keep(tx, number, after)
        return Imported(number, new=True, events=after - before)

    def _keep(self, tx: Transaction, number: int, version: int) -> None:
        row, digest = self.row, self.row.digest()
        key = {"source": self.source, "number": row.number, "row_key": row.key}
        tx.write(_KEEP, {**key, "digest": digest, "ticket": number, "version": version})
        tx.put(self.row_key, Brought(number, digest))
        tx.put(self.ticket_key, number)

    def _open(self, tx: Transaction) -> int:
        opened = self.row.opened
        if opened is None:
            raise NotOpened
        by = Doer(opened.requester, is_admin=False)
        context = self._context(by, opened.at)
        return Open(title=opened.title, body=opened.body, priority=self.row.priority or "normal", by=by, context=context).run(tx).number

    def _changes(self, number: int) -> Iterator[Change | Note]:
        row, by = self.row, Doer(self.row.by, is_admin=True)
        context = self._context(by, row.at)
        if row.assignment:
            yield Change(command=AssignTicket(ticket=number, to=row.assignment["to"], by=by), context=context)
        if row.priority is not None:
            yield Change(command=ChangePriority(ticket=number, to=row.priority, by=by), context=context)
        if row.status is not None:
            yield Change(command=ChangeStatus(ticket=number, to=row.status, by=by), context=context)
        if row.note is not None:
            yield Note(command=AddNote(ticket=number, note=self.note, body=row.note, by=by), context=context)

    def _context(self, by: Doer, at: datetime) -> Context:
        return Context(actor=Actor(kind="user", id=by.id), at=at, correlation=self.correlation, imported=True)


class There(NamedTuple):
    """What is in of some rows: what those come to that are, and the numbers here of the tickets that are."""

    outcomes: Sequence[Imported]
    tickets: Mapping[str, int]


def look(connection: Connection, source: str, asked: Sequence[Row]) -> There:
    """Return what is in of these rows; a row that says something else than the one under its key is not."""
    brought = load_rows(connection, [_id(source, row.number, row.key) for row in asked])
    found = [(row, brought.get(_id(source, row.number, row.key))) for row in asked]
    outcomes = [Imported(one.ticket, new=False, events=0) for row, one in found if one is not None and one.digest == row.digest()]
    tickets = load_tickets(connection, sorted({_id(source, row.number) for row in asked}))
    return There(outcomes, {json.loads(id_)[1]: ticket for id_, ticket in tickets.items()})


def forget(connection: Connection, kept: int) -> None:
    """Forget the rows whose events come after the sequence `kept` of the log: for a restore, which cuts those off."""
    of_ticket = events.c.subject == literal("ticket/") + cast(rows.c.ticket, String)
    last = select(func.coalesce(func.max(events.c.streamversion), 0)).where(of_ticket, events.c.sequence <= kept)
    connection.execute(delete(rows).where(rows.c.version > last.scalar_subquery()))


def _id(*parts: str) -> str:
    return json.dumps(parts)


def load_rows(connection: Connection, ids: Sequence[str]) -> Mapping[str, Brought]:
    """("imported row", [source, number, key] as JSON) → what is in under that key."""
    found = connection.execute(_ROWS, {"keys": [tuple(json.loads(id_)) for id_ in ids]})
    return {_id(row.source, row.number, row.row_key): Brought(row.ticket, row.digest) for row in found}


def load_tickets(connection: Connection, ids: Sequence[str]) -> Mapping[str, int]:
    """("imported ticket", [source, number] as JSON) → the number that it has here."""
    found = connection.execute(_TICKETS, {"keys": [tuple(json.loads(id_)) for id_ in ids]})
    return {_id(row.source, row.number): row.ticket for row in found}

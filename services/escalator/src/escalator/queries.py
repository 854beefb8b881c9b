"""One function per read."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, select, tuple_

from escalator.decider import evolve
from escalator.policies import Policies
from escalator.rules import Shown
from escalator.tables import deadlines, settling, ticket_copies
from events.catalogue import type_of
from events.contracts import CATALOGUE
from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.tables import events
from events.times import from_text, to_text

_POLICIES = (
    select(events.c.subject, events.c.type, events.c.dataversion, events.c.time, events.c.data)
    # a range of the index on (subject, streamversion): the asks in between are many, the changes of policies few
    .where(events.c.subject > "policy/", events.c.subject < "policy0", events.c.type == type_of(EscalationPolicyChanged).name)
    .order_by(events.c.sequence)
)
_ASKS = (
    select(events.c.type, events.c.dataversion, events.c.time, events.c.data)
    .where(events.c.subject == bindparam("subject"), events.c.causationid == bindparam("cause"))
    .where(events.c.type == type_of(EscalationDue).name)
    .order_by(events.c.streamversion)
)
_PLACE = (deadlines.c.due_at, deadlines.c.ticket, deadlines.c.policy, deadlines.c.level)
_LIST = (
    select(*_PLACE, deadlines.c.shown, deadlines.c.ready, deadlines.c.asked_at, deadlines.c.fired_at)
    .order_by(*_PLACE)
    .limit(bindparam("limit"))
)
_NEXT = select(deadlines.c.due_at).where(deadlines.c.ready).order_by(deadlines.c.due_at).limit(1)
_DUE = (
    select(deadlines.c.ticket).where(deadlines.c.ready, deadlines.c.due_at <= bindparam("now")).order_by(*_PLACE).limit(bindparam("limit"))
)
_UNSETTLED = (
    select(ticket_copies.c.number)
    .where(ticket_copies.c.number > bindparam("after"))
    .order_by(ticket_copies.c.number)
    .limit(bindparam("limit"))
)
_SETTLING = select(settling.c.after)


def read_policies(connection: Connection) -> Policies:
    """Return the policies with their history, folded from the log."""
    policies = Policies()
    for subject, type_, version, time, data in connection.execute(_POLICIES):
        event = CATALOGUE.decode(type_, version, json.loads(data), None)
        policies = evolve(policies, subject.partition("/")[2], event, from_text(time))
    return policies


def load_policies(connection: Connection, ids: Sequence[str]) -> Mapping[str, Any]:
    """Load the whole set for the writer, whatever the id."""
    policies = read_policies(connection)
    return dict.fromkeys(ids, policies)


def asks_after(connection: Connection, ticket: int, cause: str) -> list[tuple[EscalationDue, datetime]]:
    """Return what the log asked of a ticket while `cause` was the last event known of it."""
    rows = connection.execute(_ASKS, {"subject": f"ticket/{ticket}", "cause": cause})
    return [(CATALOGUE.decode(type_, version, json.loads(data), None), from_text(time)) for type_, version, time, data in rows]


def list_deadlines(
    connection: Connection, shown: Shown | None, after: Sequence[Any] | None, limit: int, *, ticket: int | None = None
) -> list[dict[str, Any]]:
    """Return up to `limit` deadlines, of all tickets or of one, the next first; `after` is (due_at, ticket, policy, level) of the last."""
    rows = connection.execute(deadlines_listed(shown, after, ticket), {"limit": limit})
    return [dict(row) for row in rows.mappings()]


def deadlines_listed(shown: Shown | None, after: Sequence[Any] | None, ticket: int | None) -> Select[Any]:
    """Return the statement of `list_deadlines`: of all tickets in the order of an index, of one the few that it has, sorted."""
    statement = _LIST
    if ticket is not None:
        statement = statement.where(deadlines.c.ticket == ticket)
    if shown is not None:  # of one ticket, SQLite would rather look through everybody's deadlines of that state
        statement = statement.where((deadlines.c.shown if ticket is None else deadlines.c.shown.concat("")) == shown)
    if after is not None:
        statement = statement.where(tuple_(*_PLACE) > tuple_(*after))
    return statement


def next_due(connection: Connection) -> datetime | None:
    """Return when the next deadline that waits for nothing else is due."""
    found = connection.execute(_NEXT).scalar_one_or_none()
    return from_text(found) if found is not None else None


def overdue_tickets(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Return the numbers of tickets of up to `limit` deadlines to be asked for now, the longest overdue first."""
    return list(dict.fromkeys(connection.execute(_DUE, {"now": to_text(now), "limit": limit}).scalars()))


class ToDo(NamedTuple):
    """What the timer finds. `unsettled`: a change of the policies has not reached every ticket; `overdue` are tickets to ask for."""

    unsettled: bool
    overdue: list[int]
    next_due: datetime | None


def look(connection: Connection, now: datetime, limit: int) -> ToDo:
    """Return what there is to do now. Short reads of indexes, fit for the event loop."""
    due = next_due(connection)
    overdue = overdue_tickets(connection, now, limit) if due is not None and due <= now else []
    return ToDo(settled_up_to(connection) is not None, overdue, due)


def settled_up_to(connection: Connection) -> int | None:
    """Return the number of the last ticket that a change of the policies has come to; None when none is under way."""
    return connection.execute(_SETTLING).scalar_one_or_none()


def tickets_after(connection: Connection, after: int, limit: int) -> list[int]:
    """Return the numbers of the tickets that follow."""
    return list(connection.execute(_UNSETTLED, {"after": after, "limit": limit}).scalars())


def late_by(connection: Connection, now: datetime) -> float:
    """Return for how many seconds the next deadline has been due; 0 when it is still to come."""
    due = next_due(connection)
    return max(0.0, (now - due).total_seconds()) if due is not None else 0.0

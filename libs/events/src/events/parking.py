"""Parking instead of retry loops: an event that cannot be handled waits beside the road, and only those of its subject wait behind it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from events.catalogue import Catalogue
from events.decider import Transaction
from events.envelope import StoredEvent, from_wire
from events.errors import Conflict, NotFound
from events.failpoints import reach
from events.handling import Subscription, attempt
from events.tables import parked
from events.times import from_text, to_text

logger = logging.getLogger(__name__)

ParkedState = Literal["retrying", "behind", "waiting"]

TRIES = 8
"""How often an event is tried again before it waits for an operator."""
TOGETHER = 100
"""How many events may follow one that has succeeded in its transaction."""

_FIRST_DELAY = timedelta(seconds=5)

_THIS = (parked.c.source == bindparam("of"), parked.c.sequence == bindparam("at"))
_PLACE = (parked.c.source, parked.c.sequence)
_SHOWN = select(*(parked.c[name] for name in ("source", "sequence", "subject", "type", "tries", "next_at", "error", "parked_at")))
_PARK = insert(parked)
_FAILED = update(parked).where(*_THIS).values(tries=bindparam("new_tries"), next_at=bindparam("new_next_at"), error=bindparam("new_error"))
_GONE = delete(parked).where(*_THIS)


def retry_delay(tries: int) -> timedelta:
    """Return the wait before the next try when `tries` have failed: 5 s, doubled each time."""
    return _FIRST_DELAY * (1 << tries)


def parked_subjects(connection: Connection, source: str, subjects: Iterable[str]) -> set[str]:
    """Return those of `subjects` of which an event is parked."""
    wanted = select(parked.c.subject).distinct().where(parked.c.source == source, parked.c.subject.in_(sorted(subjects)))
    return set(connection.scalars(wanted))


def park(tx: Transaction, event: StoredEvent, error: str) -> None:
    """Set an event aside that could not be handled; it is tried again after a while."""
    logger.warning("%s %s of %s is parked: %s", event.source, event.sequence, event.subject, error)
    _insert(tx, event, error, to_text(tx.now + retry_delay(0)))
    if __debug__:
        reach("parking.parked")


def park_behind(tx: Transaction, event: StoredEvent) -> None:
    """Set an event aside because an earlier one of its subject is parked."""
    _insert(tx, event, "It waits behind an earlier event of its subject.", None)


def _insert(tx: Transaction, event: StoredEvent, error: str, next_at: str | None) -> None:
    row = {"source": event.source, "sequence": event.sequence, "subject": event.subject, "type": event.type, "wire": event.wire()}
    tx.connection.execute(_PARK, row | {"tries": 0, "next_at": next_at, "error": error, "parked_at": to_text(tx.now)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """An event that is set aside. It is `retrying` at `next_at`, waits `behind` another of its subject, or `waiting` for an operator."""

    source: str
    sequence: int
    subject: str
    type: str
    tries: int
    next_at: datetime | None
    error: str
    parked_at: datetime
    state: ParkedState


def parked_events(connection: Connection, limit: int = 1000) -> list[Parked]:
    """Return what is parked, the longest waiting first."""
    rows = connection.execute(_SHOWN.order_by(parked.c.parked_at, *_PLACE).limit(limit)).mappings()
    return [_parked(row) for row in rows]


def parked_after(connection: Connection, after: tuple[str, int], limit: int) -> list[Parked]:
    """Return up to `limit` parked events by (source, sequence) that follow `after`: ("", 0) is before the first."""
    rows = connection.execute(_SHOWN.where(tuple_(*_PLACE) > tuple_(*after)).order_by(*_PLACE).limit(limit)).mappings()
    return [_parked(row) for row in rows]


def _parked(row: Mapping[Any, Any]) -> Parked:
    next_at = from_text(row["next_at"]) if row["next_at"] else None
    state: ParkedState = "retrying" if next_at is not None else "waiting" if row["tries"] >= TRIES else "behind"
    return Parked(**{**row, "next_at": next_at, "parked_at": from_text(row["parked_at"]), "state": state})


def figures(connection: Connection, now: datetime) -> dict[str, float]:
    """Return how many events are parked, and for how many seconds the oldest is."""
    count, oldest = connection.execute(select(func.count(), func.min(parked.c.parked_at)).select_from(parked)).one()
    return {"parked": count, "parked_oldest_seconds": (now - from_text(oldest)).total_seconds() if oldest else 0.0}


def head_row(connection: Connection, source: str, sequence: int) -> Mapping[str, Any]:
    """Return the row of an event that is first of its subject. Raises NotFound, or Conflict when it is not the first."""
    row = connection.execute(select(parked).where(parked.c.source == source, parked.c.sequence == sequence)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"The event {sequence} of {source} is not parked.")
    first = select(func.min(parked.c.sequence)).where(parked.c.source == source, parked.c.subject == row["subject"])
    if (earlier := connection.scalar(first)) != sequence:
        raise Conflict(f"It waits behind the event {earlier} of {source}.", code="parked-behind", earlier=earlier)
    return dict(row)


def remove(tx: Transaction, event: StoredEvent) -> None:
    tx.connection.execute(_GONE, {"of": event.source, "at": event.sequence})


def fail(tx: Transaction, row: Mapping[str, Any], error: str, *, tries: int) -> None:
    """Note that an event could not be handled after `tries` tries again; after the last one it waits for an operator."""
    next_at = to_text(tx.now + retry_delay(tries)) if tries < TRIES else None
    if next_at is None:
        logger.error("%s %s of %s waits for an operator: %s", row["source"], row["sequence"], row["subject"], error)
    this = {"of": row["source"], "at": row["sequence"]}
    tx.connection.execute(_FAILED, this | {"new_tries": tries, "new_next_at": next_at, "new_error": error})


def follow(tx: Transaction, subscription: Subscription, catalogue: Catalogue, subject: str, limit: int) -> None:
    """Handle, in order, the events that waited behind one that is done. The first that fails, or is one too many, is tried by itself."""
    waiting = select(parked).where(parked.c.source == subscription.source, parked.c.subject == subject).order_by(parked.c.sequence)
    rows = tx.connection.execute(waiting.limit(limit + 1)).mappings().all()
    for count, row in enumerate(rows):
        event = from_wire(row["wire"])
        if count == limit:
            this = {"of": event.source, "at": event.sequence}
            tx.connection.execute(_FAILED, this | {"new_tries": 0, "new_next_at": to_text(tx.now), "new_error": row["error"]})
            return
        if error := attempt(tx, subscription, [event], catalogue):
            fail(tx, row, error, tries=0)
            return
        remove(tx, event)

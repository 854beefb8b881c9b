"""Who was erased, as each store knows it, and how far that store is with taking their personal parts away.

A row is a tombstone: it is made in the transaction in which a store hears of `user.erased`, and stays for good. From the next transaction
on nothing personal of that person is appended to this store's log, and what arrives of theirs is written down without it; so a walk over
what was there before finds everything.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, String, Table, Text, bindparam, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.contracts.user import ERASED
from events.decider import Transaction
from events.envelope import StoredEvent
from events.errors import Conflict
from events.prepared import Query, Reader
from events.tables import Moment, events
from events.tables import Sequence as Number
from events.times import from_text, to_text

ERASURES = MetaData()

erasures = Table(
    "erasures",
    ERASURES,
    Column("number", Number, primary_key=True),  # in the order in which this store heard of them
    Column("person", String(64), nullable=False, unique=True),
    Column("since", Moment, nullable=False),
    Column("step", String(32), nullable=False),  # the one that is at work, by its name; empty before the first
    Column("position", String(140), nullable=False),  # how far that step has walked, in its own words; empty at its beginning
    Column("blanked", Text, nullable=False),  # JSON: how many things each step has blanked, by its name
    Column("done_at", Moment),
)
_under_way = erasures.c.done_at.is_(None)
Index("erasures_under_way", erasures.c.number, sqlite_where=_under_way, postgresql_where=_under_way)

_note = insert(erasures).values(
    person=bindparam("person"),
    since=bindparam("since"),
    step=bindparam("step"),
    position=bindparam("position"),
    blanked=bindparam("blanked"),
)
_about = events.c.subject == literal_column("'user/'").concat(erasures.c.person)
_owned = select(events.c.sequence).where(_about).exists()
_said = select(events.c.sequence).where(_about, events.c.type == ERASED).exists()
_PEOPLE = select(erasures.c.person).where(or_(_said, ~_owned)).order_by(erasures.c.number)
_UNSAID = select(erasures.c.person).where(_owned, ~_said).order_by(erasures.c.number)
_NOTE = _note.on_conflict_do_nothing(index_elements=[erasures.c.person])
_SINCE = Query(select(erasures.c.number, erasures.c.person).where(erasures.c.number > bindparam("after")).order_by(erasures.c.number))
_LAST = Query(select(func.coalesce(func.max(erasures.c.number), 0)))
_UNDER_WAY = select(erasures).where(_under_way).order_by(erasures.c.number)
_ANY = Query(select(erasures.c.number).where(_under_way).limit(literal_column("1")))
_ONE = select(erasures).where(erasures.c.person == bindparam("whose"))
_OLDEST = select(func.count(), func.min(erasures.c.since)).where(_under_way)
_MOVE = (
    update(erasures)
    .where(erasures.c.person == bindparam("whose"))
    .values(step=bindparam("at"), position=bindparam("far"), blanked=bindparam("told"))
)
_FINISH = update(erasures).where(erasures.c.person == bindparam("whose"), _under_way).values(done_at=bindparam("at"), position="")


class PersonErased(Conflict):
    """Something personal of a person who was erased was to be stored: their name, or a note on their ticket."""

    code = "erased"

    def __init__(self) -> None:
        super().__init__("The person whose data this would be was erased: nothing personal of theirs is stored any more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """How far a store is with one person: the step at work and its position, and what each step has blanked. `done_at` None: under way."""

    person: str
    since: datetime
    step: str = ""
    position: str = ""
    blanked: Mapping[str, int] = field(default_factory=dict)
    done_at: datetime | None = None

    def counted(self, name: str, count: int) -> "Erasure":
        """Return it with so many more things blanked in a step; a step that was at work is named, with 0."""
        return replace(self, blanked={**self.blanked, name: self.blanked.get(name, 0) + count})


class Tombstones:
    """The people of whom nothing personal is to be stored, as the writer of one process knows them. For its thread alone."""

    def __init__(self) -> None:
        self._people: set[str] = set()
        self._last = 0

    def __contains__(self, person: object) -> bool:
        return person in self._people

    def refresh(self, connection: Reader) -> None:
        """Learn of those that were added since. Under the lock, before anything is decided: no row is ever taken away or changed."""
        for number, person in _SINCE.rows(connection, {"after": self._last}):
            self._people.add(person)
            self._last = number


def note(tx: Transaction, person: str) -> None:
    """Put up a tombstone, unless there is one: the erasure of this store is under way from the commit on."""
    tx.write(_NOTE, _first_row(person, tx.now))


def mark(connection: Connection, people: Iterable[str], now: datetime) -> None:
    """Put up tombstones in a store that nobody else has open; its service goes on with the rest at its next start."""
    if rows := [_first_row(person, now) for person in people]:
        connection.execute(_NOTE, rows)


def _first_row(person: str, now: datetime) -> dict[str, Any]:
    return {"person": person, "since": to_text(now), "step": "", "position": "", "blanked": "{}"}


def take(tx: Transaction, erased: Container[str], consumed: Sequence[StoredEvent]) -> list[StoredEvent]:
    """Return events of another service as they may be written down here, and put up the tombstones that they tell of.

    Whatever an old stream, or an owner that was away, still brings of somebody who was erased loses its personal part on the way.
    """
    for event in consumed:
        if event.type == ERASED:
            note(tx, event.entity[1])
    return [without_personal(event) if event.personalof in erased else event for event in consumed]


def without_personal(event: StoredEvent) -> StoredEvent:
    """Return the event as an erasure leaves it: head, data and hashes are what they were."""
    return event if event.personal is None else event._replace(personal=None, salt=None)


def last_number(reader: Reader) -> int:
    """Return the number of the last tombstone, 0 when there is none: it grows with each."""
    return int(_LAST.rows(reader, {})[0][0])


def is_under_way(reader: Reader) -> bool:
    """Return whether there is anybody whom this store is not done with: a short read."""
    return _ANY.first(reader, {}) is not None


def under_way(connection: Connection) -> list[Erasure]:
    """Return the erasures that this store is not done with, the oldest first."""
    return [_erasure(row) for row in connection.execute(_UNDER_WAY).mappings()]


def erasure_of(connection: Connection, person: str) -> Erasure | None:
    """Return how far this store is with a person; None when it has not heard that they were erased."""
    row = connection.execute(_ONE, {"whose": person}).mappings().one_or_none()
    return None if row is None else _erasure(row)


def people(connection: Connection) -> list[str]:
    """Return the ids of everybody of whom this store heard that they were erased, in that order.

    Of those whose history is in this very log, only those of whom it says so: a tombstone alone excuses nothing there.
    """
    return list(connection.scalars(_PEOPLE))


def unsaid(connection: Connection) -> list[str]:
    """Return the ids of those who have a tombstone and a history in this very log, which does not say that they were erased."""
    return list(connection.scalars(_UNSAID))


def figures(connection: Connection, now: datetime) -> dict[str, float]:
    """Return how many erasures are under way, and for how many seconds the oldest is."""
    count, oldest = connection.execute(_OLDEST).one()
    return {"erasures": float(count), "erasures_oldest_seconds": (now - from_text(oldest)).total_seconds() if oldest else 0.0}


def move(connection: Connection, to: Erasure) -> None:
    """Write down how far an erasure is."""
    far = {"at": to.step, "far": to.position, "told": json.dumps(to.blanked)}
    connection.execute(_MOVE, {"whose": to.person, **far})


def finish(connection: Connection, person: str, now: datetime) -> None:
    """Write down that this store is done with a person."""
    connection.execute(_FINISH, {"whose": person, "at": to_text(now)})


def _erasure(row: Mapping[Any, Any]) -> Erasure:
    return Erasure(
        person=row["person"],
        since=from_text(row["since"]),
        step=row["step"],
        position=row["position"],
        blanked=json.loads(row["blanked"]),
        done_at=None if row["done_at"] is None else from_text(row["done_at"]),
    )

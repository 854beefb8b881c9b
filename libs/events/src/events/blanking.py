"""What is blanked of a person: the steps that every store has, each a walk in stretches that can stop and go on anywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Select, Table, bindparam, delete, select, update

from events.envelope import from_wire
from events.erasures import without_personal
from events.prepared import Prepared
from events.tables import events, parked

STRETCH = 2_000
"""Rows that are looked at in one read."""
AT_ONCE = 200
"""Rows that are blanked in one transaction."""

Found = tuple[Sequence[Any], str | None]
"""Keys of rows to blank, and the position at which to look on; None: that was the end."""


class Find(Protocol):
    """Finds what is still to be blanked."""

    def __call__(self, connection: Connection, *, person: str, position: str) -> Found: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One kind of things that a store keeps. `name` is what people read: "events", "tickets".

    `find(connection, person=…, position=…)` reads on from a position ("" at first), outside of the writer; it returns at most `AT_ONCE`
    keys, of rows that still hold something. `blank(connection, person, keys)` takes that away, in the writer's transaction, and returns in
    how many: done twice it does nothing the second time.
    """

    name: str
    find: Find
    blank: Callable[[Connection, str, Sequence[Any]], int]


def _nothing(_connection: Connection, _person: str) -> None:
    """Nothing follows."""


def dropping(name: str, which: Select[Any], key: Column[Any], after: Callable[[Connection, str], None] = _nothing) -> Step:
    """Return the step that deletes rows: those that `which` finds by the parameter `person`, at most `AT_ONCE`, by their column `key`.

    `after(connection, person)` follows in the same transaction.
    """

    def find(connection: Connection, *, person: str, position: str) -> Found:  # noqa: ARG001 (what is deleted is not found again)
        keys = list(connection.scalars(which, {"person": person}))
        return keys, "" if len(keys) == AT_ONCE else None

    def blank(connection: Connection, person: str, keys: Sequence[Any]) -> int:
        count = connection.execute(delete(key.table).where(key.in_(keys))).rowcount
        after(connection, person)
        return count

    return Step(name=name, find=find, blank=blank)


_OWN = (
    select(events.c.sequence)
    .where(
        events.c.sequence > bindparam("after"),
        events.c.sequence <= bindparam("through"),
        events.c.personalof == bindparam("person"),
        events.c.personal.is_not(None),
    )
    .order_by(events.c.sequence)
    .limit(AT_ONCE)
)
_HEAD = select(events.c.sequence).order_by(events.c.sequence.desc()).limit(1)
_BLANK = Prepared(
    update(events).where(events.c.sequence == bindparam("which")).values(personal=bindparam("nothing"), salt=bindparam("no_salt")),
    ("nothing", "no_salt", "which"),
)
_SET_ASIDE = select(parked.c.source, parked.c.sequence, parked.c.wire).order_by(parked.c.source, parked.c.sequence)
_REWRITE = update(parked).where(parked.c.source == bindparam("of"), parked.c.sequence == bindparam("at")).values(wire=bindparam("instead"))


def find_events(connection: Connection, *, person: str, position: str) -> Found:
    """Find the events of this store's own log that hold something personal of a person."""
    after, head = int(position or 0), connection.scalar(_HEAD) or 0
    through = min(after + STRETCH, head)
    keys = list(connection.scalars(_OWN, {"after": after, "through": through, "person": person}))
    if len(keys) == AT_ONCE:
        through = keys[-1]
    return keys, None if through >= head else str(through)


def blank_events(connection: Connection, _person: str, sequences: Sequence[int]) -> int:
    """Take the personal part and its salt from events of the log: the one change that its guards permit."""
    _BLANK.run(connection, [(None, None, sequence) for sequence in sequences])
    return len(sequences)


def holds(wire: bytes, person: str) -> bool:
    """Return whether a wire holds something personal of a person. Raises ValueError when it is none."""
    # most are somebody else's, and looking for the bytes costs a hundredth of reading the event
    if f'"personalof":"{person}"'.encode() not in wire:
        return False
    event = from_wire(wire)
    return event.personal is not None and event.personalof == person


def blanked_wire(wire: bytes) -> bytes:
    """Return the bytes of an event without its personal part."""
    return without_personal(from_wire(wire)).wire()


def over_journal(journal: Table) -> Step:
    """Return the step over a journal: a table of wires by `position`; where there is no wire, the event stands in this store's own log."""
    position_of, wire_of = journal.c.position, journal.c.wire
    following = (
        select(position_of, wire_of)
        .where(position_of > bindparam("after"), position_of <= bindparam("through"), wire_of.is_not(None))
        .order_by(position_of)
    )
    last = select(position_of).order_by(position_of.desc()).limit(1)
    these = select(position_of, wire_of).where(position_of.in_(bindparam("positions", expanding=True)))
    rewrite = Prepared(update(journal).where(position_of == bindparam("which")).values(wire=bindparam("instead")), ("instead", "which"))

    def find(connection: Connection, *, person: str, position: str) -> Found:
        after, end = int(position or 0), connection.scalar(last) or 0
        through = min(after + STRETCH, end)
        keys: list[int] = []
        for place, wire in connection.execute(following, {"after": after, "through": through}):
            if holds(bytes(wire), person):
                keys.append(place)
                if len(keys) == AT_ONCE:
                    return keys, str(place)
        return keys, None if through >= end else str(through)

    def blank(connection: Connection, _person: str, positions: Sequence[int]) -> int:
        rows = connection.execute(these, {"positions": list(positions)}).all()
        rewrite.run(connection, [(blanked_wire(bytes(wire)), place) for place, wire in rows])
        return len(rows)

    return Step(name="journal", find=find, blank=blank)


def find_parked(connection: Connection, *, person: str, position: str) -> Found:
    """Find what was set aside of a person. There is little of it, ever, and what is blanked is not found again."""
    keys: list[tuple[str, int]] = []
    for source, sequence, wire in connection.execute(_SET_ASIDE):
        if holds(bytes(wire), person):
            keys.append((source, sequence))
        if len(keys) == AT_ONCE:
            return keys, position
    return keys, None


def blank_parked(connection: Connection, _person: str, keys: Sequence[tuple[str, int]]) -> int:
    """Take the personal parts from events that were set aside and are still there."""
    count = 0
    for source, sequence in keys:
        this = select(parked.c.wire).where(parked.c.source == source, parked.c.sequence == sequence)
        if (wire := connection.scalar(this)) is not None:
            connection.execute(_REWRITE, {"of": source, "at": sequence, "instead": blanked_wire(bytes(wire))})
            count += 1
    return count


EVENTS = Step(name="events", find=find_events, blank=blank_events)
PARKED = Step(name="parked", find=find_parked, blank=blank_parked)

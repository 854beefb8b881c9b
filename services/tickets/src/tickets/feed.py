"""Reading the journal for other systems: from a place on, narrowed, in parts that are bounded in time and in bytes.

A part says how far it has looked, not only what it has found: who goes on from there looks at nothing twice, however little they want.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from events.prepared import Query
from events.store import log_head
from events.tables import events as log
from tickets import journal
from tickets.errors import CutOff, NoPlace
from tickets.journal import Carried
from tickets.places import Places
from tickets.tables import journal as table

NOW = "now"
"""What stands for the end of the journal, where a position is asked for."""
PAGE_SIZE, PAGE_SECONDS = 4 * 1024 * 1024, 0.5
"""A page ends after about so many bytes, and after so long, whatever it has found by then."""
_LOOKED_AT = 5_000
"""Rows that one statement looks through: a few milliseconds."""
_FETCHED = 64
"""Events that are in memory at once beyond what a part may have in bytes."""
_AS_AUDITED = {"user": ("user", "login")}
"""A login of nobody known stands under `user`, as in the audit."""

_RESTORES = select(log.c.sequence, log.c.data).where(log.c.subject == "store/tickets", log.c.type == "store.restored")
_OWN_AT = select(table.c.position).where(table.c.source == "/tickets", table.c.sequence == bindparam("sequence"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events. A type that ends in a dot means all that begin so; times are texts, since ≤ time < until."""

    types: tuple[str, ...] = ()
    entity: str | None = None
    entity_id: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def everything(self) -> bool:
        return self == Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """At most so many events, about so many bytes of them, and about so many seconds: one read transaction lasts no longer."""

    events: int
    size: int
    seconds: float


def page(events: int) -> Bounds:
    """Return the bounds of a page of so many events."""
    return Bounds(events=events, size=PAGE_SIZE, seconds=PAGE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`found` is what is wanted; all up to `at`, where the event with the hash `hash` stands, was looked at. The journal ends at `head`."""

    origin: str
    found: Sequence[Carried]
    at: int
    hash: str
    head: int


def standing(connection: Connection, places: Places, text: str) -> int:
    """Return the position in the journal that a reader has reached who comes with this text. Raises NoPlace or CutOff."""
    if text == NOW:
        return journal.head(connection)
    place = places.open(text)
    if place is None:
        return 0
    origin = log_head(connection).origin
    if place.origin != origin:
        kept = _kept(connection, place.origin)
        if place.position > kept:
            raise CutOff(place_at(connection, places, kept))
    if not place.holds(_hash(connection, place.position)):
        raise NoPlace
    return place.position


def place_at(connection: Connection, places: Places, position: int) -> str:
    """Return the text of a position that there is."""
    return places.seal(log_head(connection).origin, position, _hash(connection, position))


def read(connection: Connection, after: int, wanted: Wanted, bounds: Bounds) -> Part:
    """Return what follows the position `after`, all in one snapshot."""
    ends, origin, head = time.monotonic() + bounds.seconds, log_head(connection).origin, journal.head(connection)
    found: list[Carried] = []
    size = 0
    at = after
    while at < head and len(found) < bounds.events and size < bounds.size:
        upto = min(at + _LOOKED_AT, head)
        for event in _matching(connection, at, upto, wanted, bounds.events - len(found)):
            found.append(event)
            size += len(event.wire)
            if size >= bounds.size or len(found) == bounds.events:
                upto = event.position
                break
        at = upto
        if time.monotonic() >= ends:
            break
    known = found[-1].hash if found and found[-1].position == at else _hash(connection, at)
    return Part(origin=origin, found=found, at=at, hash=known, head=head)


def _kept(connection: Connection, origin: str) -> int:
    """Return up to which position this journal is the one of a former origin. Raises NoPlace if nothing here ever was of that origin.

    The first that a restored store writes is that it was restored, so that all before it in its journal was kept. Of a desk that branched
    off elsewhere (it was restored too, and then replaced) it is told up to which of our own events the two are one.
    """
    told = [(sequence, json.loads(data)) for sequence, data in connection.execute(_RESTORES)]
    cuts = [(sequence, event["cut"]) for sequence, event in told if event["origin_before"] == origin]
    if not cuts:
        raise NoPlace
    return min(_position(connection, sequence) - 1 if sequence == cut + 1 else _position(connection, cut) for sequence, cut in cuts)


def _position(connection: Connection, sequence: int) -> int:
    """Return where an own event stands in the journal; 0 for the sequence 0."""
    return int(connection.execute(_OWN_AT, {"sequence": sequence}).scalar_one()) if sequence else 0


def _hash(connection: Connection, position: int) -> str:
    """Return the hash of the event at a position, "" when there is none."""
    for event in journal.between(connection, position, position):
        return event.hash
    return ""


def _matching(connection: Connection, after: int, upto: int, wanted: Wanted, limit: int) -> Iterator[Carried]:
    """Yield up to `limit` events that are wanted from the positions after `after` up to `upto`, a few of them in memory at once."""
    if wanted.everything:  # positions have no gaps
        last = min(upto, after + limit)
        for first in range(after + 1, last + 1, _FETCHED):
            end = min(first + _FETCHED - 1, last)
            found = journal.between(connection, first, end)
            if len(found) != end - first + 1:  # passed over in silence it would be missed for good
                raise journal.broken(first, f"of those up to {end} not all are there")
            yield from found
        return
    statement, values = _narrowed(wanted)
    positions = [row[0] for row in statement.rows(connection, {**values, "after": after, "upto": upto, "limit": limit})]
    for start in range(0, len(positions), _FETCHED):
        yield from journal.picked(connection, positions[start : start + _FETCHED])


def _narrowed(wanted: Wanted) -> tuple[Query, Mapping[str, Any]]:
    """Return the statement that looks for what is wanted, and the values of its parameters but for the place and the limit."""
    beginnings = [type_ for type_ in wanted.types if type_.endswith(".")]
    kinds = _AS_AUDITED.get(wanted.entity or "", (wanted.entity,)) if wanted.entity else ()
    asked = {
        "type": [type_ for type_ in wanted.types if type_ not in beginnings],
        "kind": [_beginning(type_) for type_ in beginnings],
        "subject": [f"{kind}/{wanted.entity_id}" for kind in kinds] if wanted.entity_id else [],
        "entity": [] if wanted.entity_id else [_beginning(f"{kind}/") for kind in kinds],
    }
    values = {f"{name}_{number}": value for name, some in asked.items() for number, value in enumerate(some)}
    times = {name: value for name, value in (("since", wanted.since), ("until", wanted.until)) if value is not None}
    return _statement(tuple((name, len(some)) for name, some in asked.items() if some), tuple(times)), {**values, **times}


@lru_cache(maxsize=256)
def _statement(asked: tuple[tuple[str, int], ...], times: tuple[str, ...]) -> Query:
    """The positions that follow `after`, up to `upto`: of any of the types and kinds, of any of the subjects, within the times."""
    counts = dict(asked)
    conditions: list[ColumnElement[bool]] = [table.c.position > bindparam("after"), table.c.position <= bindparam("upto")]
    for column, whole, beginning in ((table.c.type, "type", "kind"), (table.c.subject, "subject", "entity")):
        exact = [column == bindparam(f"{whole}_{number}") for number in range(counts.get(whole, 0))]
        like = [column.like(bindparam(f"{beginning}_{number}"), escape="!") for number in range(counts.get(beginning, 0))]
        if exact or like:
            conditions.append(or_(*exact, *like))
    if "since" in times:
        conditions.append(table.c.time >= bindparam("since"))
    if "until" in times:
        conditions.append(table.c.time < bindparam("until"))
    return Query(select(table.c.position).where(and_(*conditions)).order_by(table.c.position).limit(bindparam("limit")))


def _beginning(text: str) -> str:
    """Return what LIKE finds where a text begins so. All our words are in lower case, so that LIKE's blindness to it does no harm."""
    return text.replace("!", "!!").replace("_", "!_").replace("%", "!%") + "%"

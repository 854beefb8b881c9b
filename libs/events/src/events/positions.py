"""How far a consumer is in a source's history, and whether an event that arrives is the next, an old one, or of another history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from sqlalchemy import Connection, delete, insert, select, update

from events.envelope import ZERO_HASH, StoredEvent
from events.errors import Conflict
from events.tables import consumed, origins


class Verdict(Enum):
    """What an event is to a consumer: handled before, the next one, beyond the next one, or none of the history that it knows."""

    DONE = "done"
    NEXT = "next"
    HOLE = "hole"
    FORKED = "forked"


@dataclass(frozen=True, slots=True)
class Position:
    """The last event that was handled, and from which sequences on which origin held the log, oldest first."""

    origin: str = ""
    sequence: int = 0
    hash: str = ZERO_HASH
    origins: tuple[tuple[int, str], ...] = ()

    def held(self, sequence: int) -> str | None:
        """Return the origin that held that sequence when it was handled."""
        return next((origin for first, origin in reversed(self.origins) if first <= sequence), None)

    def after(self, event: StoredEvent) -> "Position":
        """Return the position once `event`, the next one, is handled."""
        changes = self.origins if event.origin == self.origin else (*self.origins, (event.sequence, event.origin))
        return Position(event.origin, event.sequence, event.hash, changes)


START = Position()


def classify(position: Position, event: StoredEvent) -> Verdict:
    """Return what `event` is to a consumer that stands at `position`. The chain decides, never the broker's order."""
    if event.sequence > position.sequence + 1:
        return Verdict.HOLE
    if event.sequence == position.sequence + 1:
        return Verdict.NEXT if event.prevhash == position.hash else Verdict.FORKED
    if event.sequence == position.sequence:
        return Verdict.DONE if event.hash == position.hash else Verdict.FORKED
    return Verdict.DONE if event.origin == position.held(event.sequence) else Verdict.FORKED


def follow(position: Position, events: Sequence[StoredEvent]) -> tuple[list[StoredEvent], Verdict | None, int]:
    """Walk along `events` as far as they can be followed.

    Return those that are next, in order, without the ones already done; the verdict that ended the walk (None: it came to the end), and how
    many events it passed.
    """
    fresh: list[StoredEvent] = []
    for passed, event in enumerate(events):
        verdict = classify(position, event)
        if verdict is Verdict.NEXT:
            fresh.append(event)
            position = position.after(event)
        elif verdict is not Verdict.DONE:
            return fresh, verdict, passed
    return fresh, None, len(events)


def load(connection: Connection, source: str, *, lock: bool = False) -> Position:
    """Return where this store stands in the history of `source`; with `lock`, nobody moves it before the end of the transaction."""
    wanted = select(consumed.c.origin, consumed.c.sequence, consumed.c.hash).where(consumed.c.source == source)
    row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    if row is None:
        return START
    changes = select(origins.c.first_sequence, origins.c.origin).where(origins.c.source == source).order_by(origins.c.first_sequence)
    return Position(row.origin, row.sequence, row.hash, tuple((first, origin) for first, origin in connection.execute(changes)))


def save(connection: Connection, source: str, before: Position, after: Position) -> None:
    """Move the consumer from `before`, which was loaded in this transaction, to `after`."""
    row = {"origin": after.origin, "sequence": after.sequence, "hash": after.hash}
    if before == START:
        connection.execute(insert(consumed), {"source": source, **row})
    else:
        connection.execute(update(consumed).where(consumed.c.source == source), row)
    if fresh := after.origins[len(before.origins) :]:
        connection.execute(insert(origins), [{"source": source, "first_sequence": first, "origin": origin} for first, origin in fresh])


def anchor(connection: Connection, source: str, event: StoredEvent | None) -> None:
    """Let the consumer stand at the same sequence in another history, where `event` is there. Raises Conflict when it stands elsewhere."""
    before = load(connection, source, lock=True)
    if before.sequence != (event.sequence if event else 0):
        raise Conflict(f"The consumer of {source} has moved on to {before.sequence}. Look again.")
    if event is not None:
        changes = before.origins
        if event.origin != before.origin:
            changes = (*(each for each in changes if each[0] < event.sequence), (event.sequence, event.origin))
            connection.execute(delete(origins).where(origins.c.source == source, origins.c.first_sequence >= event.sequence))
        kept = replace(before, origins=tuple(each for each in before.origins if each in changes))
        save(connection, source, kept, Position(event.origin, event.sequence, event.hash, changes))


def load_all(connection: Connection) -> dict[str, Position]:
    """Return where this store stands in every source, without the changes of origin."""
    rows = connection.execute(select(consumed.c.source, consumed.c.origin, consumed.c.sequence, consumed.c.hash))
    return {source: replace(START, origin=origin, sequence=sequence, hash=hash_) for source, origin, sequence, hash_ in rows}

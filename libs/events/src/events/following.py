"""Projections that follow a feed inside the writer's transaction, each from its own position."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, insert, select, update

from events.catalogue import Catalogue, UnknownType
from events.decider import Key, Transaction
from events.handling import describe, is_the_stores
from events.prepared import Prepared
from events.projections import Feed, Projection, Recorded
from events.savepoints import savepoint
from events.store import log_head, read_log
from events.tables import projections

logger = logging.getLogger(__name__)

LARGEST_STEP = 1000
"""Events that a projection may lack and still catch up within a batch; one that lacks more is filled in steps of its own."""

_MOVE = Prepared(
    update(projections).where(projections.c.name == bindparam("projection")).values(position=bindparam("to")), ("to", "projection")
)
_STOP = update(projections).where(projections.c.name == bindparam("projection")).values(error=bindparam("why"))

Items = Sequence[tuple[int, Recorded]]
News = Mapping[str, Items | None]
"""What feeds were given in this transaction, by their names: the next events with their positions; None where they are to be read."""


class LogFeed:
    """The store's own log as what projections follow; positions are sequences."""

    name = "log"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def head(self, connection: Connection) -> int:
        """Return the last sequence."""
        return log_head(connection).sequence

    def read(self, connection: Connection, after: int, limit: int) -> list[tuple[int, Recorded]]:
        """Return up to `limit` events that follow the sequence `after`. Raises UnknownVersion, or TypeError when a fact is missing."""
        found: list[tuple[int, Recorded]] = []
        for stored in read_log(connection, after, limit):
            try:
                found.append((stored.sequence, Recorded(stored, stored.decode(self._catalogue))))
            except UnknownType:
                found.append((stored.sequence, Recorded(stored, None)))
        return found


@dataclass(slots=True)
class Place:
    """Where a projection stands: the last position that is in its tables, and why it stopped, if it did."""

    position: int
    error: str | None


@dataclass
class Followers:
    """All projections of a store, by what they follow; the feeds in the order in which they are to be followed."""

    feeds: Sequence[tuple[Feed, Sequence[Projection]]]
    places: dict[str, Place] = field(default_factory=dict)
    behind: dict[str, int] = field(default_factory=dict)
    """How many events each projection lacks that is being filled."""

    def prepare(self, connection: Connection) -> None:
        """Make the tables of projections that are new or of another version, and give stopped ones another chance."""
        known = {row.name: row for row in connection.execute(select(projections))}
        for _, following in self.feeds:
            for projection in following:
                row = known.get(projection.name)
                if row is None or row.version < projection.version:
                    reset(connection, projection, new=row is None)
                elif row.version > projection.version:
                    logger.warning("The projection %s has a newer form already; this process leaves it alone.", projection.name)
                elif row.error is not None:
                    connection.execute(_STOP, {"projection": projection.name, "why": None})

    def load(self, connection: Connection) -> None:
        """Read where every projection stands; one whose tables have another version by now is left alone."""
        versions = {projection.name: projection.version for _, following in self.feeds for projection in following}
        rows = connection.execute(select(projections)).all()
        self.places = {row.name: Place(row.position, row.error) for row in rows if versions.get(row.name) == row.version}

    def catch_up(self, connection: Connection) -> None:
        """Fold what each projection lacks, wherever it stands; one that lacks too much is behind, and is to be filled.

        A projection that raises stops where it is, with an alarm, and stops nobody else. Raises what is the store's fault.
        """
        self.behind.clear()
        for feed, following in self.feeds:
            head = feed.head(connection)
            for projection in following:
                place = self.places.get(projection.name)
                if place is None or place.error is not None or place.position >= head:
                    continue
                if head - place.position > LARGEST_STEP:
                    self.behind[projection.name] = head - place.position
                else:
                    self._read_on(connection, feed, projection, place)

    def advance(self, connection: Connection, news: News) -> None:
        """Fold what the feeds were just given; it is read only where that is asked for, or where a projection lacks something before it."""
        moved = []
        for feed, following in self.feeds:
            if feed.name not in news:
                continue
            items = news[feed.name]
            for projection in following:
                place = self.places.get(projection.name)
                if place is None or place.error is not None or projection.name in self.behind:
                    continue
                if items is None or (items and items[0][0] != place.position + 1):
                    self._read_on(connection, feed, projection, place)
                elif self._fold(connection, feed, projection, place, items):
                    moved.append((place.position, projection.name))
        _MOVE.run(connection, moved)

    def fill(self, connection: Connection, enough: Callable[[], bool]) -> None:
        """Fold one step into each projection that lacks too much to catch up within a batch, and more until it is `enough`."""
        for feed, following in self.feeds:
            for projection in following:
                if projection.name in self.behind:
                    while self._step(connection, feed, projection, self.places[projection.name]) == LARGEST_STEP and not enough():
                        pass

    def _read_on(self, connection: Connection, feed: Feed, projection: Projection, place: Place) -> None:
        while self._step(connection, feed, projection, place) == LARGEST_STEP:
            pass

    def _step(self, connection: Connection, feed: Feed, projection: Projection, place: Place) -> int:
        count = self._fold(connection, feed, projection, place)
        _MOVE.run(connection, [(place.position, projection.name)] if count else [])
        return count

    def _fold(self, connection: Connection, feed: Feed, projection: Projection, place: Place, known: Items = ()) -> int:
        """Fold `known`, or else what the feed has next, and return how many events that were; 0 when the projection stopped.

        An event that cannot be read for what it means stops who needs it to be read, as one that cannot be folded does.
        """
        try:
            with savepoint(connection):
                items = known or feed.read(connection, place.position, LARGEST_STEP)
                if items:
                    projection.apply(connection, items)
        except Exception as error:
            if is_the_stores(error):
                raise
            place.error = describe(error)
            connection.execute(_STOP, {"projection": projection.name, "why": place.error})
            logger.exception("The projection %s stopped after position %s.", projection.name, place.position)
            return 0
        if items:
            place.position = items[-1][0]
        return len(items)


def reset(connection: Connection, projection: Projection, *, new: bool = False) -> None:
    """Make the projection's tables anew, empty, at position 0."""
    projection.metadata.drop_all(connection)
    projection.metadata.create_all(connection)
    start = {"version": projection.version, "position": 0, "error": None}
    if new:
        connection.execute(insert(projections), {"name": projection.name, **start})
    else:
        connection.execute(update(projections).where(projections.c.name == projection.name), start)


@dataclass(frozen=True, slots=True)
class Filling:
    """A unit that gives the writer a reason for a batch; filling happens in every batch."""

    def reads(self) -> Sequence[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        """Do nothing of its own."""

"""What derived tables are built from a second time: a feed that a projection follows, or a source that a consumer follows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Table, select

from events import positions
from events.beside import Folding, Load
from events.catalogue import Catalogue
from events.consumer import OwnersFeed
from events.envelope import StoredEvent, chain, digest, from_wire, personal_digest
from events.errors import Conflict
from events.forms import is_outdated
from events.handling import Subscription
from events.projections import Feed, Projection
from events.rebuilding import left_out
from events.tables import projections

PAGE = 1000
"""Events that are folded at once."""


class NotInUse(Conflict):
    """The tables in use are not such that they can be compared: they are being filled, or stopped."""


class Material(Protocol):
    """One set of derived tables, and how it comes about."""

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> Sequence[Table]: ...

    def standing(self, connection: Connection) -> int:
        """Return up to which position the tables in use are filled. Raises NotInUse."""

    async def read_ahead(self, after: int, until: int) -> None:
        """Get what is not in the store, of the events that follow `after` up to `until`."""

    def fold(self, connection: Connection, after: int, until: int) -> int:
        """Fold up to a thousand of the events that follow `after` up to `until`, and return the last one's position (`until` for none)."""


@dataclass
class Followed:
    """A projection and the feed that it follows, both in the store."""

    projection: Projection
    feed: Feed

    @property
    def name(self) -> str:
        return self.projection.name

    @property
    def tables(self) -> Sequence[Table]:
        return self.projection.metadata.sorted_tables

    def standing(self, connection: Connection) -> int:
        row = connection.execute(select(projections).where(projections.c.name == self.name)).one_or_none()
        if row is None or row.version != self.projection.version:
            raise NotInUse(f"The tables of {self.name} are of another version than this process.")
        return int(row.position)

    async def read_ahead(self, after: int, until: int) -> None:
        """Nothing is elsewhere."""

    def fold(self, connection: Connection, after: int, until: int) -> int:
        items = [item for item in self.feed.read(connection, after, PAGE) if item[0] <= until]
        if items:
            _demand_intact(item.stored for _, item in items)
            self.projection.apply(connection, items)
        return items[-1][0] if len(items) == PAGE else until


@dataclass
class Consumed:
    """What a consumer derives from a source, whose history is its owner's."""

    own: str
    subscription: Subscription
    owners: OwnersFeed
    loaders: Mapping[str, Load]
    now: Callable[[], datetime]
    catalogue: Catalogue

    def __post_init__(self) -> None:
        self._page: list[Any] = []

    @property
    def name(self) -> str:
        return self.subscription.tables[-1].name

    @property
    def tables(self) -> Sequence[Table]:
        return self.subscription.tables

    def standing(self, connection: Connection) -> int:
        if is_outdated(connection, self.subscription):
            raise NotInUse(f"The tables of {self.name} are being made anew.")
        return positions.load(connection, self.subscription.source).sequence

    async def read_ahead(self, after: int, until: int) -> None:
        if after < until:
            self._page = [from_wire(wire) for wire in await self.owners(self.subscription.source, after, min(PAGE, until - after))]
            if not self._page:
                raise Conflict(f"The feed of {self.subscription.source} ends at {after}, before what was handled here.")

    def fold(self, connection: Connection, after: int, until: int) -> int:
        page, self._page = [event for event in self._page if after < event.sequence <= until], []
        if not page:
            return after
        gone = left_out(connection, self.own, self.subscription.source)
        events = [event for event in page if event.type in self.subscription.derived and event.sequence not in gone]
        self.subscription.derive(Folding(connection, self.now(), self.loaders), events, self.catalogue)
        return int(page[-1].sequence)


def _demand_intact(events: Iterable[StoredEvent]) -> None:
    """Raise NotInUse for an event that is not what was recorded: what is built of it would make that look right."""
    for event in events:
        whole = chain(event.prevhash, event.head) == event.hash and digest(event.data) == event.datadigest
        if not whole or (event.personal is not None and personal_digest(event.salt, event.personal) != event.personaldigest):
            raise NotInUse(
                f"Event {event.sequence} of {event.source} is not what was recorded, so nothing is built. ste audit verify tells more."
            )

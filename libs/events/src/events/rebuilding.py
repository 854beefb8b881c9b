"""Derived tables that a consumer keeps, made and filled again from the owner's feed by the very code that writes them live."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from events import positions
from events.catalogue import Catalogue
from events.consumer import OwnersFeed
from events.contracts import CATALOGUE
from events.decider import Key, Transaction
from events.envelope import StoredEvent, from_wire
from events.failpoints import reach
from events.forms import note_form
from events.handling import Subscription, attempt
from events.intake import Moved
from events.store import Store
from events.tables import events as log
from events.tables import parked
from events.writer import Writer

_TOGETHER = 500  # events that are folded at once
_PAGE = 200  # events in a request to the feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Refold:
    """Fills the derived tables of a subscription from the source's whole history, in one transaction: a unit of the writer."""

    own: str
    subscription: Subscription
    catalogue: Catalogue
    read: int
    """How far the history was read; it must reach the consumer's position."""
    history: Sequence[StoredEvent]
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> int:
        source = self.subscription.source
        position = positions.load(tx.connection, source, lock=True).sequence
        if position > self.read:
            raise Moved(f"The consumer of {source} went on to {position}.")
        for table in reversed(self.subscription.tables):
            table.drop(tx.connection, checkfirst=True)
        for table in self.subscription.tables:
            table.create(tx.connection)
        note_form(tx.connection, self.subscription.source, self.subscription.version)
        derived = replace(self.subscription, handlers={})
        gone = left_out(tx.connection, self.own, source)
        folded = [event for event in self.history if event.sequence <= position and event.sequence not in gone]
        for start in range(0, len(folded), _TOGETHER):
            some = folded[start : start + _TOGETHER]
            if attempt(tx, derived, some, self.catalogue):
                _name_the_one(tx, derived, some, self.catalogue)
        if __debug__:
            reach("rebuild.folded")
        return len(folded)


def _name_the_one(tx: Transaction, derived: Subscription, events: Sequence[StoredEvent], catalogue: Catalogue) -> None:
    """Fold them one by one. Raises RuntimeError for the one that cannot be."""
    for event in events:
        if error := attempt(tx, derived, [event], catalogue):
            raise RuntimeError(f"{event.source} {event.sequence} was handled once and now cannot be: {error}")


def left_out(connection: Connection, own: str, source: str) -> set[int]:
    """Return the sequences of those events of a source that are parked here, or were given up by an operator."""
    return _set_aside(connection, source) | _skipped(connection, own, source)


def _set_aside(connection: Connection, source: str) -> set[int]:
    return set(connection.scalars(select(parked.c.sequence).where(parked.c.source == source)))


def _skipped(connection: Connection, own: str, source: str) -> set[int]:
    """Return what operators gave up; the service's own log tells."""
    wanted = select(log.c.data).where(log.c.subject == f"store/{own.strip('/')}", log.c.type == "event.skipped")
    skipped = [json.loads(data) for data in connection.scalars(wanted)]
    return {event["sequence"] for event in skipped if event["source"] == source}


async def rebuild(
    *, writer: Writer, store: Store, own: str, subscription: Subscription, feed: OwnersFeed, catalogue: Catalogue = CATALOGUE
) -> int:
    """Make and fill the tables of `subscription.derived` again, and return from how many events.

    Nothing else is done again: no handler, no journal, no parking. What is parked or was skipped is left out. The consumer may go on
    meanwhile; the writer is held for the time of the folding. Raises what the feed raises, and RuntimeError, with nothing changed, when an
    event that was handled once cannot be.
    """
    history: list[StoredEvent] = []
    read = 0
    while True:
        with store.read() as connection:
            position = positions.load(connection, subscription.source).sequence
        while read < position:
            page = [from_wire(wire) for wire in await feed(subscription.source, read, _PAGE)]
            history += [event for event in page if event.type in subscription.derived]
            if not page:
                raise RuntimeError(f"The feed of {subscription.source} ends at {read}, before what was handled.")
            read = page[-1].sequence
        try:
            return await writer.execute(Refold(own=own, subscription=subscription, catalogue=catalogue, read=read, history=history))
        except Moved:
            continue

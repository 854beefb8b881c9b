"""What a consumer does with a batch of events, in one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from events import parking, positions
from events.catalogue import Catalogue
from events.decider import Key, Transaction
from events.envelope import StoredEvent
from events.erasures import Tombstones, take
from events.errors import Conflict
from events.failpoints import reach
from events.forms import demand
from events.handling import Subscription, attempt
from events.positions import Position

Record = Callable[[Transaction, Sequence[StoredEvent]], None]
"""Writes every event down before any is handled (the journal)."""


class Moved(Conflict):
    """Another process of this service handled these events first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Handles events, moves the checkpoint, and parks what cannot be handled: a unit of the writer. Returns the new position."""

    subscription: Subscription
    catalogue: Catalogue
    record: Record | None
    position: Position
    events: Sequence[StoredEvent]
    condemned: Mapping[int, str] = field(default_factory=dict)
    """What was wrong with an event that was refused alone before; it is parked without being tried again."""
    tombstones: Tombstones | None = None
    """The people of whom nothing personal is written down; None where nobody is ever erased."""
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> Position:
        source = self.subscription.source
        if positions.load(tx.connection, source, lock=True) != self.position:
            raise Moved(f"The events of {source} were handled elsewhere.")
        demand(tx.connection, self.subscription)
        events = self.events if self.tombstones is None else take(tx, self.tombstones, self.events)
        if self.record is not None:
            self.record(tx, events)
            if __debug__:
                reach("consumer.recorded")
        handled = [event for event in events if self.subscription.handles(event.type)]
        blocked = parking.parked_subjects(tx.connection, source, {event.subject for event in handled}) if handled else set()
        if blocked or self.condemned or attempt(tx, self.subscription, handled, self.catalogue):
            self._handle_each(tx, handled, blocked)
        if __debug__:
            reach("consumer.handled")
        after = self.position
        for event in events:
            after = after.after(event)
        positions.save(tx.connection, source, self.position, after)
        if __debug__:
            reach("consumer.moved")
        return after

    def _handle_each(self, tx: Transaction, events: Sequence[StoredEvent], blocked: set[str]) -> None:
        """Handle events one by one, and set aside what cannot be handled, or waits behind what could not."""
        for event in events:
            if event.subject in blocked:
                parking.park_behind(tx, event)
            elif error := self.condemned.get(event.sequence) or attempt(tx, self.subscription, [event], self.catalogue):
                parking.park(tx, event, error)
                blocked.add(event.subject)

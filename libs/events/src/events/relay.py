"""The relay: from the log to its stream. It stores no cursor: the last message of the stream is the cursor.

Lost acknowledgements, two relays at once, a broker that was wiped, one that came back older and one that is ahead are all the same case:
look at the last message, find it in the log, and go on from there. The stream's number of an event is its sequence, whenever the stream
was filled and by whom: the fence is a function of the event alone, and what a relay knew of a stream that is gone cannot fit another.
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, select

from events import tables
from events.envelope import StoredEvent, from_wire
from events.environment import Environment, breath
from events.failpoints import reach
from events.hints import Wake
from events.recent import Recent
from events.store import Store, log_head, read_log
from events.streams import BrokerDown, BrokerError, StreamLog, Tail
from events.times import from_text

logger = logging.getLogger(__name__)

_TOGETHER = 100  # events in a batch; JetStream takes up to 1,000
_WORTH_A_BATCH = 32
"""Fewer go one by one: a batch costs the server a file of its own, which takes it as long as some thirty single events."""
_BYTES = 4 * 1024 * 1024  # bytes in a batch of more than one
_LOOK = timedelta(minutes=1)
_PAUSE = 0.25  # seconds after an error


@dataclass(frozen=True, slots=True)
class Lag:
    """What is committed but not published: how many events, and for how many seconds the oldest has been waiting."""

    events: int
    seconds: float


class Relay:
    """Publishes one store's events in the order of the log. Two may run at once; neither publishes anything twice or out of order."""

    def __init__(
        self,
        *,
        store: Store,
        source: str,
        stream: StreamLog,
        wake: Wake,
        environment: Environment,
        recent: Recent | None = None,
        keep: int = 100_000,
    ) -> None:
        self.alarm: str | None = None
        """Why it has stopped until `refill`, if it has: the stream ends in an event that is not in our log."""
        self.trouble: str | None = None
        """What went wrong last, as long as it does; it tries again by itself."""
        self.relayed = 0
        """The last sequence that is known to be in the stream."""
        self._store = store
        self._source = source
        self._stream = stream
        self._wake = wake
        self._environment = environment
        self._recent = recent or Recent()
        self._keep = keep
        self._place: int | None = None
        self._declared = False
        self._doubts = 0
        self._looked = environment.now() - _LOOK
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Publish what is committed, for ever."""
        while True:
            generation = self._wake.generation
            if await self.step():
                await self._wake.after(generation)
            else:
                await self._environment.sleep(_PAUSE)

    async def step(self) -> bool:
        """Publish all there is; return False after an error, which `trouble` tells."""
        async with self._one_at_a_time:
            try:
                await self._publish_all()
            except BrokerError as error:
                self._note(str(error), quietly=isinstance(error, BrokerDown))
                self._place = None
                return False
            self._note(None)
            return True

    def doubt(self) -> None:
        """Look at the stream again before anything else is published: the connection is a new one."""
        self._place, self._declared = None, False
        self._doubts += 1

    async def refill(self) -> None:
        """Delete the stream and fill it again from the log; an alarm is over. Raises BrokerError when it could not be done to the end."""
        async with self._one_at_a_time:
            self.alarm = None
            self.doubt()
            await self._stream.delete()
            await self._publish_all()

    def lag(self) -> Lag:
        """Return how far the stream is behind the log."""
        with self._store.read() as connection:
            head = log_head(connection).sequence
            oldest = connection.scalar(select(tables.events.c.recordedtime).where(tables.events.c.sequence == self.relayed + 1))
        waited = (self._environment.now() - from_text(oldest)).total_seconds() if oldest else 0.0
        return Lag(max(0, head - self.relayed), max(0.0, waited))

    async def _publish_all(self) -> None:
        if self._place is None or self._environment.now() - self._looked >= _LOOK:
            doubts = self._doubts
            place = await self._look()
            self._trust(doubts)
            self._place = place
        doubts = self._doubts
        while self._place is not None:
            place = self._place
            found = self._recent.after(place, _TOGETHER)
            if not found:
                found = await self._store.read_in_thread(partial(read_log, after=place, limit=_TOGETHER))
            events = _fitting(found)
            self._trust(doubts)
            if not events:
                return
            if __debug__:
                reach("relay.read")
            publish = self._stream.publish if len(events) >= _WORTH_A_BATCH else self._stream.publish_each
            await publish(events)
            if __debug__:
                reach("relay.sent")
            self._trust(doubts)
            self._place = self.relayed = events[-1].sequence
            if pause := breath(len(found), _TOGETHER):
                await self._environment.sleep(pause)

    def _trust(self, doubts: int) -> None:
        """Raise BrokerDown when the connection became another one meanwhile: what was learnt by the former may be wrong by now."""
        if doubts != self._doubts:
            raise BrokerDown("The connection is a new one.")

    async def _look(self) -> int | None:
        """Return the last event that the stream has, by its sequence; None when that cannot be said, which is an alarm."""
        if not self._declared:
            doubts = self._doubts
            await self._stream.ensure(await self._store.read_in_thread(self._before_first))
            self._declared = doubts == self._doubts
        tail = await self._stream.tail()
        place = await self._fill_anew() if tail is None else await self._store.read_in_thread(partial(self._find, tail=tail))
        if place is None and tail and (why := await self._store.read_in_thread(partial(self._why_anew, tail=tail))):
            logger.warning("%s %s; it is filled again.", self._stream.name, why)
            await self._stream.delete()
            place = await self._fill_anew()
        self._looked = self._environment.now()
        self._sound(place)
        return place

    async def _fill_anew(self) -> int:
        """Create the stream and return after which sequence it begins. Where another relay made it otherwise, this or the fence raises."""
        before = await self._store.read_in_thread(self._before_first)
        await self._stream.ensure(before)
        return before

    def _before_first(self, connection: Connection) -> int:
        """Return the sequence after which a stream that is filled now begins."""
        return max(0, log_head(connection).sequence - self._keep)

    def _find(self, connection: Connection, *, tail: Tail) -> int | None:
        if tail.wire is None:  # as it was made, or it was emptied later
            return tail.number if tail.number <= self._before_first(connection) else None
        event = _parsed(tail.wire)
        return event.sequence if event and event.sequence == tail.number and self._is_ours(connection, event) else None

    def _why_anew(self, connection: Connection, *, tail: Tail) -> str | None:
        """Return why a stream from which it cannot go on may be filled again by itself; None: an operator has to say so."""
        if tail.wire is None:
            return "is empty, but does not begin where it would be filled from"
        event = _parsed(tail.wire)
        if event is None or event.source != self._source:
            return None
        if self._is_ours(connection, event):
            return f"counts {tail.number} where the log counts {event.sequence}"
        return "ends in an event that a restore of the store cut off" if _was_cut_off(connection, event) else None

    def _is_ours(self, connection: Connection, event: StoredEvent) -> bool:
        """Return whether the log has that event, in this history."""
        columns = tables.events.c
        ours = connection.execute(select(columns.origin, columns.hash).where(columns.sequence == event.sequence)).one_or_none()
        return event.source == self._source and ours is not None and tuple(ours) == (event.origin, event.hash)

    def _sound(self, place: int | None) -> None:
        if place is not None:
            self.relayed, self.alarm = place, None
        elif self.alarm is None:
            self.alarm = f"{self._stream.name} ends in an event that is not in the log of {self._source}."
            logger.error("%s Nothing is published until the relay is told to refill.", self.alarm)

    def _note(self, trouble: str | None, *, quietly: bool = False) -> None:
        if trouble is not None and trouble != self.trouble and not quietly:
            logger.warning("The relay to %s looks again: %s", self._stream.name, trouble)
        self.trouble = trouble


def _fitting(events: list[StoredEvent]) -> list[StoredEvent]:
    """Return the first of these, as many as fit into one batch; at least one, if there is one."""
    size = 0
    for count, event in enumerate(events):
        size += len(event.head) + len(event.data) + len(event.personal or b"")
        if size > _BYTES and count:
            return events[:count]
    return events


def _parsed(wire: bytes) -> StoredEvent | None:
    try:
        return from_wire(wire)
    except (ValueError, KeyError, TypeError):
        return None


def _was_cut_off(connection: Connection, event: StoredEvent) -> bool:
    """Return whether a restore of this store, which its log tells of, took an event of its source out of history."""
    subject = f"store/{event.source.strip('/')}"
    restores = select(tables.events.c.data).where(tables.events.c.subject == subject, tables.events.c.type == "store.restored")
    return any(
        data["origin_before"] == event.origin and event.sequence > data["cut"] for data in map(json.loads, connection.scalars(restores))
    )

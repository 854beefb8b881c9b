"""The consumer: from one source's stream to this service's handlers, each event once and in order.

What makes it once is the checkpoint, moved in the transaction that handles; what makes it complete is the chain, and the owner's feed for
whatever the broker did not bring. The broker only makes it fast: it may repeat, reorder, forget and be wiped.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from events import positions
from events.catalogue import Catalogue
from events.contracts import CATALOGUE
from events.envelope import StoredEvent, from_wire
from events.environment import Environment, breath
from events.erasures import Tombstones
from events.failpoints import reach
from events.handling import Subscription, describe, is_the_stores
from events.intake import Batch, Moved, Record
from events.positions import Position, Verdict, follow
from events.store import Store
from events.streams import BrokerError, DurableFetch, StreamMissing
from events.writer import Writer

logger = logging.getLogger(__name__)

OwnersFeed = Callable[[str, int, int], Awaitable[list[bytes]]]
"""(source, after, limit) to the wires that follow, from the owner; [] at its head. Raises anything when the owner cannot be reached."""

_BATCH = 100  # events in a transaction
_PAGE = 200  # events in a request to the feed
_WAIT = 5.0  # seconds that one request to the broker lingers
_PAUSE = 0.25  # seconds after an error
_IDLE = timedelta(minutes=1)  # how often the feed is read while the broker brings everything
_ALONE = timedelta(seconds=2)  # and while it does not
_FORKED = 60.0  # seconds between looks at a history that forked
_MISSED = timedelta(seconds=30)  # until a stream that is not there is a trouble: it is made anew whenever somebody was erased
_HALTED = 2.0  # and whether an operator has resolved what stops it


class Forked(Exception):
    """The owner's history is not the one that was handled here."""


class Halted(Forked):
    """The source's witness found its history rewritten: nothing more of it is consumed until that is resolved."""


class Consumer:
    """Follows one source for one service. Two may run at once; no event is handled twice."""

    def __init__(
        self,
        *,
        writer: Writer,
        store: Store,
        subscription: Subscription,
        durable: DurableFetch,
        feed: OwnersFeed,
        environment: Environment,
        record: Record | None = None,
        tombstones: Tombstones | None = None,
        catalogue: Catalogue = CATALOGUE,
        halted: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`halted` says why nothing may be consumed now, if so; it is asked before each round."""
        self.source = subscription.source
        self.alarm: str | None = None
        """Why it has stopped, if it has: the history forked. It looks again every minute."""
        self.troubles: dict[str, str] = {}
        """What goes wrong, with the `broker`, the owner's `feed` or a `batch`, as long as it does; it tries again by itself."""
        self.position = 0
        """The last sequence that is known to be handled."""
        self.heard = 0
        """The highest sequence of the source that it has heard of."""
        self._writer = writer
        self._store = store
        self._subscription = subscription
        self._durable = durable
        self._feed = feed
        self._environment = environment
        self._record, self._tombstones = record, tombstones
        self._catalogue = catalogue
        self._halted = halted
        self._position: Position | None = None
        self._bound = False
        self._read_at: datetime | None = None
        self._missing_since: datetime | None = None

    async def run(self) -> None:
        """Handle what comes, for ever."""
        while True:
            try:
                await self.step()
            except Forked as forked:
                if self.alarm is None:
                    logger.error("%s", forked)  # noqa: TRY400 -- the message says it all
                self.alarm = str(forked)
                await self._environment.sleep(_HALTED if isinstance(forked, Halted) else _FORKED)
            except BrokerError as error:
                self._note_broker(error)
                await self._environment.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 -- nothing that happens to one batch may end the consumer
                self._note("batch", describe(error))
                await self._environment.sleep(_PAUSE)
            else:
                self.alarm = None
                self._note("batch", None)

    async def step(self) -> None:
        """One round: read the feed if it is time to, then wait for what the broker brings and handle it. Raises Halted if it must not."""
        if reason := self._halted():
            self._position = None  # whoever resolves it may move it
            raise Halted(reason)
        try:
            await self._round()
        except Exception:
            self._position, self._read_at = None, None  # whatever happened, the store and the owner know better
            raise

    async def read_to_the_end(self) -> None:
        """Handle all that the owner has, without the broker. Raises Forked where the histories differ or nothing may be consumed."""
        if reason := self._halted():
            raise Halted(reason)
        await self._load()
        await self._read_feed()

    async def _load(self) -> None:
        self._moved_to(await self._store.read_in_thread(lambda connection: positions.load(connection, self.source)))

    async def _round(self) -> None:
        if self._position is None:
            await self._load()
        reached = await self._bind()
        if self._feed_is_due():
            await self._try_feed()
        if not reached:
            await self._environment.sleep(_PAUSE)
            return
        try:
            deliveries = await self._durable.fetch(_BATCH, _WAIT)
        except BrokerError:
            self._bound = False
            raise
        self._note_broker(None)
        if deliveries:
            if __debug__:
                reach("consumer.received")
            await self._take([event for delivery in deliveries if (event := self._parsed(delivery.wire))])
            if __debug__:
                reach("consumer.committed")
            await self._durable.ack(deliveries[-1])
            if __debug__:
                reach("consumer.acked")
            if pause := breath(len(deliveries), _BATCH):
                await self._environment.sleep(pause)

    async def _bind(self) -> bool:
        """Return whether the broker has our consumer. When it had to be asked, messages may have been missed: the feed is read."""
        if not self._bound:
            try:
                await self._durable.ensure()
            except BrokerError as error:
                self._note_broker(error)
                return False
            self._bound, self._read_at = True, None
        return True

    def _feed_is_due(self) -> bool:
        return self._read_at is None or self._environment.now() - self._read_at >= (_IDLE if self._bound else _ALONE)

    async def _try_feed(self) -> None:
        """Read the feed; an owner that cannot be reached does not keep us from what the broker has."""
        try:
            await self._read_feed()
        except OwnerAway as away:
            self._note("feed", str(away))
            self._read_at = self._environment.now() - _IDLE + _ALONE
        else:
            self._note("feed", None)

    async def _read_feed(self) -> None:
        """Handle everything that the owner has beyond our position. Raises Forked when our position is not in the owner's history."""
        await self._compare()
        while wires := await self._ask(self._at.sequence, _PAGE):
            before = self._at
            if await self._follow([from_wire(wire) for wire in wires]) is not None:
                raise Forked(f"The history of {self.source} forked after {self._at.sequence}.")
            if self._at == before:
                break
        self._read_at = self._environment.now()

    async def _ask(self, after: int, limit: int) -> list[bytes]:
        try:
            return await self._feed(self.source, after, limit)
        except Exception as error:
            raise OwnerAway(f"The feed of {self.source} cannot be read: {type(error).__name__}.") from error

    async def _take(self, events: list[StoredEvent]) -> None:
        """Handle what the broker brought. A hole in it is filled from the feed first."""
        verdict = await self._follow(events)
        if verdict is Verdict.HOLE:
            await self._read_feed()
            verdict = await self._follow(events)
        if verdict is Verdict.HOLE:
            raise OwnerAway(f"The feed of {self.source} does not reach what the broker has.")
        if verdict is Verdict.FORKED:
            # when the owner's history contains our position, it was the broker that brought leftovers of another
            await self._read_feed()
            logger.warning("The broker brought events that are not in the history of %s; they were passed over.", self.source)

    async def _compare(self) -> None:
        """Raise Forked unless the owner's history contains our position; it may have become shorter than that."""
        if self._at.sequence:
            there = [from_wire(wire) for wire in await self._ask(self._at.sequence - 1, 1)]
            if [event.hash for event in there] != [self._at.hash]:
                raise Forked(f"The history of {self.source} forked at or before {self._at.sequence}.")

    async def _follow(self, events: list[StoredEvent]) -> Verdict | None:
        """Handle those of `events` that follow, and return what stopped it; None: nothing."""
        while events:
            self.heard = max(self.heard, events[-1].sequence)
            fresh, verdict, passed = follow(self._at, events[:_BATCH])
            if fresh:
                await self._commit(fresh)
            if verdict is not None:
                return verdict
            events = events[passed:]
        return None

    async def _commit(self, events: list[StoredEvent]) -> None:
        """Handle events in one transaction; when something refuses them together, one by one, and park the one that is refused alone."""
        try:
            await self._execute(events, {})
        except Exception as error:
            if isinstance(error, Moved) or is_the_stores(error):
                raise
            if len(events) == 1:
                await self._execute(events, {events[0].sequence: describe(error)})
            else:
                for event in events:
                    await self._commit([event])

    async def _execute(self, events: list[StoredEvent], condemned: Mapping[int, str]) -> None:
        batch = Batch(
            subscription=self._subscription,
            catalogue=self._catalogue,
            record=self._record,
            tombstones=self._tombstones,
            position=self._at,
            events=events,
            condemned=condemned,
        )
        self._moved_to(await self._writer.execute(batch))

    def _moved_to(self, position: Position) -> None:
        self._position, self.position = position, position.sequence

    @property
    def _at(self) -> Position:
        assert self._position is not None, "the position is loaded at the beginning of a round"
        return self._position

    def _parsed(self, wire: bytes) -> StoredEvent | None:
        """Return the event of a message. One that is none, or another source's, is passed over: if an event is lost by it, it is a hole."""
        try:
            event = from_wire(wire)
        except (ValueError, KeyError, TypeError):
            event = None
        if event is None or event.source != self.source:
            logger.warning("The stream of %s holds a message that is no event of it.", self.source)
            return None
        return event

    def _note_broker(self, error: BrokerError | None) -> None:
        """Note what the broker did; that the stream is not there says nothing as long as its service may be making it anew."""
        missing, now = isinstance(error, StreamMissing), self._environment.now()
        if missing and self._missing_since is None:
            self._missing_since = now
            logger.info("The stream of %s is not there: it is made anew, as after an erasure. Events come from its feed.", self.source)
        elif not missing:
            self._missing_since = None
        if self._missing_since is None or now - self._missing_since > _MISSED:
            self._note("broker", None if error is None else str(error))

    def _note(self, what: str, trouble: str | None) -> None:
        if trouble is None:
            self.troubles.pop(what, None)
        elif trouble != self.troubles.get(what):
            logger.warning("The consumer of %s tries again: %s", self.source, trouble)
            self.troubles[what] = trouble


class OwnerAway(Exception):
    """The owner's feed cannot be read, or not far enough."""

"""The live feed: server-sent events, each person's own, read from the store from the position that the reader has reached.

Nothing is queued for anybody. A stream holds a position and a bell; when the bell rings it reads on, so a slow reader costs no memory, and
one that comes back with `Last-Event-ID` misses nothing and gets nothing twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.answers import to_bytes
from events.hints import Wake
from events.store import Store
from notifier.errors import TooManyStreams
from notifier.queries import changed_inboxes, following, last_change, last_position, unread_count
from notifier.schemas import notification_out

HEARTBEAT = 15.0
"""Seconds; longer silence means that the connection is gone."""
MOST_STREAMS = 10
"""Streams that one person may have open in one process."""
STALLED = 30.0
"""Seconds after which a reader who takes nothing is given up: the stream ends, and what was sent ends with the connection."""
LAST_WORD = 1.0
"""Seconds that what is being said may still take once the stream is over."""
_PAGE = 100

Over = set["asyncio.Task[Any]"]


@dataclass(eq=False, slots=True)
class Seat:
    """A stream's place: `bell` rings when the inbox of `person` has changed."""

    person: str
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class Switchboard:
    """Reads once, for all streams of this process, whose inbox has changed, and rings their bells."""

    def __init__(self, store: Store, wake: Wake) -> None:
        self._store, self._wake = store, wake
        self._seats: dict[str, set[Seat]] = defaultdict(set)

    @property
    def open(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._seats.values()))

    def take(self, person: str) -> Seat:
        """Return a new seat. Raises TooManyStreams."""
        if len(self._seats.get(person, ())) >= MOST_STREAMS:
            raise TooManyStreams(MOST_STREAMS, retry_after=int(HEARTBEAT))
        seat = Seat(person)
        self._seats[person].add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Give the seat back."""
        seats = self._seats[seat.person]
        seats.discard(seat)
        if not seats:
            del self._seats[seat.person]

    async def run(self) -> None:
        """Ring whoever is concerned after each commit, for ever."""
        generation = self._wake.generation
        with self._store.read() as connection:
            last = last_change(connection)
        for person in list(self._seats):  # what changed before we looked was not rung for
            self._ring(person)
        while True:
            generation = await self._wake.after(generation)
            last = self._ring_changed(last)

    def _ring_changed(self, after: int) -> int:
        """Ring for every change that followed the change `after`, and return the last one."""
        with self._store.read() as connection:
            while changed := changed_inboxes(connection, after, _PAGE):
                for _, person in changed:
                    self._ring(person)
                after = changed[-1][0]
        return after

    def _ring(self, person: str) -> None:
        for seat in self._seats.get(person, ()):
            seat.bell.set()


@dataclass(slots=True)
class Feed:
    """What there is to say to one reader. `after` is the position that the reader has reached, None for one that begins now."""

    store: Store
    person: str
    after: int | None
    unread: int | None = None

    def news(self) -> bytes:
        """Return what has come, at most a page, and the count when it is another; b"" when there is nothing."""
        with self.store.read() as connection:
            last = last_position(connection, self.person)
            if self.after is None or self.after > last:  # it begins now, or has seen what a restore took back
                self.after = last
            rows = following(connection, self.person, self.after, _PAGE) if self.after < last else []
            unread = unread_count(connection, self.person)
        said = [_event("notification", row["position"], to_bytes(notification_out(row))) for row in rows]
        if rows:
            self.after = int(rows[-1]["position"])
        if unread != self.unread:
            self.unread = unread
            said.append(_event("unread", self.after, b'{"count":%d}' % unread))
        return b"".join(said)


def _event(name: str, position: int, data: bytes) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), position, data)


class EventStream(Response):
    """The answer, for as long as none of `ends` is set and the reader is there and reads. Then `leave` is called, whatever happened."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, seat: Seat, *, ends: Sequence[asyncio.Event], retry: int, leave: Callable[[], None]) -> None:
        """`retry` is in milliseconds: after that the reader comes back when the connection breaks."""
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._seat, self._ends, self._retry, self._leave = feed, seat, ends, retry, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        over = {asyncio.create_task(_gone(receive)), *(asyncio.create_task(end.wait()) for end in self._ends)}
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._talk(send, over)
            await _say(send, b"", over, more=False)
        finally:
            for waiting in over:
                waiting.cancel()
            self._leave()

    async def _talk(self, send: Send, over: Over) -> None:
        text = b"retry: %d\n\n" % self._retry
        while not any(end.done() for end in over):
            self._seat.bell.clear()
            text += self._feed.news()
            if not text and not await _rung(self._seat, over):
                text = b": heartbeat\n\n"
            if text:
                await _say(send, text, over)
            text = b""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, text: bytes, over: Over, *, more: bool = True) -> None:
    """Send; what has no `more` after it is the end.

    Raises ClientDisconnect when the reader takes nothing, and does not wait long for it once it is over anyway.
    """
    sending = asyncio.ensure_future(send({"type": "http.response.body", "body": text, "more_body": more}))
    try:
        await asyncio.wait({sending, *over}, timeout=STALLED, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({sending}, timeout=LAST_WORD)
    finally:
        sending.cancel()
    if not sending.done():
        raise ClientDisconnect
    sending.result()


async def _rung(seat: Seat, over: Over) -> bool:
    """Wait until there is news or it is over. Return False when neither was within a heartbeat."""
    bell = asyncio.create_task(seat.bell.wait())
    try:
        done, _ = await asyncio.wait({bell, *over}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
    finally:
        bell.cancel()
    return bool(done)

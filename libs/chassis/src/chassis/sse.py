"""Server-sent events: a stream that tells a reader what there is from the reader's own position on, for as long as there is a reader.

Nothing is queued for anybody. A stream holds a position and a bell; when the bell rings it reads on, so a slow reader costs no memory, and
one that comes back with `Last-Event-ID` misses nothing and gets nothing twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.problems import declare
from events.errors import DomainError, TooMany

HEARTBEAT = 15.0
"""Seconds; longer silence means that the connection is gone."""
MOST_STREAMS = 10
"""Streams of one sort that one person may have open in one process."""
STALLED = 30.0
"""Seconds after which a reader who takes nothing is given up: the stream ends, and what was sent ends with the connection."""
LAST_WORD = 1.0
"""Seconds that what is being said may still take once the stream is over."""

Over = set["asyncio.Task[Any]"]

declare("too-many-streams", 429, "Too many streams")


class TooManyStreams(TooMany):
    code = "too-many-streams"

    def __init__(self, most: int, retry_after: int) -> None:
        super().__init__(f"You have {most} streams open already; close one first.", retry_after)


class Feed(Protocol):
    """What there is to say to one reader, as bytes of `text/event-stream`."""

    async def news(self) -> bytes:
        """Return what has come since the last time, a bounded part of it; b"" when there is nothing more for now.

        It is asked again at once after whatever it gave. Raises a DomainError when it cannot be read: the stream ends, and the reader
        comes back.
        """

    def heartbeat(self) -> bytes:
        """Return what shows that the stream lives."""


@dataclass(eq=False, slots=True)
class Seat:
    """A stream's place: `bell` rings when there may be news for `person`."""

    person: str
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class Seats:
    """Who has streams of one sort open in this process."""

    def __init__(self) -> None:
        self._seats: defaultdict[str, set[Seat]] = defaultdict(set)

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

    def ring(self, person: str) -> None:
        """Let the streams of a person look for news."""
        for seat in self._seats.get(person, ()):
            seat.bell.set()

    def ring_all(self) -> None:
        """Let every stream look for news."""
        for person in self._seats:
            self.ring(person)


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
            with suppress(DomainError):  # the head is out; who comes back is told what it is
                await self._talk(send, over)
            await _say(send, b"", over, more=False)
        finally:
            for waiting in over:
                waiting.cancel()
            self._leave()

    async def _talk(self, send: Send, over: Over) -> None:
        text, loop = b"retry: %d\n\n" % self._retry, asyncio.get_running_loop()
        silent_since = loop.time()
        while not any(end.done() for end in over):
            self._seat.bell.clear()
            text += await self._feed.news()
            # whoever has a bell that rings all the time, and nothing to hear, still hears that the stream lives
            if not text and not await _rung(self._seat, over, within=silent_since + HEARTBEAT - loop.time()):
                text = self._feed.heartbeat()
            if text:
                await _say(send, text, over)
                silent_since = loop.time()
            text = b""


def retry_after(random: bytes) -> int:
    """Return after how many milliseconds a reader is to come back, from two random bytes: spread out, so that not all do at once."""
    return 1000 + int.from_bytes(random[:2], "big") % 2000


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


async def _rung(seat: Seat, over: Over, *, within: float) -> bool:
    """Wait until there is news or it is over. Return False when neither was within so many seconds."""
    if within <= 0:
        return False
    bell = asyncio.create_task(seat.bell.wait())
    try:
        done, _ = await asyncio.wait({bell, *over}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        bell.cancel()
    return bool(done)

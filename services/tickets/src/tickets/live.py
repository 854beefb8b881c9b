"""The feed as a stream: what one reader is told, from the place that the reader has reached, and whose bells ring when."""

import asyncio
from dataclasses import dataclass, field

from chassis.service import Running
from chassis.sse import Seats
from tickets import feed, journal
from tickets.feed import Bounds, Part, Wanted
from tickets.places import Places
from tickets.views import fed

MORSEL = Bounds(events=200, size=256 * 1024, seconds=0.2)
"""What is said at once: a reader who is slow to take it costs about as much memory, and no more."""
BREATH = 0.05
"""Seconds between two looks while one commit follows the other."""
_READING = 2
"""Readers, of pages and streams, that are read for at once in one process: threads are left for everybody else."""


class Readers(Seats):
    """Who follows the journal live in this process. Their bells ring after each commit: what is wanted each of them looks up alone."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self.running = running
        self.places = Places(running.secrets["cursor"])
        self.reading = asyncio.Semaphore(_READING)

    async def run(self) -> None:
        """Ring after each commit, for ever; and now and then without one, since a hint may be lost."""
        wake = self.running.wake
        generation = wake.generation
        while True:
            self.ring_all()
            await self.running.environment.sleep(BREATH)
            generation = await wake.after(generation)


@dataclass(slots=True)
class Live:
    """What there is to say to one reader, who has reached the position `at`; `place` is the text of it."""

    readers: Readers
    wanted: Wanted
    at: int
    place: str
    _begun: bool = field(default=False, init=False)

    async def news(self) -> bytes:
        """Return what has come, or how far was looked in vain where there is more to look through."""
        begun, self._begun = self._begun, True
        if not begun:  # who loses the connection before anything came goes on from here, and not from wherever the end is then
            return self._here()
        running = self.readers.running
        with running.store.glance() as reader:
            if journal.head(reader) <= self.at:
                return b""
        async with self.readers.reading:
            if running.stopping.is_set():
                return b""
            part = await running.store.read_in_thread(lambda connection: feed.read(connection, self.at, self.wanted, MORSEL))
        return self._told(part)

    def heartbeat(self) -> bytes:
        """Return a comment with the place: a reader for whom there was nothing does not begin again where it began."""
        return b": heartbeat\n" + self._here()

    def _told(self, part: Part) -> bytes:
        places = self.readers.places
        self.at, self.place = part.at, places.seal(part.origin, part.at, part.hash)
        if part.found:
            items = (fed(places, part.origin, event) for event in part.found)
            return b"".join(b"id: %b\ndata: %b\n\n" % (place, item) for place, item in items)
        return self.heartbeat() if part.at < part.head else b""

    def _here(self) -> bytes:
        # an `id` without data moves the reader's Last-Event-ID, and is no event
        return b"id: %b\n\n" % self.place.encode()

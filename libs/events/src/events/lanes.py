"""Lanes: so many threads for one kind of work, that what takes long never takes the threads of what is short.

Bulkheads, as M. Nygard calls them in "Release It!": who waits for one lane waits for nobody in another, and is told to come back when that
takes too long.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from events.errors import Unavailable

T = TypeVar("T")


class Lane:
    """`at_once` pieces of work are done at the same time, in threads that are made when they are needed; others wait in their order."""

    def __init__(self, name: str, at_once: int, patience: float) -> None:
        """`name` is what is done in it, for whoever has waited `patience` seconds in vain."""
        self.name, self.crowd = name, 0
        """`crowd` are those who are served or wait."""
        self._patience = patience
        self._free = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, name.replace(" ", "-"))

    async def run(self, work: Callable[[], T], *, patient: bool = False) -> T:
        """Return what comes of the work. Raises what it raises, and Unavailable after too long a wait, unless whoever asks is patient.

        A caller that is cancelled does not end the work, and the place is taken until that has ended by itself.
        """
        self.crowd += 1
        try:
            return await self._run(work, None if patient else self._patience)
        finally:
            self.crowd -= 1

    async def _run(self, work: Callable[[], T], patience: float | None) -> T:
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            raise self._full(round(self._patience)) from None
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(partial(self._over, asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def require_room(self, most: int, retry_after: int) -> None:
        """Raise Unavailable when so many are served or wait already: for what comes back again and again until it has all."""
        if self.crowd >= most:
            raise self._full(retry_after)

    def close(self) -> None:
        """Take no more. What is done is done to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _full(self, retry_after: int) -> Unavailable:
        return Unavailable(f"Too many ask for this at once: {self.name}. Try again in a moment.", retry_after)

    def _over(self, loop: asyncio.AbstractEventLoop, _future: "Future[T]") -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._free.release)

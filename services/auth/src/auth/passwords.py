"""Passwords as they are kept: bcrypt over an HMAC. So a long passphrase counts in full, of which bcrypt alone reads 72 bytes, and a stolen
store is not enough to try passwords on, for the pepper is a file. Version 1 is bcrypt(base64(HMAC-SHA-384(pepper, password))).

Source: OWASP Password Storage Cheat Sheet, "Pre-Hashing Passwords with bcrypt".
"""

import asyncio
import base64
import hmac
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

import bcrypt

from events.errors import Unavailable

VERSION = 1
MOST_WAITING = 64
"""At a quarter of a second each, whoever came later would wait for longer than anyone looks at a sign-in form."""
_GOING_DOWN = "The service is going down."
T = TypeVar("T")


class Passwords:
    """Hashes and checks in threads of its own, so that neither the event loop nor the store's threads wait for it."""

    def __init__(self, pepper: str, *, cost: int = 12, threads: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        """`pepper` is hex; `cost` is bcrypt's, the binary logarithm of its rounds."""
        self._pepper = bytes.fromhex(pepper)
        self._cost = cost
        threads = threads or min(4, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._places = BoundedSemaphore(threads + most_waiting)
        self._closed = False
        self._nobodys = bcrypt.gensalt(cost) + b"." * 31

    async def hash(self, password: str) -> str:
        """Return the hash to be kept, 60 characters. Raises Unavailable when too many are waiting."""
        return await self._in_pool(lambda: bcrypt.hashpw(self._condensed(password), bcrypt.gensalt(self._cost)).decode())

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `kept` is a hash of `password`. None, for somebody who has none, takes as long and is False. Raises Unavailable."""
        against = self._nobodys if kept is None else kept.encode()
        found = await self._in_pool(lambda: bcrypt.checkpw(self._condensed(password), against))
        return found and kept is not None

    def close(self) -> None:
        """Let the threads end; who waits for one, now or later, is told to come back: Unavailable."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _condensed(self, password: str) -> bytes:
        """Return 64 bytes without a NUL, at which bcrypt would stop."""
        return base64.b64encode(hmac.digest(self._pepper, password.encode(), "sha384"))

    async def _in_pool(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; if the caller is gone before its turn comes, it is not run."""
        if self._closed:
            raise Unavailable(_GOING_DOWN, retry_after=2)
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many people are signing in at this moment.", retry_after=5)
        future: Future[T] = self._pool.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and future.cancelled() and not (task and task.cancelling()):
                raise Unavailable(_GOING_DOWN, retry_after=2) from None  # its turn had not come: nothing was done
            raise

"""Limits on what may be tried from outside, counted in fixed windows by the library `limits`: logins and registrations.

What a command creates is limited by the writer in the command's own transaction (`chassis.quotas`).
"""

import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from chassis.waits import again_in
from events.errors import TooMany, Unavailable


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` in each window of `seconds`. The name keeps its buckets apart from those of every other limit."""

    name: str
    amount: int
    seconds: int

    @property
    def item(self) -> RateLimitItemPerSecond:
        return RateLimitItemPerSecond(self.amount, self.seconds, namespace=self.name)


class Limits:
    """Counts per limit and bucket. `url` is a storage of the library, as "memory://"; `enabled` is false for benchmarks alone."""

    def __init__(self, url: str, *, enabled: bool) -> None:
        storage = storage_from_string(url if url.startswith("async+") else f"async+{url}", wrap_exceptions=True)
        assert isinstance(storage, Storage)
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self.enabled = enabled

    async def spend(self, limit: Limit, *bucket: str) -> None:
        """Count one. Raises TooMany, with the seconds until the window ends, when that is more than the limit."""
        if not self.enabled:
            return
        try:
            # looked at first, so that one who is blocked does not fill the store
            free = await self._limiter.test(limit.item, *bucket) and await self._limiter.hit(limit.item, *bucket)
            if not free:
                wait = await self._wait(limit, bucket)
                raise TooMany(f"Too many attempts. {again_in(wait)}", wait)
        except StorageError as error:
            raise Unavailable("Attempts cannot be counted at the moment.") from error

    async def give_back(self, limit: Limit, *bucket: str) -> None:
        """Take one count back: a login is counted as failed before its password is looked at, so that many at once do not slip through."""
        if not self.enabled:
            return
        try:
            item, key = limit.item, limit.item.key_for(*bucket)
            left = await self._storage.incr(key, item.get_expiry(), amount=-1) if await self._storage.get(key) > 0 else None
            if left == 0 and isinstance(self._storage, MemoryStorage):
                await self._storage.clear(key)  # it would grow with whatever is asked; others let their keys expire
        except StorageError as error:
            raise Unavailable("Attempts cannot be counted at the moment.") from error

    async def _wait(self, limit: Limit, bucket: tuple[str, ...]) -> int:
        ends, _ = await self._limiter.get_window_stats(limit.item, *bucket)
        return max(1, min(limit.seconds, round(ends - time.time() + 0.5)))

"""Reading the feed as another system does: page by page, and as a stream that is come back to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.integration.tickets.conftest import Json, good

FEED = "/api/events"
STREAM = f"{FEED}/stream"


async def page(client: httpx2.AsyncClient, query: str = "", **params: Any) -> Json:
    answered: Json = good(await client.get(f"{FEED}?{query}" if query else FEED, params=params or None))
    return answered


async def pages(client: httpx2.AsyncClient, query: str = "", after: str = "0", limit: int = 1000) -> list[Json]:
    """Return all items after a position, asking on until the end is reached."""
    items: list[Json] = []
    while True:
        answered = await page(client, f"after={after}&limit={limit}&{query}".rstrip("&"))
        items += answered["items"]
        if answered["next"] == after:
            return items
        after = answered["next"]


def seen(items: list[Json]) -> list[tuple[str, int]]:
    """Return (source, sequence) of each item."""
    return [(item["event"]["head"]["source"], item["event"]["head"]["sequence"]) for item in items]


@dataclass
class Follower:
    """An open stream. `last_id` is what one comes back with."""

    answer: httpx2.Response
    _lines: AsyncIterator[str]
    last_id: str | None = None

    async def next(self, seconds: float = 20.0) -> Json:
        """Return the next item. Raises TimeoutError, or StopAsyncIteration at the end of the stream."""
        while True:
            name, value = await self._field(seconds)
            if name == "data":
                item: Json = json.loads(value)
                assert item["position"] == self.last_id
                return item

    async def begun(self) -> str:
        """Return the position that the stream says it begins at."""
        while self.last_id is None:
            await self._field(20.0)
        return self.last_id

    async def beat(self, seconds: float = 20.0) -> str:
        """Return the position of the next heartbeat; no event comes before it."""
        while await self._field(seconds) != ("", "heartbeat"):
            pass
        name, value = await self._field(seconds)
        assert name == "id", "A heartbeat says how far the journal was looked through."
        return value

    async def _field(self, seconds: float) -> tuple[str, str]:
        async with asyncio.timeout(seconds):
            while not (line := await anext(self._lines)):
                pass
        name, _, value = line.partition(": ")
        if name == "id":
            self.last_id = value
        return name, value

    async def ended(self, seconds: float = 20.0) -> bool:
        """Return whether the stream comes to its end by itself within that time."""
        try:
            async with asyncio.timeout(seconds):
                async for _ in self._lines:
                    pass
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def following(client: httpx2.AsyncClient, query: str = "", last_id: str | None = None) -> AsyncIterator[Follower]:
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    async with client.stream("GET", f"{STREAM}?{query}" if query else STREAM, headers=headers) as answer:
        if answer.status_code != 200:
            await answer.aread()
        assert answer.status_code == 200, answer.text
        yield Follower(answer, answer.aiter_lines())

"""Reading server-sent events as a browser does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.integration.notifier.conftest import INBOX

STREAM = f"{INBOX}/stream"


@dataclass
class Listener:
    """An open stream. `last_id` is what a browser would come back with."""

    answer: httpx2.Response
    _lines: AsyncIterator[str]
    last_id: str | None = None
    retry: int | None = None
    comments: int = 0
    heard: list[tuple[str, Any]] = field(default_factory=list)

    async def next(self, seconds: float = 10.0) -> tuple[str, Any]:
        """Return the next event as (name, data). Raises TimeoutError, or StopAsyncIteration at the end of the stream."""
        async with asyncio.timeout(seconds):
            fields: dict[str, str] = {}
            while True:
                line = await anext(self._lines)
                if not line:
                    if "event" in fields:
                        break
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    self._take(fields, line)
            event = fields["event"], json.loads(fields["data"])
            self.heard.append(event)
            return event

    def _take(self, fields: dict[str, str], line: str) -> None:
        name, _, value = line.partition(": ")
        fields[name] = value
        if name == "id":
            self.last_id = value
        if name == "retry":
            self.retry = int(value)

    async def until(self, name: str) -> Any:
        """Return the data of the next event of that name; others are passed over."""
        while True:
            found, data = await self.next()
            if found == name:
                return data

    async def ended(self, seconds: float = 10.0) -> bool:
        """Return whether the stream comes to its end by itself within that time."""
        try:
            while True:
                await self.next(seconds)
        except StopAsyncIteration:
            return True
        except TimeoutError:
            return False


@asynccontextmanager
async def listening(client: httpx2.AsyncClient, after: str | None = None) -> AsyncIterator[Listener]:
    headers = {"Last-Event-ID": after} if after is not None else {}
    async with client.stream("GET", STREAM, headers=headers) as answer:
        if answer.status_code != 200:
            await answer.aread()
        assert answer.status_code == 200, answer.text
        yield Listener(answer, answer.aiter_lines())

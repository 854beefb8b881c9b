"""A desk with auth, tickets and the notifier, and what people do with their inboxes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.service import Service
from tests.integration.tickets.conftest import Desk, Json, good, running_desk
from tests.support.house import declared

INBOX = "/api/notifications"


@dataclass(frozen=True)
class Inboxes:
    """`anna` and `ben` are users, `ada` and `alf` admins, each a client of the notifier that is signed in; the desk has them at tickets."""

    desk: Desk
    declared: Service
    anna: httpx2.AsyncClient
    ben: httpx2.AsyncClient
    ada: httpx2.AsyncClient
    alf: httpx2.AsyncClient
    anonymous: httpx2.AsyncClient

    async def told(self, client: httpx2.AsyncClient, **query: Any) -> list[Json]:
        """Return what somebody was told, newest first, once everything that has happened has come through."""
        await self.desk.house.settled()
        items: list[Json] = good(await client.get(INBOX, params={"limit": 100, **query}))["items"]
        return items

    async def kinds(self, client: httpx2.AsyncClient, ticket: Json) -> list[str]:
        """Return the kinds of what somebody was told of a ticket, oldest first."""
        return [item["kind"] for item in reversed(await self.told(client)) if item["ticket_id"] == ticket["id"]]

    async def count(self, client: httpx2.AsyncClient) -> int:
        counted: int = good(await client.get(f"{INBOX}/unread-count"))["count"]
        return counted

    async def assign(self, ticket: Json, to: str | None, by: httpx2.AsyncClient | None = None) -> None:
        """Give a ticket to somebody by name, Ada's deed unless told otherwise."""
        body = {"assignee_id": self.desk.ids[to] if to else None}
        good(await (by or self.desk.ada).put(f"/api/tickets/{ticket['id']}/assignee", json=body))

    async def resolve(self, ticket: Json) -> None:
        good(await self.desk.put(ticket, "status", "resolved"))


@asynccontextmanager
async def inboxes(directory: Path, notifier: Service | None = None, **settings: Any) -> AsyncIterator[Inboxes]:
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(running_desk(directory, "auth", "tickets", **settings))
        service = notifier or declared("notifier")
        await desk.house.start(service)
        people = {name: desk.house.client("notifier", cookies={"sid": _sid(desk, name)}) for name in ("anna", "ben", "ada", "alf")}
        for client in people.values():
            await stack.enter_async_context(client)
        anonymous = await stack.enter_async_context(desk.house.client("notifier"))
        await desk.house.settled()
        yield Inboxes(desk, service, anonymous=anonymous, **people)


def _sid(desk: Desk, name: str) -> str:
    client: httpx2.AsyncClient = getattr(desk, name)
    return client.cookies["sid"]


async def soon(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    """Wait until it is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 -- anything can be waited for
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for a file, so that its tests can share a desk."""
    return "asyncio"


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inboxes]:
    async with inboxes(tmp_path_factory.mktemp("desk")) as running:
        yield running

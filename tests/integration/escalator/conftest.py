"""A desk with auth, tickets and the escalator, and what tests do at it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.integration.tickets.conftest import Desk, Json, good, running_desk

POLICIES = "/api/escalations/policies"
DEADLINES = "/api/escalations/deadlines"


@dataclass(frozen=True)
class Escalation:
    """`admin` is Ada at the escalator, `user` is Anna there."""

    desk: Desk
    admin: httpx2.AsyncClient
    user: httpx2.AsyncClient

    async def set(self, *policies: Json, apply_to_past: bool = False, expected: str | None = None) -> httpx2.Response:
        """Replace the policies; `expected` is the If-Match."""
        headers = {"If-Match": expected} if expected is not None else {}
        return await self.admin.put(POLICIES, json={"policies": list(policies), "apply_to_past": apply_to_past}, headers=headers)

    async def deadlines(self, **query: Any) -> list[Json]:
        """Return all deadlines, page by page."""
        items: list[Json] = []
        cursor: str | None = None
        while True:
            page = good(await self.admin.get(DEADLINES, params={**query, **({"cursor": cursor} if cursor else {})}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def states(self, ticket: Json) -> dict[tuple[str, int], str]:
        """Return the states of a ticket's deadlines, by policy and level."""
        return {(item["policy"], item["level"]): item["state"] for item in await self.deadlines_of(ticket)}

    async def deadlines_of(self, ticket: Json, **query: Any) -> list[Json]:
        """Return the deadlines of one ticket."""
        return [item for item in await self.deadlines(**query) if item["ticket_id"] == ticket["id"]]

    async def escalations(self, ticket: Json) -> list[int]:
        """Return the levels that a ticket was escalated to, as its history tells."""
        history = good(await self.desk.ada.get(f"/api/tickets/{ticket['id']}/history", params={"limit": 100}))
        return [entry["after"]["escalation_level"] for entry in history["items"] if entry["action"] == "ticket_escalated"]

    async def escalated(self, ticket: Json, level: int = 1) -> Json:
        """Wait until a ticket shows that level, and until the escalator knows; return the ticket."""
        found: Json = {}

        async def there() -> bool:
            nonlocal found
            found = good(await self.desk.ada.get(f"/api/tickets/{ticket['id']}"))
            return bool(found["escalation_level"] >= level)

        await soon(there)
        await self.desk.house.settled()
        return found


async def soon(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Wait until it is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 -- anything can be waited for
            await asyncio.sleep(0.02)


@asynccontextmanager
async def escalation(directory: Path, **settings: Any) -> AsyncIterator[Escalation]:
    async with running_desk(directory, "auth", "tickets", "escalator", **settings) as desk:
        admin, user = (desk.house.client("escalator", cookies={"sid": client.cookies["sid"]}) for client in (desk.ada, desk.anna))
        async with admin, user:
            yield Escalation(desk, admin, user)

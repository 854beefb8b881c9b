"""Pages before services in this very process: no gateway, no browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from chassis.settings import Settings
from tests.support.house import SAME_ORIGIN, House
from web.app import create_app

PASSWORD = "a-lamp-in-the-hall"


@asynccontextmanager
async def pages(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of the pages, which keeps its cookies and follows nothing."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8080", headers=SAME_ORIGIN) as client:
            yield client


async def make_admin(desk: House, name: str, email: str) -> dict[str, Any]:
    """Let the operator open an account for an admin."""
    async with desk.peer("auth", "operator") as operator:
        answer = await operator.post("/internal/users/admin", json={"name": name, "email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def sign_in(client: httpx2.AsyncClient, email: str) -> None:
    answer = await client.post("/login", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303, answer.text

"""One desk of auth and tickets for a whole file, and four people who are signed in."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.house import House, house

Json = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """`anna` and `ben` are users, `ada` and `alf` admins; each is a client that is signed in. `ids` has theirs by these names."""

    house: House
    ids: dict[str, str]
    anna: httpx2.AsyncClient
    ben: httpx2.AsyncClient
    ada: httpx2.AsyncClient
    alf: httpx2.AsyncClient
    anonymous: httpx2.AsyncClient

    async def open(self, client: httpx2.AsyncClient | None = None, **values: Any) -> Json:
        """Open a ticket, Anna's unless told otherwise, and return it."""
        body = {"title": "The printer", "body": "It burns.", **values}
        ticket: Json = good(await (client or self.anna).post("/api/tickets", json=body), 201)
        return ticket

    async def put(self, ticket: Json | int, what: str, value: Any, **headers: str) -> httpx2.Response:
        """Let Ada set a ticket's status, priority or assignee."""
        number = ticket if isinstance(ticket, int) else ticket["id"]
        name = "assignee_id" if what == "assignee" else what
        return await self.ada.put(f"/api/tickets/{number}/{what}", json={name: value}, headers=headers)


def good(answer: httpx2.Response, status: int = 200) -> Any:
    """Return the JSON of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx2.Response, status: int, slug: str) -> Json:
    """Return the problem that an answer must be."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: Json = answer.json()
    assert (problem["type"], problem["status"], problem["instance"]) == (
        f"/problems/{slug}",
        status,
        answer.url.raw_path.decode().partition("?")[0],
    )
    return problem


LOGINS = {"anna": "usera", "ben": "userb", "ada": "admina", "alf": "adminb"}


@asynccontextmanager
async def running_desk(directory: Path, *services: str, **settings: Any) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(house(directory, *(services or ("auth", "tickets")), **settings))
        peer = await stack.enter_async_context(here.peer("auth"))
        ids = good(await peer.post("/internal/demo"))["users"]
        door = await stack.enter_async_context(here.client("auth"))
        people = {}
        for name, login in LOGINS.items():
            answer = await door.post("/api/auth/login", json={"email": f"{login}@example.com", "password": "demo123"})
            good(answer)
            cookies = {"sid": answer.cookies["sid"]}
            door.cookies.clear()
            people[name] = await stack.enter_async_context(here.client("tickets", cookies=cookies))
        anonymous = await stack.enter_async_context(here.client("tickets"))
        await here.settled()
        yield Desk(here, {name: ids[login] for name, login in LOGINS.items()}, anonymous=anonymous, **people)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for a file, so that its tests can share a desk."""
    return "asyncio"


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running

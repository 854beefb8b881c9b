"""People at their browsers, and robots with their tokens, at a running auth."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

import httpx2
from sqlalchemy import select, update

from auth.tables import sessions
from events.contracts import CATALOGUE
from events.decider import Key, Transaction, Unit
from events.envelope import StoredEvent
from events.erasures import erasure_of
from events.store import read_log
from events.writer import Writer
from tests.support.house import House, eventually

PASSWORD = "four-words-say-more"


class Desk:
    """A running auth, and what its store holds."""

    def __init__(self, house: House) -> None:
        self.house = house

    @property
    def running(self) -> Any:
        return self.house.running("auth")

    def browser(self, **headers: str) -> httpx2.AsyncClient:
        return self.house.client("auth", headers=headers)

    async def register(self, name: str, *, admin: bool = False) -> dict[str, Any]:
        """Open an account for `name`, with the address <name>@example.org and the password of everybody here."""
        body = {"name": name, "email": f"{name}@example.org", "password": PASSWORD}
        async with self.house.peer("auth", "operator") as client:
            answer = await client.post("/internal/users/admin" if admin else "/api/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    @asynccontextmanager
    async def signed_in(self, name: str, *, register: bool = True, admin: bool = False) -> AsyncIterator[httpx2.AsyncClient]:
        if register:
            await self.register(name, admin=admin)
        async with self.browser() as client:
            answer = await sign_in(client, name)
            assert answer.status_code == 200, answer.text
            yield client

    def log(self) -> list[StoredEvent]:
        with self.running.store.read() as connection:
            return list(read_log(connection, 0, 10_000))

    def types(self, subject: str) -> list[str]:
        return [stored.type for stored in self.log() if stored.subject == subject]

    def events(self, type_: str) -> list[Any]:
        return [stored.decode(CATALOGUE) for stored in self.log() if stored.type == type_]

    def sessions(self) -> list[Mapping[str, Any]]:
        with self.running.store.read() as connection:
            return [dict(row) for row in connection.execute(select(sessions).order_by(sessions.c.id)).mappings()]

    def date_back(self, session: str, **columns: str) -> None:
        """Let a session be older than it is."""
        with self.running.store.writing.begin() as connection:
            connection.execute(update(sessions).where(sessions.c.id == session).values(**columns))


@dataclass(frozen=True)
class Holding:
    """A unit that keeps the writer busy, so that what is asked meanwhile comes to it in one batch."""

    begun: Event
    may_end: Event

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        self.begun.set()
        assert self.may_end.wait(10)


async def in_one_batch(writer: Writer, *units: Unit[Any]) -> list[Any]:
    """Run the units in one transaction of the writer; return their results, or what they raised, in order."""
    holding = Holding(Event(), Event())
    held = asyncio.ensure_future(writer.execute(holding))
    assert await asyncio.to_thread(holding.begun.wait, 10)
    asked = [asyncio.ensure_future(writer.execute(unit)) for unit in units]
    await eventually(lambda: writer.waiting >= len(units))
    holding.may_end.set()
    await held
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def erased(desk: Desk, person: str) -> None:
    """Wait until this store is done with somebody."""

    def done() -> bool:
        with desk.running.store.read() as connection:
            found = erasure_of(connection, person)
        return found is not None and found.done_at is not None

    await eventually(done, 30)


async def sign_in(client: httpx2.AsyncClient, name: str, password: str = PASSWORD) -> httpx2.Response:
    return await client.post("/api/auth/login", json={"email": f"{name}@example.org", "password": password})


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Return (status, slug). Raises when the answer is no problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, str(answer.json()["type"]).removeprefix("/problems/")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def without(values: Mapping[str, Any], *names: str) -> str:
    return json.dumps({name: value for name, value in values.items() if name not in names}, sort_keys=True)

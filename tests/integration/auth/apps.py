"""People with authenticator apps at a running auth whose clock the test holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from events.environment import real_environment
from tests.integration.auth.visitors import PASSWORD, Desk, problem, sign_in
from tests.support.house import declared, house
from tests.support.totp import code_at

STEP = timedelta(seconds=30)


class Clock:
    """A clock that goes only where a test puts it: a code is of the time at which it was asked for, however slow the machine is."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Person:
    """Somebody with an app: `secret` is what it was given, `codes` what is on paper."""

    desk: "TimedDesk"
    name: str
    client: httpx2.AsyncClient
    secret: str = ""
    codes: list[str] = field(default_factory=list)

    def code(self) -> str:
        """Return the code of the next step, so that each is another one."""
        self.desk.clock.now += STEP
        return code_at(self.secret, self.desk.clock.now)

    def wrong(self) -> str:
        """Return six digits that are the code of no step around the one of `code`."""
        around = {code_at(self.secret, self.desk.clock.now + n * STEP) for n in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(10)) if code not in around)

    async def begin(self) -> httpx2.Response:
        answer = await self.client.post("/api/auth/two-factor", json={"current_password": PASSWORD})
        if answer.status_code == 201:
            self.secret = answer.json()["secret"]
        return answer

    async def turn_on(self) -> None:
        assert (await self.begin()).status_code == 201
        answer = await self.client.post("/api/auth/two-factor/confirm", json={"code": self.code()})
        assert answer.status_code == 200, answer.text
        self.codes = answer.json()["recovery_codes"]

    async def standing(self) -> dict[str, Any]:
        answer = await self.client.get("/api/auth/two-factor")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def own(self, what: str, code: str, password: str = PASSWORD) -> httpx2.Response:
        return await self.client.post(f"/api/auth/two-factor/{what}", json={"current_password": password, "code": code})


class TimedDesk(Desk):
    clock: Clock

    @asynccontextmanager
    async def person(self, name: str, *, admin: bool = False) -> AsyncIterator[Person]:
        async with self.signed_in(name, admin=admin) as client:
            yield Person(self, name, client)

    def count(self, table: Any) -> int:
        with self.running.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0


@asynccontextmanager
async def timed(directory: Path, **settings: Any) -> AsyncIterator[TimedDesk]:
    async with house(directory, **settings) as made:
        desk = TimedDesk(made)
        desk.clock = Clock()
        await made.start(declared("auth"), replace(real_environment(), now=desk.clock))
        yield desk


async def challenged(client: httpx2.AsyncClient, name: str, password: str = PASSWORD) -> str:
    """Take the first step, and return the challenge for the second."""
    answer = await sign_in(client, name, password)
    assert problem(answer) == (401, "second-factor-required"), answer.text
    assert "set-cookie" not in answer.headers
    return str(answer.json()["challenge"])


async def give(client: httpx2.AsyncClient, challenge: str, code: str) -> httpx2.Response:
    return await client.post("/api/auth/login/second-factor", json={"challenge": challenge, "code": code})

"""One leader per store, on a clock that the test turns."""

import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from events.contracts import CATALOGUE
from events.environment import Environment, real_environment
from events.lease import RENEW, VALID, Lease, Release, Take
from events.migrations import create_log
from events.store import Store
from events.writer import Writer


@dataclass
class Clock:
    """Time passes when the test says so; who sleeps wakes when it is time."""

    now: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)
    sleepers: list[tuple[datetime, asyncio.Event]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.now + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for due, woken in self.sleepers:
            if due <= self.now:
                woken.set()
        self.sleepers = [(due, woken) for due, woken in self.sleepers if due > self.now]

    async def sleeping(self, count: int) -> None:
        """Return when so many sleep."""
        async with asyncio.timeout(10):
            while len(self.sleepers) < count:  # noqa: ASYNC110 -- the writer's thread is what is waited for
                await asyncio.sleep(0.005)


@dataclass
class House:
    clock: Clock
    environment: Environment
    writer: Writer

    def lease(self) -> Lease:
        return Lease(self.writer, "leader", self.environment)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.writing.begin() as connection:
        create_log(SimpleNamespace(get_bind=lambda: connection, execute=lambda sql: connection.execute(text(sql))))
    clock = Clock()
    environment = replace(real_environment(), now=lambda: clock.now, sleep=clock.sleep)
    writer = Writer(store, source="/tickets", catalogue=CATALOGUE, environment=environment)
    await asyncio.to_thread(writer.start)
    yield House(clock, environment, writer)
    await writer.stop()
    store.close()


@dataclass
class Body:
    """Something that only a leader does."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> None:
        self.began.set()
        self.ended.clear()
        try:
            await asyncio.Event().wait()
        finally:
            self.began.clear()
            self.ended.set()


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def within(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_one_leads_and_the_other_takes_over_when_it_gives_the_lease_back(house: House) -> None:
    first, second = Body(), Body()
    leader = asyncio.create_task(house.lease().run(first))
    await within(first.began)
    other = asyncio.create_task(house.lease().run(second))
    await house.clock.sleeping(2)
    assert not second.began.is_set()
    await end(leader)
    assert first.ended.is_set()
    await house.clock.pass_by(RENEW)
    await within(second.began)
    await end(other)


async def test_a_leader_renews_for_as_long_as_it_lives(house: House) -> None:
    first, second = Body(), Body()
    leader = asyncio.create_task(house.lease().run(first))
    await within(first.began)
    other = asyncio.create_task(house.lease().run(second))
    for _ in range(10):
        await house.clock.sleeping(2)
        await house.clock.pass_by(RENEW)
    await house.clock.sleeping(2)
    assert first.began.is_set()
    assert not second.began.is_set()
    await end(leader)
    await end(other)


async def test_a_lease_that_ran_out_is_anybodys_and_the_one_who_slept_stops(house: House) -> None:
    body = Body()
    leader = asyncio.create_task(house.lease().run(body))
    await within(body.began)
    await house.clock.sleeping(1)
    house.clock.now += VALID  # it was paused, and nobody renewed
    assert await house.writer.execute(Take("leader", "elsewhere/1/x"))
    await house.clock.pass_by(RENEW)
    await within(body.ended)
    await end(leader)


async def test_the_lease_of_a_process_that_is_gone_is_free_at_once(house: House) -> None:
    gone = ended_process()
    host = platform.node()
    assert await house.writer.execute(Take("leader", f"{host}/{gone}/x"))
    assert await house.writer.execute(Take("leader", f"{host}/{os.getpid()}/a"))
    assert not await house.writer.execute(Take("leader", f"{host}/{os.getpid()}/b"))


async def test_only_the_holder_gives_a_lease_back(house: House) -> None:
    assert await house.writer.execute(Take("leader", "elsewhere/1/a"))
    await house.writer.execute(Release("leader", "elsewhere/2/b"))
    assert not await house.writer.execute(Take("leader", "elsewhere/2/b"))
    await house.writer.execute(Release("leader", "elsewhere/1/a"))
    assert await house.writer.execute(Take("leader", "elsewhere/2/b"))


async def test_what_the_body_raises_ends_it_and_frees_the_lease(house: House) -> None:
    async def broken() -> None:
        raise RuntimeError("The relay is broken.")

    with pytest.raises(RuntimeError, match="broken"):
        await house.lease().run(broken)
    assert await house.writer.execute(Take("leader", "elsewhere/2/b"))

"""What counts for a while and then no longer: kept answers for a day, quotas for their window. A real store, a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from chassis import idempotency, quotas
from chassis.answers import Answer
from chassis.database import migrate
from chassis.housekeeping import Sweep
from chassis.idempotency import KeyReused, Once
from chassis.quotas import Quota
from chassis.tables import KEPT, QUOTAS
from events.contracts import CATALOGUE
from events.decider import Context
from events.envelope import Actor
from events.environment import Environment, real_environment
from events.errors import NotSignedIn, TooMany
from events.store import Store, log_head
from events.writer import Writer
from tests.integration.chassis.demo import TICKETS_FOLD, Create, Ticket, answer

HOURLY = Quota("tickets/anna", 3, 3600)
DAILY = Quota("tickets/from/203.0.113.7", 5, 86400)


@dataclass
class Clock:
    at: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


class Desk:
    """A store with a writer, and how many rows and events it has."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.erased: set[str] = set()
        self.environment: Environment = replace(real_environment(), now=clock.now)
        self.store = Store(f"sqlite:///{path}")
        migrate(self.store.writing, "chassis.migrations", "tests.integration.chassis.migrations")
        self.writer = Writer(
            self.store,
            source="/tickets",
            catalogue=CATALOGUE,
            environment=self.environment,
            folds={"ticket": TICKETS_FOLD},
            loaders={idempotency.KIND: idempotency.load, quotas.KIND: quotas.load},
        )
        self.writer.start()

    def create(self, *limits: Quota) -> Create:
        by = Context(actor=Actor(kind="user", id="anna"), at=self.environment.now())
        return Create("It burns", by, limits)

    async def once(self, key: str, body: str = "a") -> Answer:
        def created(ticket: Ticket) -> Answer:
            return answer(ticket, 201)

        return await self.writer.execute(Once(self.create(HOURLY), key, body, created, "anna", self.erased))

    async def sweep(self) -> bool:
        return await self.writer.execute(Sweep())

    def counts(self) -> tuple[int, int, int]:
        """Return how many answers are kept, quotas are standing, and events there are."""
        with self.store.read() as connection:
            rows = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (KEPT, QUOTAS)]
            return rows[0], rows[1], log_head(connection).sequence


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(tmp_path: Path, clock: Clock) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "tickets.sqlite3", clock)
    yield made
    await made.writer.stop()
    made.store.close()


async def test_a_quota_counts_in_a_fixed_window_that_refusals_do_not_prolong(desk: Desk, clock: Clock) -> None:
    for _ in range(3):
        await desk.writer.execute(desk.create(HOURLY))
        clock.pass_(minutes=10)
    for waited in (1800, 1200):
        with pytest.raises(TooMany) as told:
            await desk.writer.execute(desk.create(HOURLY))
        assert told.value.retry_after == waited
        clock.pass_(minutes=10)
    clock.pass_(minutes=10)
    await desk.writer.execute(desk.create(HOURLY))
    assert desk.counts() == (0, 1, 4)


async def test_of_who_was_erased_meanwhile_nothing_is_done_or_kept_and_no_kept_answer_is_shown(desk: Desk) -> None:
    await desk.once("a")
    before = desk.counts()
    desk.erased.add("anna")
    for key in ("a", "b"):
        with pytest.raises(NotSignedIn):
            await desk.once(key)
    assert desk.counts() == before


async def test_the_longest_wait_is_told_and_a_refusal_counts_in_no_bucket(desk: Desk, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(2):
            await desk.writer.execute(desk.create(HOURLY, DAILY))
        clock.pass_(hours=1)
    await desk.writer.execute(desk.create(HOURLY, DAILY))
    with pytest.raises(TooMany) as told:
        await desk.writer.execute(desk.create(HOURLY, DAILY))
    assert told.value.retry_after == 22 * 3600
    for _ in range(2):  # the hourly one has still what was left of it
        await desk.writer.execute(desk.create(HOURLY))
    with pytest.raises(TooMany):
        await desk.writer.execute(desk.create(HOURLY))


async def test_an_answer_is_kept_for_a_day_and_then_decided_anew(desk: Desk, clock: Clock) -> None:
    first = await desk.once("key")
    clock.pass_(hours=23, minutes=59)
    again = await desk.once("key")
    assert (again.body, again.raw_headers, again.status_code) == (first.body, first.raw_headers, 201)
    with pytest.raises(KeyReused):
        await desk.once("key", body="another")
    assert desk.counts()[2] == 1
    clock.pass_(minutes=2)
    anew = await desk.once("key", body="another")
    assert anew.body != first.body
    assert desk.counts()[2] == 2
    assert (await desk.once("key", body="another")).body == anew.body


async def test_a_refusal_is_not_kept(desk: Desk, clock: Clock) -> None:
    for number in range(3):
        await desk.once(f"key {number}")
    with pytest.raises(TooMany):
        await desk.once("refused")
    clock.pass_(hours=1)
    assert (await desk.once("refused")).status_code == 201


async def test_what_no_longer_counts_is_thrown_away_and_nothing_else(desk: Desk, clock: Clock) -> None:
    await desk.once("old")
    clock.pass_(hours=23)
    await desk.once("young")
    await desk.writer.execute(desk.create(DAILY))
    assert desk.counts()[:2] == (2, 2)
    await desk.sweep()
    assert desk.counts()[:2] == (2, 2)
    clock.pass_(hours=1)
    assert await desk.sweep() is False
    assert desk.counts()[:2] == (1, 1)
    assert (await desk.once("young")).status_code == 201
    assert desk.counts()[2] == 3

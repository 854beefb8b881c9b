"""The timer over a real store, on a clock of the tests' own: thousands at once, after an outage, and beside another timer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from escalator.commands import ChangePolicies
from escalator.engine import Phase
from escalator.handlers import POLICIES, receive
from escalator.policy import Level, Policy
from escalator.projections import Held, save
from escalator.queries import load_policies, settled_up_to
from escalator.rules import TicketCopy
from escalator.tables import DERIVED, HOUSEKEEPING, deadlines, ticket_copies
from escalator.timers import LONGEST_SLEEP, Timer
from escalator.units import SETTLED_AT_ONCE, SYSTEM, AskDue, ChangePoliciesUnit
from events.contracts import CATALOGUE
from events.decider import Context, Key, Transaction
from events.envelope import StoredEvent
from events.environment import Environment, real_environment
from events.hints import Wake
from events.jetstream import Broker
from events.projections import Recorded
from events.store import Store
from events.tables import LOG, events
from events.writer import Writer
from tests.support.logs import Log

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def environment(self) -> Environment:
        return replace(real_environment(), now=lambda: self.now)


@dataclass(frozen=True)
class Tell:
    """Handles events of tickets, as the consumer's batch does."""

    events: Sequence[StoredEvent]
    sql: bool = field(default=True, init=False)

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        for stored in self.events:
            receive(tx, [Recorded(stored, stored.decode(CATALOGUE))])


@dataclass(frozen=True)
class Forget:
    """Empties what is derived."""

    sql: bool = field(default=True, init=False)

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        for table in (deadlines, ticket_copies):
            tx.connection.execute(delete(table))


@dataclass(frozen=True)
class Seed:
    """Writes open tickets as they would stand there: in bulk, where it is not their coming that is tried."""

    count: int
    at: datetime
    sql: bool = field(default=True, init=False)

    def reads(self) -> Iterable[Key]:
        return [POLICIES]

    def run(self, tx: Transaction) -> None:
        phase = Phase(since=self.at, status="open", priority="normal", assignee=None)
        rest: dict[str, Any] = {"version": 1, "imported": False, "created_at": self.at, "phase": phase}
        copies = [TicketCopy(number=number, event=f"event-{number}", **rest) for number in range(1, self.count + 1)]
        save(tx.connection, {}, [Held(copy).settled(tx.state(POLICIES)) for copy in copies])


@dataclass
class Office:
    """An escalator's store, its writer and its timer; `log` is what tickets tells."""

    clock: Clock
    store: Store
    writer: Writer
    timer: Timer
    log: Log = field(default_factory=Log)

    async def open(self, numbers: Iterable[int], **values: Any) -> None:
        """Tell that these tickets were opened, now."""
        facts = {"requester": "anna", "assignee": None, "priority": "normal", "status": "open"}
        time = self.clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = [self.log.add(f"ticket/{n}", "ticket.created", {**facts, "number": n}, time=time, **values) for n in numbers]
        await self.writer.execute(Tell(told))

    async def change(self, *policies: Policy, apply_to_past: bool = False) -> None:
        command = ChangePolicies(policies=policies, apply_to_past=apply_to_past)
        await self.writer.execute(ChangePoliciesUnit(command, Context(actor=SYSTEM, at=self.clock.now)))

    def asked(self) -> Counter[str]:
        """How often each ticket was asked for."""
        with self.store.read() as connection:
            return Counter(connection.execute(select(events.c.subject).where(events.c.type == "escalation.due")).scalars())

    def rows(self) -> list[Any]:
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(select(deadlines).order_by(deadlines.c.ticket))]

    def states(self) -> dict[str, int]:
        with self.store.read() as connection:
            counted = connection.execute(select(deadlines.c.state, func.count()).group_by(deadlines.c.state))
            return {row.state: row[1] for row in counted}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = Clock()
    environment = clock.environment()
    store = Store(f"sqlite:///{tmp_path / 'escalator.sqlite3'}")
    with store.writing.begin() as connection:
        for tables in (LOG, DERIVED, HOUSEKEEPING):
            tables.create_all(connection)
    writer = Writer(store, source="/escalator", catalogue=CATALOGUE, environment=environment, loaders={"policies": load_policies})
    writer.start()
    wake = Wake(Broker(environment), "escalator", "here")
    timer = Timer(store=store, writer=writer, wake=wake, environment=environment, shipped_after="24h")
    await timer.begin()
    yield Office(clock, store, writer, timer)
    await writer.stop()
    store.close()


def policy(*after: str, name: str = "default") -> Policy:
    return Policy(name=name, levels=tuple(Level(after=text) for text in after))


async def test_ten_thousand_overdue_deadlines_are_asked_for_in_seconds_each_once(office: Office) -> None:
    await office.writer.execute(Seed(10_000, office.clock.now))
    office.clock.now += 25 * HOUR
    async with asyncio.timeout(90):
        await office.timer.catch_up()
    assert office.asked() == Counter({f"ticket/{number}": 1 for number in range(1, 10_001)})
    assert office.states() == {"asked": 10_000}
    await office.timer.catch_up()
    assert office.asked().total() == 10_000


async def test_nothing_is_asked_for_before_its_time(office: Office) -> None:
    await office.open([1])
    office.clock.now += 24 * HOUR - timedelta(microseconds=1)
    assert await office.timer.catch_up() == pytest.approx(0.000001)
    assert office.asked() == {}
    office.clock.now += timedelta(microseconds=1)
    await office.timer.catch_up()
    assert office.asked() == {"ticket/1": 1}


async def test_the_timer_sleeps_until_the_next_deadline_but_never_long(office: Office) -> None:
    assert await office.timer.catch_up() == LONGEST_SLEEP
    await office.open([1])
    assert await office.timer.catch_up() == LONGEST_SLEEP
    office.clock.now += 24 * HOUR - timedelta(seconds=0.5)
    assert await office.timer.catch_up() == pytest.approx(0.5)
    office.clock.now += timedelta(seconds=0.5)
    assert await office.timer.catch_up() == LONGEST_SLEEP  # it was asked for, and nothing else is to come


async def test_a_clock_that_goes_back_asks_for_nothing_twice(office: Office) -> None:
    await office.open([1])
    office.clock.now += 25 * HOUR
    await office.timer.catch_up()
    for hours in (-20, 40):
        office.clock.now += hours * HOUR
        await office.timer.catch_up()
    assert office.asked() == {"ticket/1": 1}


async def test_a_clock_that_is_put_back_between_finding_and_asking_takes_nothing_back(office: Office) -> None:
    await office.open([1])
    found_at = office.clock.now + 25 * HOUR
    assert await office.writer.execute(AskDue([1], found_at)) == 1
    assert office.asked() == {"ticket/1": 1}


async def test_two_timers_at_once_ask_once(office: Office) -> None:
    await office.open(range(1, 51))
    office.clock.now += 25 * HOUR
    await asyncio.gather(*(office.writer.execute(AskDue(list(range(1, 51)), office.clock.now)) for _ in range(4)))
    assert set(office.asked().values()) == {1}
    assert len(office.asked()) == 50


async def test_the_shipped_policy_comes_once_however_often_a_timer_begins(office: Office) -> None:
    await asyncio.gather(*(office.timer.begin() for _ in range(5)))
    with office.store.read() as connection:
        assert connection.execute(select(func.count()).where(events.c.subject == "policy/default")).scalar_one() == 1


async def test_a_change_of_policies_reaches_every_ticket_of_a_large_desk(office: Office) -> None:
    await office.writer.execute(Seed(2 * SETTLED_AT_ONCE + 7, office.clock.now))
    await office.change(policy("2h"))
    with office.store.read() as connection:
        assert settled_up_to(connection) == SETTLED_AT_ONCE
    await office.timer.catch_up()
    with office.store.read() as connection:
        assert settled_up_to(connection) is None
        assert connection.execute(select(deadlines.c.due_at).distinct()).scalars().all() == ["2026-11-23T11:00:00.000000Z"]


async def test_what_is_due_does_not_wait_for_a_change_of_policies_to_reach_every_ticket(office: Office) -> None:
    await office.open([9_999])
    office.clock.now += 25 * HOUR
    await office.writer.execute(Seed(3 * SETTLED_AT_ONCE, office.clock.now))
    await office.change(policy("24h"), policy("48h", name="further"))
    looks: list[tuple[bool, bool]] = []

    def now() -> datetime:
        """Note at each look of the timer whether the change is under way, and whether the ticket was asked for."""
        with office.store.read() as connection:
            looks.append((settled_up_to(connection) is not None, bool(office.asked())))
        return office.clock.now

    await replace(office.timer, environment=replace(office.timer.environment, now=now)).catch_up()
    assert looks[0] == (True, False)
    assert (True, True) in looks
    assert looks[-1] == (False, True)


async def test_a_deadline_that_was_not_settled_yet_is_not_asked_for_under_a_policy_that_is_gone(office: Office) -> None:
    count = SETTLED_AT_ONCE + 1
    await office.open(range(1, count + 1))
    office.clock.now += 25 * HOUR
    await office.change()
    await office.writer.execute(AskDue([count], office.clock.now))
    assert office.asked() == {}
    await office.timer.catch_up()
    assert office.asked() == {}
    assert office.states() == {"cancelled": count}


async def test_an_event_that_comes_again_changes_nothing(office: Office) -> None:
    await office.open([1])
    office.clock.now += 25 * HOUR
    await office.timer.catch_up()
    await office.writer.execute(Tell(office.log.events))
    assert office.states() == {"asked": 1}
    await office.timer.catch_up()
    assert office.asked() == {"ticket/1": 1}


async def test_what_was_asked_for_stays_asked_when_the_tables_are_filled_anew(office: Office) -> None:
    await office.open([1, 2])
    office.clock.now += 25 * HOUR
    await office.timer.catch_up()
    before = office.rows()
    await office.writer.execute(Forget())
    assert office.rows() == []
    await office.writer.execute(Tell(office.log.events))
    assert office.rows() == before
    await office.timer.catch_up()
    assert office.asked() == {"ticket/1": 1, "ticket/2": 1}


async def test_tickets_that_were_imported_wait_for_a_live_event(office: Office) -> None:
    await office.open([1], imported=True)
    await office.open([2])
    office.clock.now += 25 * HOUR
    await office.timer.catch_up()
    assert office.asked() == {"ticket/2": 1}

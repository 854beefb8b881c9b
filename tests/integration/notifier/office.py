"""A notifier's store, its writer and workers, on a clock of the tests' own, and a way out of the house that fails on demand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from events.contracts import CATALOGUE
from events.contracts.ticket import TicketAssigned, TicketEscalated
from events.contracts.user import UserRegistered
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.environment import Environment, real_environment
from events.handling import Subscription, attempt
from events.hints import Wake
from events.jetstream import Broker
from events.store import Store
from events.tables import LOG
from events.writer import Writer
from notifier import people
from notifier.channels import Channel
from notifier.handlers import on_people, on_tickets
from notifier.inbox import Post
from notifier.jobs import Job
from notifier.tables import DERIVED, PRIMARY, inboxes, jobs, notifications
from notifier.worker import Worker
from tests.support.logs import Log

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OPERATOR = Actor(kind="system", id="operator")


@dataclass
class Clock:
    now: datetime = START

    def environment(self) -> Environment:
        """The machine's own, but for the clock, and with the longest delays."""
        return replace(real_environment(), now=lambda: self.now, random_bytes=lambda count: b"\xff" * count)


@dataclass
class Outside:
    """A way out of the house. It raises what `fails` holds, first to last, and then succeeds; while `shut`, nothing comes back from it."""

    repeatable: bool = True
    fails: list[Exception] = field(default_factory=list)
    seen: list[Job] = field(default_factory=list)
    shut: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, job: Job) -> None:
        self.seen.append(job)
        self.entered.set()
        if self.shut is not None:
            await self.shut.wait()
        if self.fails:
            raise self.fails.pop(0)


@dataclass(frozen=True)
class Handle:
    """Handles what a source's log tells, as the consumer's batch does; returns what was wrong with each event."""

    subscription: Subscription
    log: Log
    sql: bool = field(default=True, init=False)

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> list[str | None]:
        return [attempt(tx, self.subscription, [stored], CATALOGUE) for stored in self.log.events if self.subscription.handles(stored.type)]


@dataclass
class Office:
    clock: Clock
    store: Store
    writer: Writer
    wake: Wake
    channels: Mapping[str, Channel]
    auth: Log = field(default_factory=lambda: Log(source="/auth"))
    tickets: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.post = Post(new_id=real_environment().new_id, channels=tuple(self.channels))

    def worker(self) -> Worker:
        """Return one more worker."""
        environment = self.clock.environment()
        return Worker(store=self.store, writer=self.writer, wake=self.wake, environment=environment, post=self.post, channels=self.channels)

    async def hear(self) -> None:
        """Handle everything that auth and tickets have told, from the beginning."""
        for subscription, log in (
            (Subscription(source="/auth", derived=people.HANDLERS, handlers=on_people()), self.auth),
            (Subscription(source="/tickets", handlers=on_tickets(self.post)), self.tickets),
        ):
            assert set(await self.writer.execute(Handle(subscription, log))) <= {None}

    async def admin(self, *ids: str, role: str = "admin", can_sign_in: bool = True) -> None:
        """Let auth tell that these people are there."""
        for id_ in ids:
            data = data_of(UserRegistered(role=role, can_sign_in=can_sign_in))
            self.auth.add(f"user/{id_}", "user.registered", data, {"name": id_.title(), "email": f"{id_}@example.com"})
        await self.hear()

    async def assign(self, to: str = "alf", by: str = "ada") -> None:
        """Let tickets tell that somebody was given a ticket."""
        event = TicketAssigned(requester="anna", assignee=to, before={"assignee": None}, after={"assignee": to})
        self.tickets.add("ticket/1", "ticket.assigned", data_of(event), actorid=by)
        await self.hear()

    async def escalate(self, *, assignee: str | None = None, level: int = 1) -> None:
        """Let tickets tell that a ticket was escalated."""
        event = TicketEscalated(
            requester="anna",
            assignee=assignee,
            policy="default",
            policy_version=1,
            level=level,
            due_at="2026-11-24T09:00:00.000000Z",
            notify="assignee",
            before={"escalated_at": None, "escalation_level": level - 1},
            after={"escalated_at": "2026-11-24T09:00:01.000000Z", "escalation_level": level},
        )
        self.tickets.add("ticket/1", "ticket.escalated", data_of(event), actorkind="system", actorid="tickets")
        await self.hear()

    def jobs(self, type_: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of all jobs, or of one type, in their order."""
        wanted = select(jobs).order_by(jobs.c.id)
        with self.store.read() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings() if type_ in (None, row["type"])]

    def job(self, type_: str) -> dict[str, Any]:
        (job,) = self.jobs(type_)
        return job

    def told(self) -> Counter[str]:
        """How many notifications each person has."""
        with self.store.read() as connection:
            rows = connection.execute(select(notifications.c.recipient, func.count()).group_by(notifications.c.recipient))
            return Counter({row.recipient: row[1] for row in rows})

    def unread(self) -> dict[str, int]:
        """The kept counts."""
        with self.store.read() as connection:
            return {row.recipient: row.unread for row in connection.execute(select(inboxes))}

    async def finish(self, worker: Worker | None = None) -> int:
        """Let a worker carry out everything that is due now, and return how many jobs it began."""
        worker, begun = worker or self.worker(), 0
        while claimed := await worker.begin_due():
            begun += claimed
            await asyncio.gather(*worker._under_way)
        return begun


def data_of(event: Any) -> dict[str, Any]:
    """Return the facts of an event."""
    return {name: getattr(event, name) for name in event.event_type.data_fields}


def context(at: datetime = START) -> Context:
    return Context(actor=OPERATOR, at=at)


@asynccontextmanager
async def office(directory: Path, channels: Mapping[str, Channel] | None = None, *, clock: Clock | None = None) -> AsyncIterator[Office]:
    """A notifier without a face; opened again on the same directory, it is one that was started again."""
    clock = clock or Clock()
    environment = clock.environment()
    store = Store(f"sqlite:///{directory / 'notifier.sqlite3'}")
    with store.writing.begin() as connection:
        for tables in (LOG, PRIMARY, DERIVED):
            tables.create_all(connection)
    writer = Writer(
        store, source="/notifier", catalogue=CATALOGUE, environment=replace(environment, random_bytes=real_environment().random_bytes)
    )
    writer.start()
    try:
        yield Office(clock, store, writer, Wake(Broker(environment), "notifier", "here"), channels or {})
    finally:
        await writer.stop()
        store.close()

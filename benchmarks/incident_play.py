"""Play an incident log through a running desk, as its people would have."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from benchmarks.client import Desk, Person, Refused
from benchmarks.incident_log import Call, Row, calls, people

T = TypeVar("T")
HASHING = 4
"""Registrations and sign-ins at once: each costs auth a quarter of a second of one core, on purpose."""
KNOWN_SOON = 10.0
"""Seconds after which every service must know who became an admin."""


class Progress(Protocol):
    """What shows how far it is; `rich` does it in the command."""

    def begin(self, what: str, total: int) -> Callable[[], None]:
        """Return what is called after each of `total` steps."""


async def each(progress: Progress, what: str, items: Iterable[T], do: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Do something for every item, `at_once` of them at a time."""
    items = list(items)
    step = progress.begin(what, len(items))
    queue = iter(items)

    async def work() -> None:
        for item in queue:
            await do(item)
            step()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(items))):
            group.create_task(work())


@dataclass
class Play:
    """One log at one desk. `tickets` are the numbers of the incidents there; `done` counts the calls that were answered."""

    desk: Desk
    admin: Person
    rows: Sequence[Row]
    progress: Progress
    concurrency: int = 16
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    people: dict[str, Person] = field(default_factory=dict)
    tickets: dict[str, int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    async def open_accounts(self) -> None:
        """Register everybody in the log, make the updaters and resolvers admins, and sign everybody in."""
        everybody = people(self.rows)
        names = [*everybody.callers, *everybody.admins]
        password = secrets.token_urlsafe(16)

        async def register(name: str) -> None:
            email = f"{'-'.join(name.lower().split())}.{self.run}@incidents.example"
            self.people[name] = await self.desk.register(name, email, password)

        async def promote(name: str) -> None:
            await self.desk.ask("PATCH", f"/api/auth/users/{self.people[name].id}", self.admin, {"role": "admin"})

        async def sign_in(name: str) -> None:
            person = self.people[name]
            self.people[name] = replace(person, cookie=(await self.desk.sign_in(person.email, password)).cookie)

        await each(self.progress, "registering", names, register, at_once=HASHING)
        await each(self.progress, "making admins", everybody.admins, promote, at_once=self.concurrency)
        await each(self.progress, "signing in", names, sign_in, at_once=HASHING)

    async def play(self) -> None:
        """Make every call, in order of time, several at once, but those of one incident one after the other."""
        script = list(calls(self.rows))
        step = self.progress.begin("the log", len(script))
        free = asyncio.Semaphore(self.concurrency)
        last: dict[str, asyncio.Task[None]] = {}

        async def make(call: Call, before: asyncio.Task[None] | None) -> None:
            try:
                if before is not None:
                    await before
                await self._call(call)
                self.done[call.what] += 1
                step()
            finally:
                free.release()

        async with asyncio.TaskGroup() as group:
            for call in script:
                await free.acquire()
                last[call.incident] = group.create_task(make(call, last.get(call.incident)))

    async def _call(self, call: Call) -> None:
        by = self.people[call.by]
        if call.what == "create":
            body = {"title": call.row.title, "body": call.row.body, "priority": call.value}
            once = {"Idempotency-Key": f"{self.run}-{call.incident}"}
            self.tickets[call.incident] = (await self.desk.ask("POST", "/api/tickets", by, body, once))["id"]
            return
        ticket = f"/api/tickets/{self.tickets[call.incident]}"
        if call.what == "assignee":
            await self._assign(ticket, by, self.people[call.value].id if call.value is not None else None)
        else:
            await self.desk.ask("PUT", f"{ticket}/{call.what}", by, {call.what: call.value})

    async def _assign(self, ticket: str, by: Person, assignee: str | None) -> None:
        """Assign; an admin made a moment ago may be unknown for a moment."""
        loop = asyncio.get_running_loop()
        end = loop.time() + KNOWN_SOON
        while True:
            try:
                await self.desk.ask("PUT", f"{ticket}/assignee", by, {"assignee_id": assignee})
            except Refused as error:
                if error.status != 422 or loop.time() > end:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

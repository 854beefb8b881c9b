"""Desks with many tickets, made quickly: the people by the desk itself, the tickets by its own commands in the writer of tickets.

Each size is made once in a run, from the next smaller one, and is a data directory of a desk that is stopped. Whoever runs a desk on it
takes a copy.
"""

import asyncio
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.client import Desk
from benchmarks.desk import RunningDesk, running_desk
from benchmarks.inside import tickets_inside
from benchmarks.settling import settled
from benchmarks.words import Texts, vocabulary
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.times import to_text
from tickets.commands import PRIORITIES, STATUSES, AssignTicket, ChangeStatus, Command, EscalateTicket
from tickets.decider import decide
from tickets.units import PERSON, Open, subject

PEOPLE = 200
"""Who open tickets. The first of them opens one in eight."""
OFTEN = 8
"""One ticket in so many is the first person's, one the admin's to handle, one escalated."""
_AT_ONCE = 1024
_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    id: str
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """`directory` is the desk's; all people have the same password; `tickets` are numbered from 1."""

    directory: Path
    password: str
    admin: str
    people: Sequence[str]
    emails: Sequence[str]
    tickets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Opens a ticket and does to it what was done by now, all in one unit."""

    opening: Open
    then: Sequence[tuple[Any, Context]]
    admin: str

    def reads(self) -> Iterable[Key]:
        return [*self.opening.reads(), (PERSON, self.admin)]

    def run(self, tx: Transaction) -> None:
        number = self.opening.run(tx).number
        about, candidate = subject(number), tx.state((PERSON, self.admin))
        for make, context in self.then:
            command: Command = make(number)
            tx.append(about, decide(command, tx.stream(about).state, candidate), context)


class Datasets:
    """`imported` tickets notify nobody and are never overdue: they come with a past; the others are open and of this moment."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory, self._seed = directory, seed
        self._made: dict[tuple[int, bool], Dataset] = {}

    def of(self, tickets: int, *, imported: bool = True) -> Dataset:
        """Return the desk with so many tickets."""
        if (tickets, imported) not in self._made:
            smaller = max((size for size, kind in self._made if kind == imported and size < tickets), default=0)
            self._made[tickets, imported] = self._grow(self._people() if smaller == 0 else self._made[smaller, imported], tickets, imported)
        return self._made[tickets, imported]

    def copy(self, dataset: Dataset, name: str) -> Path:
        """Return a copy of a desk's directory."""
        target = self._directory / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(dataset.directory, target, ignore=shutil.ignore_patterns("run", "*.sock"))
        return target

    def _people(self) -> Dataset:
        """Return a desk without tickets, where everybody has an account and all services know them."""
        if (0, True) not in self._made:
            directory = self._directory / "people"
            shutil.rmtree(directory, ignore_errors=True)  # what is left of an attempt that failed
            with running_desk(data_dir=directory, STE_UNSAFE_BCRYPT_COST="4") as desk:
                self._made[0, True] = asyncio.run(_register(desk, directory))
        return self._made[0, True]

    def _grow(self, smaller: Dataset, tickets: int, imported: bool) -> Dataset:
        directory = self.copy(smaller, f"{tickets}-{'imported' if imported else 'open'}")
        made = Dataset(
            directory=directory,
            password=smaller.password,
            admin=smaller.admin,
            people=smaller.people,
            emails=smaller.emails,
            tickets=tickets,
        )
        asyncio.run(_fill(made, smaller.tickets, random.Random(self._seed + smaller.tickets), imported=imported))
        return made


async def _register(desk: RunningDesk, directory: Path) -> Dataset:
    async with Desk(desk.url) as client:
        admin = await client.sign_in(desk.admin, desk.password)
        emails = [f"person-{number}@benchmarks.example" for number in range(1, PEOPLE + 1)]
        names = [f"Person {number}" for number in range(1, PEOPLE + 1)]
        people = await asyncio.gather(*(client.register(*each, desk.password) for each in zip(names, emails, strict=True)))
        await settled(desk)
    ids = [person.id for person in people]
    return Dataset(directory=directory, password=desk.password, admin=admin.id, people=ids, emails=emails, tickets=0)


async def _fill(made: Dataset, before: int, draw: random.Random, *, imported: bool) -> None:
    texts = Texts(draw, vocabulary())
    async with tickets_inside(made.directory) as live:
        for first in range(before + 1, made.tickets + 1, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, made.tickets + 1))
            units = [_grown(made, number, draw, texts) if imported else _plain(made, number, draw, texts) for number in numbers]
            await asyncio.gather(*(live.writer.execute(unit) for unit in units))


def _opening(made: Dataset, draw: random.Random, texts: Texts, at: datetime, *, imported: bool) -> Open:
    person = made.people[0] if draw.randrange(OFTEN) == 0 else draw.choice(made.people)
    context = Context(actor=Actor(kind="user", id=person), at=at, imported=imported)
    by = Caller(id=person, is_admin=False)
    return Open(title=texts.title(), body=texts.body(), priority=draw.choice(PRIORITIES), by=by, context=context)


def _plain(made: Dataset, _number: int, draw: random.Random, texts: Texts) -> Open:
    return _opening(made, draw, texts, datetime.now(UTC), imported=False)


def _grown(made: Dataset, number: int, draw: random.Random, texts: Texts) -> Grown:
    at = datetime(2026, 1, 1, tzinfo=UTC) + number * _STEP
    opening = _opening(made, draw, texts, at, imported=True)
    admin = Caller(id=made.admin, is_admin=True)
    later = Context(actor=Actor(kind="user", id=made.admin), at=at + draw.randrange(1, 3600) * _STEP, imported=True)
    then: list[tuple[Any, Context]] = []
    if draw.randrange(OFTEN) == 0:
        then.append((lambda ticket: _escalate(ticket, later.at), later))
    if draw.randrange(OFTEN) == 0:
        then.append((lambda ticket: AssignTicket(ticket=ticket, to=made.admin, by=admin), later))
    if (status := draw.choice(STATUSES)) != "open":
        then.append((lambda ticket: ChangeStatus(ticket=ticket, to=status, by=admin), later))
    return Grown(opening=opening, then=then, admin=made.admin)


def _escalate(ticket: int, at: datetime) -> EscalateTicket:
    facts: dict[str, Any] = {"due_at": to_text(at), "when": {}, "notify": "assignee", "at": at}
    return EscalateTicket(ticket=ticket, policy="default", policy_version=1, level=1, **facts)

"""What if: what another policy would have done, over a past that is written as an import writes it."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from escalator.engine import Phase
from escalator.policy import Level, Policy
from escalator.projections import save
from escalator.rules import TicketCopy
from escalator.simulating import GivenUp, Simulator, simulate
from escalator.simulation import Question
from escalator.tables import DERIVED
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.errors import Unavailable
from events.store import Store
from tests.integration.escalator.conftest import POLICIES, Escalation, escalation, soon
from tests.integration.tickets.conftest import Json, good, refused
from tickets.commands import AssignTicket, ChangePriority, ChangeStatus
from tickets.units import Change, Open

SIMULATE = "/api/escalations/simulate"
DAWN = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)
MARCH = {"since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the file, so that its tests can share a desk."""
    return "asyncio"


@dataclass(frozen=True, kw_only=True)
class Caller:
    id: str
    is_admin: bool


@dataclass
class Past:
    """Writes tickets into the past, as an import does. `tickets` are by the name that the test gives them."""

    there: Escalation
    tickets: dict[str, int] = field(default_factory=dict)

    async def open(self, name: str, hour: float, priority: Any = "normal") -> None:
        by = Caller(id=self.there.desk.ids["anna"], is_admin=False)
        unit = Open(title=name, body=name, priority=priority, by=by, context=self._context(by, hour))
        self.tickets[name] = (await self._write(unit)).number

    async def change(self, name: str, hour: float, **to: Any) -> None:
        """Set a status, a priority or an assignee, at an hour after dawn."""
        by, number = Caller(id=self.there.desk.ids["ada"], is_admin=True), self.tickets[name]
        for what, value in to.items():
            command = {"status": ChangeStatus, "priority": ChangePriority, "assignee": AssignTicket}[what]
            await self._write(Change(command=command(ticket=number, to=value, by=by), context=self._context(by, hour)))

    def _context(self, by: Caller, hour: float) -> Context:
        return Context(actor=Actor(kind="user", id=by.id), at=DAWN + hour * HOUR, imported=True)

    async def _write(self, unit: Any) -> Any:
        return await self.there.desk.house.running("tickets").writer.execute(unit)


@pytest.fixture(scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    """Under the shipped policy of 24 hours, which no imported ticket ever was."""
    async with escalation(tmp_path_factory.mktemp("past")) as there:
        past, ada = Past(there), there.desk.ids["ada"]
        await past.open("quick", 0)
        await past.change("quick", 3, status="resolved")
        await past.open("slow", 1, "urgent")
        await past.change("slow", 2, assignee=ada)
        await past.change("slow", 20, status="resolved")
        await past.open("forgotten", 2, "high")
        await past.open("again", 3)
        await past.change("again", 4, status="resolved")
        await past.change("again", 50, status="open", assignee=ada)
        await past.change("again", 51, status="resolved")
        await past.open("taken", 5, "low")
        await past.change("taken", 6, status="in_progress")
        yield past


async def ask(past: Past, *after: str, since: str = MARCH["since"], until: str = MARCH["until"], **policy: Any) -> Json:
    body = {"policy": {"name": "default", "levels": [{"after": text} for text in after], **policy}, "since": since, "until": until}
    answer: Json = good(await past.there.admin.post(SIMULATE, json=body))
    return answer


def named(past: Past, items: Sequence[Json]) -> list[tuple[str, int, float]]:
    """Return (ticket, level, hours after dawn)."""
    names = {number: name for name, number in past.tickets.items()}
    return [(names[item["id"]], item["level"], (datetime.fromisoformat(item["at"]) - DAWN) / HOUR) for item in items]


async def test_it_says_which_tickets_and_when_and_what_differs_from_today(past: Past) -> None:
    found = await ask(past, "4h")
    assert named(past, found["tickets"]) == [("slow", 1, 5), ("forgotten", 1, 6), ("again", 1, 50)]
    assert (found["total"], found["current_total"]) == (3, 2)
    assert (found["policy"], found["compared_with"]) == ("default", ["default"])
    assert named(past, found["only_new"]) == [("slow", 1, 5)]
    assert (found["only_new_total"], found["only_current_total"], found["only_current"]) == (1, 0, [])
    less = await ask(past, "72h")
    assert named(past, less["only_current"]) == [("again", 1, 50)]
    assert (less["total"], less["current_total"], less["only_new_total"], less["only_current_total"]) == (1, 2, 0, 1)


async def test_its_sums_are_by_day_priority_level_and_person(past: Past) -> None:
    found = await ask(past, "4h")
    assert found["by_day"] == [
        {"day": "2026-03-02", "total": 2, "current": 0},
        {"day": "2026-03-03", "total": 0, "current": 1},
        {"day": "2026-03-04", "total": 1, "current": 1},
    ]
    assert found["by_priority"] == {
        "low": {"total": 0, "current": 0},
        "normal": {"total": 1, "current": 1},
        "high": {"total": 1, "current": 1},
        "urgent": {"total": 1, "current": 0},
    }
    assert found["by_level"] == [{"level": 1, "total": 3, "current": 2}]
    ada = past.there.desk.ids["ada"]
    assert found["by_person"] == [{"id": ada, "total": 2, "current": 1}, {"id": None, "total": 1, "current": 1}]


async def test_several_levels_are_several_escalations_of_one_ticket(past: Past) -> None:
    levels = [{"after": "4h"}, {"after": "2d", "notify": "admins"}]
    body = {"policy": {"name": "stairs", "levels": levels, "when": {"priority": ["high", "normal"]}}, **MARCH}
    found = good(await past.there.admin.post(SIMULATE, json=body))
    assert named(past, found["tickets"]) == [("forgotten", 1, 6), ("forgotten", 2, 50), ("again", 1, 50)]
    assert (found["total"], [(each["level"], each["total"]) for each in found["by_level"]]) == (2, [(1, 2), (2, 1)])


async def test_a_calendar_counts_only_its_hours(past: Past) -> None:
    calendar = {"zone": "UTC", "hours": {"mon": ["08:00-12:00"], "wed": ["08:00-12:00"]}, "holidays": []}
    found = await ask(past, "4h", calendar=calendar)
    assert named(past, found["tickets"]) == [("forgotten", 1, 50)]  # two hours of Monday and two of Wednesday


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z", ["slow"]),  # 13:00 is in it, 14:00 is not
        ("2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z", []),
        ("2026-03-02T15:00:00+01:00", "2026-03-03T00:00:00Z", ["forgotten"]),
        ("1900-01-01T00:00:00Z", "9999-01-01T00:00:00Z", ["slow", "forgotten", "again"]),
    ],
)
async def test_a_range_begins_with_since_and_ends_before_until(past: Past, since: str, until: str, expected: list[str]) -> None:
    found = await ask(past, "4h", since=since, until=until)
    assert [name for name, _, _ in named(past, found["tickets"])] == expected


async def test_a_time_to_come_counts_as_now(past: Past) -> None:
    """What would be escalated tomorrow is no past: somebody may still take it."""
    before = datetime.now(UTC)
    found = await ask(past, "3650d", since="2000-01-01T00:00:00Z", until="9000-01-01T00:00:00Z")
    assert found["total"] == 0
    assert before <= datetime.fromisoformat(found["until"]) <= datetime.now(UTC)


async def test_it_changes_nothing(past: Past) -> None:
    policies = await past.there.admin.get(POLICIES)
    deadlines = await past.there.deadlines()
    await ask(past, "1h")
    again = await past.there.admin.get(POLICIES)
    assert (again.text, again.headers["etag"]) == (policies.text, policies.headers["etag"])
    assert await past.there.deadlines() == deadlines
    assert await past.there.escalations({"id": past.tickets["slow"]}) == []


async def test_what_happened_live_is_what_it_says(past: Past) -> None:
    there = past.there
    before = good(await there.admin.get(POLICIES))
    good(await there.set({"name": "at-once", "levels": [{"after": "1s"}, {"after": "2s", "notify": "admins"}]}))
    opened = [await there.desk.open() for _ in range(3)]
    for ticket in opened:
        await there.escalated(ticket, level=2)
    fired = {(item["ticket_id"], item["level"]): item for item in await there.deadlines(state="fired")}
    now = datetime.now(UTC) + HOUR
    since, until = opened[0]["created_at"], now.isoformat()
    body = {"policy": {"name": "at-once", "levels": [{"after": "1s"}, {"after": "2s"}]}, "since": since, "until": until}
    found = good(await there.admin.post(SIMULATE, json=body))
    assert {(item["id"], item["level"]): item["at"] for item in found["tickets"]} == {key: item["due_at"] for key, item in fired.items()}
    assert (found["total"], found["current_total"], found["only_new"], found["only_current"]) == (3, 3, [], [])
    good(await there.admin.put(POLICIES, json=before))


async def test_it_waits_for_what_happened_before_it_was_asked(past: Past) -> None:
    """Nobody has to wait after an import: what tickets has stored by then is counted."""
    for number in range(20):
        await past.open(f"late {number}", 100)
    found = await ask(past, "1h", since="2026-03-06T13:00:00Z", until="2026-03-06T14:00:00Z")
    assert found["total"] == 20


async def test_where_tickets_is_down_what_is_known_must_do(past: Past) -> None:
    from tests.support.house import declared

    await past.there.desk.house.stop("tickets")
    try:
        assert (await ask(past, "4h"))["total"] >= 3
    finally:
        await past.there.desk.house.start(declared("tickets"))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"since": None}, ["body", "since"]),
        ({"since": "yesterday"}, ["body", "since"]),
        ({"until": MARCH["since"]}, ["body", "until"]),
        ({"policy": {"name": "a", "levels": []}}, ["body", "policy", "levels"]),
        ({"policy": {"name": "a", "levels": [{"after": "9999d"}]}}, ["body", "policy", "levels", 0, "after"]),
        ({"policy": {"name": "a", "levels": [{"after": "1h"}], "calendar": {"zone": "X", "hours": {"mon": ["08:00-09:00"]}}}},
         ["body", "policy", "calendar", "zone"]),
        ({"colour": "red"}, ["body", "colour"]),
    ],
)  # fmt: skip
async def test_a_question_that_cannot_be_meant_is_refused(past: Past, change: Json, where: list[Any]) -> None:
    body = {"policy": {"name": "a", "levels": [{"after": "1h"}]}, **MARCH, **change}
    problem = refused(await past.there.admin.post(SIMULATE, json=body), 422, "invalid")
    assert [error["loc"] for error in problem["errors"]] == [where]


async def test_only_admins_and_the_operator_may_ask(past: Past) -> None:
    body = {"policy": {"name": "a", "levels": [{"after": "4h"}]}, **MARCH}
    refused(await past.there.user.post(SIMULATE, json=body), 403, "not-permitted")
    refused(await past.there.admin.post(SIMULATE, json=body, headers={"Sec-Fetch-Site": "cross-site"}), 403, "cross-site")
    async with past.there.desk.house.peer("escalator", "operator") as operator:
        assert good(await operator.post("/internal/escalations/simulate", json=body))["total"] >= 3
    async with past.there.desk.house.peer("escalator") as peer:
        refused(await peer.post("/internal/escalations/simulate", json=body), 403, "not-permitted")


@dataclass(frozen=True)
class Grown:
    """Writes many tickets into the escalator's copy, as their events would: open for an hour each, one a minute."""

    count: int
    first: int = 1_000_000
    sql: bool = field(default=True, init=False)

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        fill(tx.connection, self.first, self.count)


def fill(connection: Connection, first: int, count: int) -> None:
    def copies() -> Iterator[TicketCopy]:
        for number in range(first, first + count):
            opened = DAWN + timedelta(minutes=number - first)
            for version, (after, status) in enumerate(((timedelta(), "open"), (HOUR, "resolved")), 1):
                phase = Phase(since=opened + after, status=status, priority="low", assignee=None)
                yield TicketCopy(number=number, version=version, event="e", imported=True, created_at=opened, phase=phase)

    save(connection, {}, (), copies())


LONG = {"policy": {"name": "a", "levels": [{"after": "30m"}]}, "since": MARCH["since"], "until": "2026-11-01T00:00:00Z"}
SHORT = {**LONG, "until": "2026-03-01T00:00:01Z"}


async def begun(there: Escalation) -> tuple["asyncio.Task[httpx2.Response]", httpx2.Response]:
    """Return a long simulation that is under way, and what somebody was told who asked meanwhile."""
    long = asyncio.create_task(there.admin.post(SIMULATE, json=LONG, timeout=240))
    while (answer := await there.admin.post(SIMULATE, json=SHORT)).is_success:  # it was there before the long one
        if long.done():
            refused(long.result(), 503, "unavailable")
            long = asyncio.create_task(there.admin.post(SIMULATE, json=LONG, timeout=240))
    return long, answer


@pytest.mark.timeout(300)
async def test_one_runs_at_a_time_and_others_of_the_desk_are_served_meanwhile(tmp_path: Path) -> None:
    async with escalation(tmp_path) as there:
        await there.desk.house.running("escalator").writer.execute(Grown(15_000))
        long, answer = await begun(there)
        refused(answer, 503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        for _ in range(3):
            good(await there.admin.get(POLICIES))
        assert not long.done(), "It took so little time that nothing was tried."
        found = good(await long)
        assert (found["total"], len(found["tickets"]), len(found["only_new"])) == (15_000, 15_000, 15_000)


@pytest.mark.timeout(300)
async def test_it_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    async with escalation(tmp_path) as there:
        await there.desk.house.running("escalator").writer.execute(Grown(15_000))
        long, _ = await begun(there)
        long.cancel()
        await asyncio.wait([long])

        async def gone() -> bool:
            lines = (await there.admin.get("/metrics")).text.splitlines()
            return any(SIMULATE in line and 'status="499"' in line for line in lines)  # the long one, which else would be a 200

        await soon(gone)
        assert (await there.admin.post(SIMULATE, json=SHORT)).is_success


@contextlib.contextmanager
def filled(directory: Path, count: int) -> Iterator[Store]:
    store = Store(f"sqlite:///{directory / f'{count}.sqlite3'}")
    with store.writing.begin() as connection:
        DERIVED.create_all(connection)
        fill(connection, 1, count)
    yield store
    store.close()


QUESTION = Question(Policy(name="a", levels=(Level(after="30m"),)), (), DAWN - HOUR, datetime(2026, 12, 1, tzinfo=UTC))


async def test_given_up_it_reads_no_further(tmp_path: Path) -> None:
    with filled(tmp_path, 20_000) as store:
        pages = 0
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def read() -> Any:
            nonlocal pages
            pages += 1
            loop.call_soon_threadsafe(begun.set)
            return store.read()

        simulator = Simulator(read)
        with pytest.raises(GivenUp):
            await simulator.run(QUESTION, begun.wait)

        async def free() -> bool:
            try:
                (await simulator.run(Question(QUESTION.policy, (), DAWN, DAWN))).close()
            except Unavailable:
                return False
            return True

        await soon(free)
        assert pages < 100


def peak(run: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_what_is_found(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 15_000):
        with filled(tmp_path, count) as store:
            peaks.append(peak(lambda: simulate(store.read, QUESTION, lambda: None).close()))
    few, many = peaks
    assert many - few < 2**20, "15,000 escalations take several times as much, as what is written of them does."

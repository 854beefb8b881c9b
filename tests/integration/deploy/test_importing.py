"""A whole log goes through the services, and the desk holds what the file tells: nothing more, nothing twice, and nobody heard of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from benchmarks.incident_file import write_log
from benchmarks.incident_log import people, read_log
from benchmarks.incident_truth import Entry, truth
from chassis import secrets
from deploy.importing import servicenow
from deploy.importing.history import Change
from deploy.importing.sending import PATIENCE, Result, Sending
from deploy.importing.spool import Placed, Spool
from deploy.operator import Away, Operator
from deploy.refusal import Refusal
from events.contracts import CATALOGUE
from events.envelope import StoredEvent
from events.store import log_head
from events.store import read_log as read_events
from notifier.tables import notifications
from tests.support.house import House, house
from tickets.tables import people as people_table

SERVICES = ("auth", "tickets", "notifier", "escalator")


class Interrupted(Exception):
    """Somebody has pressed Ctrl-C."""


@dataclass
class There:
    """The desk, and what was reported of an import into it."""

    house: House
    reports: list[tuple[int, str]] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    async def bring(self, file: Path, *, rows: int | None = None, pause: Callable[[float], None] | None = None) -> Result:
        """Bring a file in, as the command does; with `rows`, interrupted after so many. Returns what came of it."""
        return await asyncio.to_thread(self._bring, file, rows, pause)

    def _bring(self, file: Path, rows: int | None, pause: Callable[[float], None] | None) -> Result:
        operator = Operator({name: self.house.url(name) for name in SERVICES}, secrets.ensure(self.house.settings.secrets_dir, "operator"))
        with operator, Spool() as spool, file.open("rb") as opened:
            for item in servicenow.read(opened):
                assert isinstance(item, Change), item
                spool.add(item)
            sending = Sending(
                desk=operator, source="there", report=lambda line, what: self.reports.append((line, what)), away=self.waits.append
            )
            if pause is not None:
                sending.pause = pause
            try:
                sending.people(spool.people(), lambda _: None)
                sending.changes(cut(spool.changes(), rows), lambda _: None)
            except Interrupted:
                pass
            return sending.result

    def log(self, service: str) -> list[StoredEvent]:
        with self.house.running(service).store.read() as connection:
            return read_events(connection, 0, 100_000)

    def heads(self) -> dict[str, int]:
        found = {}
        for name in SERVICES:
            with self.house.running(name).store.read() as connection:
                found[name] = log_head(connection).sequence
        return found

    def names(self) -> dict[str, str]:
        with self.house.running("tickets").store.read() as connection:
            return {row.id: row.name for row in connection.execute(select(people_table))}

    def notified(self) -> int:
        with self.house.running("notifier").store.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(notifications)) or 0)


def cut(changes: Iterable[Placed], after: int | None) -> Iterator[Placed]:
    for count, change in enumerate(changes):
        if count == after:
            raise Interrupted
        yield change


def histories(log: Iterable[StoredEvent], names: dict[str, str]) -> dict[str, list[Entry]]:
    """Return what the log tells of each incident, in the words of the truth."""
    found: dict[str, list[Entry]] = {}
    incidents: dict[str, str] = {}
    for stored in log:
        event: Any = stored.decode(CATALOGUE)
        if stored.type == "ticket.created":
            incidents[stored.subject] = event.title.partition(":")[0]
            before = after = None
        else:
            (before,), (after,) = event.before.values(), event.after.values()
            if "assign" in stored.type:
                before, after = (name and names[name] for name in (before, after))
        entry = Entry(stored.type.replace(".", "_"), names[stored.actorid], before, after)
        found.setdefault(incidents[stored.subject], []).append(entry)
    return found


@asynccontextmanager
async def desk(directory: Path) -> AsyncIterator[There]:
    async with house(directory, *SERVICES) as running:
        yield There(running)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_log(tmp_path / "log.csv", incidents=40, people=6, seed=11)
    return tmp_path / "log.csv"


async def test_the_desk_holds_what_the_file_tells_with_its_times_and_nobody_has_heard_of_it(tmp_path: Path, file: Path) -> None:
    rows = read_log(file)
    expected, everybody = truth(rows), people(rows)
    async with desk(tmp_path) as there:
        result = await there.bring(file)
        await there.house.settled()
        log = there.log("tickets")
        assert (result.rows, result.known, result.broken, len(result.tickets)) == (len(rows), 0, 0, 40)
        assert result.events == len(log) == sum(expected.actions.values())
        assert histories(log, there.names()) == {name: incident.history for name, incident in expected.incidents.items()}
        assert all(stored.imported for stored in log)
        changed = [stored.time for stored in log if stored.type != "ticket.created"]
        assert changed == sorted(changed)
        assert {stored.time for stored in log} <= {row.at.strftime("%Y-%m-%dT%H:%M:%S.000000Z") for row in rows} | {
            stored.time for stored in log if stored.type == "ticket.created"
        }

        accounts = {event.name: event for stored in there.log("auth") if (event := stored.decode(CATALOGUE))}
        assert set(accounts) == {*everybody.callers, *everybody.admins}
        assignees = {row.assignee for row in rows if row.assignee is not None}
        assert {name for name, event in accounts.items() if event.role == "admin"} == assignees
        assert not any(event.can_sign_in for event in accounts.values())

        assert there.notified() == 0
        assert Counter(stored.type for stored in there.log("escalator")) == {"escalation.policy_changed": 1}
        assert there.log("notifier") == []


async def test_a_second_import_adds_nothing_and_so_do_two_at_once(tmp_path: Path, file: Path) -> None:
    async with desk(tmp_path) as there:
        first, second = await asyncio.gather(there.bring(file), there.bring(file))
        heads = there.heads()
        again = await there.bring(file)
        assert there.heads() == heads
        total = len(read_log(file))
        assert first.rows + second.rows == total
        assert first.known + second.known == again.known == total
        assert (again.rows, again.events, again.people, again.broken) == (0, 0, 0, 0)
        log = there.log("tickets")
        assert len(log) == first.events + second.events == sum(truth(read_log(file)).actions.values())


async def test_an_import_that_was_interrupted_goes_on_where_it_was(tmp_path: Path, file: Path) -> None:
    rows = read_log(file)
    async with desk(tmp_path) as there:
        broken_off = await there.bring(file, rows=len(rows) - 70)
        assert 0 < broken_off.rows < len(rows)
        rest = await there.bring(file)
        assert (rest.known, rest.rows) == (broken_off.rows, len(rows) - broken_off.rows)
        await there.house.settled()
        assert histories(there.log("tickets"), there.names()) == {
            name: incident.history for name, incident in truth(rows).incidents.items()
        }


def first_half(file: Path) -> Path:
    """Write the log as it was earlier: the rows up to some moment."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    with file.open("rb") as opened:
        changes = [item for item in servicenow.read(opened) if isinstance(item, Change)]
    middle = sorted(change.at for change in changes)[len(changes) // 2]
    earlier = file.with_name("earlier.csv")
    earlier.write_text(lines[0] + "".join(lines[change.line - 1] for change in changes if change.at <= middle), encoding="utf-8")
    return earlier


async def test_a_log_that_has_grown_adds_what_is_new_in_it(tmp_path: Path, file: Path) -> None:
    async with desk(tmp_path) as there:
        first = await there.bring(first_half(file))
        second = await there.bring(file)
        assert first.rows > 0
        assert (second.known, second.rows + first.rows) == (first.rows, len(read_log(file)))
        assert there.reports == []
        await there.house.settled()
        assert histories(there.log("tickets"), there.names()) == {
            name: incident.history for name, incident in truth(read_log(file)).incidents.items()
        }


async def test_a_service_that_restarts_is_waited_for_and_one_that_is_gone_is_given_up(tmp_path: Path, file: Path) -> None:
    async with desk(tmp_path) as there:
        loop = asyncio.get_running_loop()
        await there.house.stop("tickets")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                asyncio.run_coroutine_threadsafe(there.house.start(*there.house._services["tickets"]), loop).result(60)

        result = await there.bring(file, pause=pause)
        assert result.rows == len(read_log(file))
        assert len(there.waits) == 1
        assert "does not answer" in there.waits[0]

        await there.house.stop("auth")
        given: list[float] = []
        with pytest.raises(Away):
            await there.bring(file, pause=given.append)
        assert PATIENCE <= sum(given) < PATIENCE + 10
        assert isinstance(Away("x"), Refusal)


def only_row(file: Path, **values: str) -> None:
    """Leave one row in the log, with these values."""
    head, first, *_ = file.read_text(encoding="utf-8").splitlines()
    row = dict(zip(head.split(","), first.split(","), strict=True)) | values
    file.write_text(f"{head}\n{','.join(row.values())}\n", encoding="utf-8")


async def test_who_cannot_have_an_account_keeps_out_only_the_rows_that_name_them(tmp_path: Path, file: Path) -> None:
    rows = read_log(file)
    unnameable = "Updated by " + "9" * 120
    await asyncio.to_thread(replace_name, file, "Updated by 2", unnameable)
    named = sum(row.by == "Updated by 2" for row in rows)
    async with desk(tmp_path) as there:
        result = await there.bring(file)
        assert 0 < named < len(rows)
        assert (result.broken, result.rows) == (named, len(rows) - named)
        assert {what.partition(":")[0] for _, what in there.reports} == {f"names {unnameable!r}, for whom there can be no account"}


def replace_name(file: Path, name: str, other: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(f",{name},", f",{other},"), encoding="utf-8")


async def test_a_time_before_the_opening_is_raised_to_it_and_reported(tmp_path: Path, file: Path) -> None:
    only_row(file, opened_at="01-03-2016 10:00", sys_updated_at="01-03-2016 09:00", incident_state="Active", assigned_to="?")
    async with desk(tmp_path) as there:
        result = await there.bring(file)
        assert (result.rows, result.raised) == (1, 1)
        assert there.reports == [(2, "stood before the opening of its ticket, and was raised to it")]
        assert [stored.time for stored in there.log("tickets")] == ["2016-03-01T10:00:00.000000Z"] * 2
        again = await there.bring(file)
        assert (again.known, again.raised) == (1, 0)

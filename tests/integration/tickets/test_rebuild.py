"""What is derived can be made anew: after a busy time, every derived table equals, row for row, one that is filled from the beginning."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, func, select, text

from events.projections import Projection
from tests.integration.tickets.conftest import Desk, good, running_desk
from tickets.auditing import Audit
from tickets.history import HISTORY, History
from tickets.journal import JournalFeed
from tickets.people import People
from tickets.projections import Desk as DeskProjection
from tickets.tables import AUDIT, DESK, PEOPLE, journal, tickets

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")

Tables = dict[str, list[Any]]


async def busy_day(desk: Desk) -> None:
    """Everything that can happen to tickets, much of it at once."""
    opened = await asyncio.gather(*(desk.open(client, title=f"Case {n}") for n, client in enumerate([desk.anna, desk.ben, desk.ada] * 8)))
    await asyncio.gather(*(desk.put(ticket, "status", "in_progress") for ticket in opened[::2]))
    await asyncio.gather(*(desk.put(ticket, "assignee", desk.ids["alf"]) for ticket in opened[::3]))
    await asyncio.gather(*(desk.put(ticket, "priority", "urgent") for ticket in opened[::4]))
    await asyncio.gather(*(desk.put(ticket, "assignee", None) for ticket in opened[::6]))
    await asyncio.gather(*(desk.ada.post(f"/api/tickets/{ticket['id']}/notes", json={"body": "Hm."}) for ticket in opened[::5]))
    for n in range(3):
        await asyncio.gather(*(desk.anna.patch(f"/api/tickets/{ticket['id']}", json={"title": f"Retold {n}"}) for ticket in opened[::3]))
    await asyncio.gather(*(desk.put(ticket, "status", "resolved") for ticket in opened[::7]))
    await desk.house.settled()


def rows_of(connection: Connection) -> Tables:
    """Every row of every derived table, and every word of the search index with its place."""
    found: Tables = {}
    for metadata in (DESK, HISTORY, PEOPLE, AUDIT):
        for table in metadata.sorted_tables:
            found[table.name] = [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
    connection.execute(text("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, ticket_search, instance)"))
    found["words"] = [tuple(row) for row in connection.execute(text('SELECT term, doc, col, "offset" FROM temp.words ORDER BY 1, 2, 3, 4'))]
    return found


def live(desk: Desk) -> Tables:
    engine = create_engine(f"sqlite:///{desk.house.settings.data_dir / 'tickets.sqlite3'}", module=pysqlite3)
    with engine.connect() as connection:
        found = rows_of(connection)
    engine.dispose()
    return found


def rebuilt(desk: Desk, step: int) -> Tables:
    """The tables in a new store, filled from the journal, `step` events at a time."""
    engine = create_engine("sqlite://", module=pysqlite3)
    projections: list[Projection] = [DeskProjection(), History(), People(), Audit()]
    feed = JournalFeed()
    with engine.begin() as target:
        for projection in projections:
            projection.metadata.create_all(target)
        at = 0
        with desk.house.running("tickets").store.read() as source:
            while items := feed.read(source, at, step):
                for projection in projections:
                    projection.apply(target, items)
                at = items[-1][0]
        found = rows_of(target)
    engine.dispose()
    return found


async def test_every_derived_table_equals_one_that_is_filled_anew(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await busy_day(desk)
        there = live(desk)
        assert len(there["tickets"]) == 24
        assert there == rebuilt(desk, 1_000_000)
        assert there == rebuilt(desk, 7)
        with desk.house.running("tickets").store.read() as connection:
            positions = connection.execute(select(func.count(), func.max(journal.c.position))).one()
        assert positions[0] == positions[1]


async def test_a_new_version_of_a_projection_is_filled_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_desk(tmp_path) as desk:
        await busy_day(desk)
        before = live(desk)
        for projection in (DeskProjection, History, People, Audit):
            monkeypatch.setattr(projection, "version", projection.version + 1)
        await desk.house.restart("tickets")
        assert live(desk) == before
        good(await desk.ada.get("/api/tickets"))


async def test_counts_are_what_counting_gives(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await busy_day(desk)
        with desk.house.running("tickets").store.read() as connection:
            rows = connection.execute(select(tickets)).all()
        for client, name in ((desk.ada, "ada"), (desk.alf, "alf")):
            counted = {status: sum(row.status == status for row in rows) for status in ("open", "in_progress", "resolved")}
            counted["escalated"] = 0
            counted["unassigned"] = sum(row.assignee is None for row in rows)
            counted["assigned_to_me"] = sum(row.assignee == desk.ids[name] for row in rows)
            assert good(await client.get("/api/tickets/counts")) == counted
        for client, name in ((desk.anna, "anna"), (desk.ben, "ben")):
            mine = [row for row in rows if row.requester == desk.ids[name]]
            counted = {status: sum(row.status == status for row in mine) for status in ("open", "in_progress", "resolved")}
            assert good(await client.get("/api/tickets/counts")) == {**counted, "escalated": 0}

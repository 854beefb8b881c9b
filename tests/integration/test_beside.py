"""Derived tables are built a second time beside those in use, in every service; what differs there is put right, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select, text
from sqlalchemy.pool import StaticPool

from chassis.rebuilds import Rebuilds
from chassis.service import Running
from events.beside import Comparison, beside, step
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from events.errors import Conflict, NotFound
from events.materials import NotInUse
from events.store import SQLITE
from tests.integration.tickets.conftest import Desk, good, running_desk

rows_by_key = st.dictionaries(st.integers(1, 12), st.sampled_from("abc"), max_size=12)
SERVICES = ("auth", "tickets", "notifier", "escalator")
SPOILED = [
    ("auth", "users", "UPDATE users SET role = 'admin' WHERE name = 'User A'"),
    ("tickets", "desk", "UPDATE tickets SET status = 'resolved' WHERE id = 1"),
    ("tickets", "desk", "DELETE FROM tickets WHERE id = 2"),
    ("tickets", "desk", "UPDATE ticket_counts SET open = open + 7"),
    ("tickets", "desk", "INSERT INTO notes VALUES ('never', 1, 'nobody', '2026-01-01T00:00:00.000000Z', 'never written', 1)"),
    ("tickets", "history", "UPDATE ticket_states SET priority = 'low' WHERE ticket = 1 AND version = 1"),
    ("tickets", "history", "DELETE FROM ticket_states WHERE ticket = 2"),
    ("tickets", "history", "UPDATE ticket_quarters SET opened = opened + 1"),
    ("tickets", "people", "DELETE FROM people"),
    ("tickets", "audit", "UPDATE audit SET actor_id = 'somebody else' WHERE position = 3"),
    ("notifier", "people", "UPDATE people SET active = NOT active"),
    ("escalator", "deadlines", "UPDATE deadlines SET shown = 'cancelled'"),
    ("escalator", "deadlines", "DELETE FROM ticket_copies WHERE number = 1"),
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk of all services at which something has happened that every derived table tells of."""
    async with running_desk(tmp_path_factory.mktemp("beside"), *SERVICES) as desk:
        first, second = [await desk.open(client) for client in (desk.anna, desk.ben)]
        good(await desk.put(first, "assignee", desk.ids["alf"]))
        good(await desk.put(second, "priority", "urgent"))
        good(await desk.ada.post(f"/api/tickets/{first['id']}/notes", json={"body": "Called her."}), 201)
        await desk.house.settled()
        yield desk


@dataclass(frozen=True)
class Says:
    """Runs one statement, as a bug or a stranger did."""

    statement: str
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> int:
        return int(tx.connection.execute(text(self.statement)).rowcount)


def rows(live: Running, tables: Sequence[Table]) -> dict[str, list[Any]]:
    with live.store.read() as connection:
        return {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in tables}


def tables_of(live: Running, name: str) -> Sequence[Table]:
    return next(each for each in live.rebuilds.materials() if each.name == name).tables


def by() -> Context:
    return Context(actor=Actor(kind="system", id="operator"), at=datetime.now(UTC))


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def names(live: Running) -> list[str]:
    return [each.name for each in live.rebuilds.materials()]


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_right_is_found_equal_and_left_alone(busy: Desk, service: str) -> None:
    live = busy.house.running(service)
    for name in names(live):
        before = rows(live, tables_of(live, name))
        report = await live.rebuilds.rebuild(name, by())
        assert (report["projection"], report["equal"], report["mended"]) == (name, True, 0)
        assert {table: report["tables"][table]["rows"] for table in before} == {table: len(found) for table, found in before.items()}
        assert rows(live, tables_of(live, name)) == before


@pytest.mark.parametrize(("service", "name", "statement"), SPOILED)
async def test_what_is_wrong_is_named_and_put_right(busy: Desk, service: str, name: str, statement: str) -> None:
    live = busy.house.running(service)
    before = rows(live, tables_of(live, name))
    spoiled = await live.writer.execute(Says(statement))
    assert spoiled > 0, "There is something to spoil."
    assert rows(live, tables_of(live, name)) != before
    report = await live.rebuilds.rebuild(name, by())
    assert report["equal"] is True
    assert report["mended"] == sum(found["differed"] for found in report["tables"].values()) == spoiled
    after = rows(live, tables_of(live, name))
    if name == "audit":
        after["audit"].pop()  # the mending itself
    assert after == before


async def test_what_was_put_right_stands_in_the_audit(busy: Desk) -> None:
    live = busy.house.running("tickets")
    await live.writer.execute(Says("UPDATE ticket_counts SET resolved = resolved + 3"))
    mended = (await live.rebuilds.rebuild("desk", by()))["mended"]
    (entry,) = good(await busy.ada.get("/api/audit?action=projection_rebuilt&limit=1"))["items"]
    assert (entry["entity"], entry["actor"]["id"]) == ({"type": "store", "id": "tickets"}, "operator")
    assert mended > 0


async def test_nothing_is_built_of_what_was_not_recorded(busy: Desk) -> None:
    live = busy.house.running("tickets")
    with live.store.read() as connection:
        (data,) = connection.execute(text("SELECT data FROM events WHERE sequence = 2")).one()
    forged = "UPDATE events SET data = :data WHERE sequence = 2"
    with closing(SQLITE.connect(str(live.store.url.database))) as stranger:
        guards = stranger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'").fetchall()
        try:
            for name, _ in guards:
                stranger.execute(f"DROP TRIGGER {name}")
            stranger.execute(forged, {"data": data.replace(b"{", b"{ ", 1)})
            stranger.commit()
            with pytest.raises(NotInUse, match="Event 2 of /tickets is not what was recorded"):
                await live.rebuilds.rebuild("desk", by())
        finally:
            stranger.execute(forged, {"data": data})
            for _, guard in guards:
                stranger.execute(guard)
            stranger.commit()
    assert (await live.rebuilds.rebuild("desk", by()))["equal"] is True


@for_all(built=rows_by_key, used=rows_by_key)
def test_whatever_differs_on_either_side_is_found(built: dict[int, str], used: dict[int, str]) -> None:
    table = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("what", String))
    engine = create_engine("sqlite://", module=SQLITE, poolclass=StaticPool)
    with patch("events.beside._PAGE", 3), engine.connect() as connection:
        connection.exec_driver_sql("ATTACH ':memory:' AS live")
        for schema, rows_ in (("main", built), ("live", used)):
            connection.exec_driver_sql(f"CREATE TABLE {schema}.things (id INTEGER PRIMARY KEY, what TEXT)")
            for row in rows_.items():
                connection.exec_driver_sql(f"INSERT INTO {schema}.things VALUES (?, ?)", row)
        comparison = Comparison()
        found = [each for some in comparison.differences(connection, table) for each in some]
    engine.dispose()
    meant = {(key, built.get(key), used.get(key)) for key in built | used if built.get(key) != used.get(key)}
    assert {((each.built or each.used or ())[0], *(side and side[1] for side in each)) for each in found} == meant
    assert (comparison.rows, comparison.differing) == (len(built), len(meant))
    assert (comparison.built == comparison.used) == (built == used)


async def test_words_that_were_found_before_are_found_after_a_row_came_back(busy: Desk) -> None:
    live = busy.house.running("tickets")
    ticket = await busy.open(title="A quetzal sits on the router")
    await live.writer.execute(Says(f"UPDATE tickets SET title = 'no bird' WHERE id = {ticket['id']}"))
    assert (await live.rebuilds.rebuild("desk", by()))["mended"] == 1
    assert await titles(busy, "quetzal") == ["A quetzal sits on the router"]


async def test_an_index_that_lost_its_words_has_them_again(busy: Desk) -> None:
    live = busy.house.running("tickets")
    await busy.open(title="A heron sits on the switch")
    await live.writer.execute(Says("INSERT INTO ticket_search (ticket_search) VALUES ('delete-all')"))
    assert await titles(busy, "heron") == []
    report = await live.rebuilds.rebuild("desk", by())
    assert (report["equal"], report["mended"]) == (True, 0)
    assert report["tables"]["ticket_search"]["differed"] > 0
    assert await titles(busy, "heron") == ["A heron sits on the switch"]


async def titles(desk: Desk, typed: str) -> list[str]:
    return [each["title"] for each in good(await desk.anna.get(f"/api/tickets?q={typed}"))["items"]]


async def test_the_desk_works_on_meanwhile(busy: Desk) -> None:
    live = busy.house.running("tickets")
    await live.writer.execute(Says("UPDATE tickets SET priority = 'low' WHERE id = 2"))
    opening = asyncio.gather(*(busy.open(title=f"Meanwhile {number}") for number in range(40)))
    report = await live.rebuilds.rebuild("desk", by())
    opened = await opening
    assert report["equal"] is True
    after = await live.rebuilds.rebuild("desk", by())
    assert (after["equal"], after["mended"]) == (True, 0)
    shown = [good(await busy.ada.get(f"/api/tickets/{ticket['id']}")) for ticket in opened]
    assert [ticket["title"] for ticket in shown] == [ticket["title"] for ticket in opened]


async def test_only_one_is_built_at_a_time_and_only_what_there_is(busy: Desk) -> None:
    live = busy.house.running("tickets")
    with pytest.raises(NotFound, match=r"There is: desk, history, people, audit"):
        await live.rebuilds.rebuild("desks", by())
    both = await asyncio.gather(live.rebuilds.rebuild("desk", by()), live.rebuilds.rebuild("audit", by()), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == [Conflict.__name__, "dict"]


async def test_what_is_built_is_in_no_file_with_a_name_and_the_store_cannot_be_written_from_there(busy: Desk, tmp_path: Path) -> None:
    live = busy.house.running("tickets")
    with beside(live.store, tmp_path) as connection:
        assert not files(tmp_path)
        with step(connection), pytest.raises(Exception, match="readonly"):
            connection.exec_driver_sql("DELETE FROM tickets")
    await Rebuilds(live).rebuild("desk", by())
    assert not files(busy.house.settings.data_dir / "run")

"""Whatever is derived can be made anew, in every service: every table of every store is of one kind, and no derived one is left out."""

import importlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, create_engine, delete, inspect, select, text

from chassis.service import Running
from chassis.tables import CHASSIS
from events.decider import Key, Transaction
from events.erasures import ERASURES, erasure_of
from events.ledger_tables import LEDGER
from events.rebuilding import rebuild
from events.replay import replay
from events.tables import LOG
from tests.integration.tickets.conftest import Desk, good, running_desk
from tests.support.house import eventually
from tickets.search import NAME as SEARCH

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")

SERVICES = ("auth", "tickets", "notifier", "escalator")

Rows = dict[str, list[Any]]


@pytest.fixture(scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk of all services at which something has happened that every derived table tells of."""
    async with running_desk(tmp_path_factory.mktemp("derived"), *SERVICES) as desk:
        first, second = [await desk.open(client) for client in (desk.anna, desk.ben)]
        good(await desk.put(first, "assignee", desk.ids["alf"]))
        good(await desk.put(first, "status", "resolved"))
        good(await desk.put(second, "priority", "urgent"))
        good(await desk.ada.post(f"/api/tickets/{first['id']}/notes", json={"body": "Called her."}), 201)
        async with desk.house.client("auth", cookies={"sid": desk.ada.cookies["sid"]}) as admin:
            good(await admin.patch(f"/api/auth/users/{desk.ids['ben']}", json={"role": "admin"}))
            gone = await desk.open(desk.anna, title="What is gone")
            good(await desk.ada.post(f"/api/tickets/{gone['id']}/notes", json={"body": "Of her."}), 201)
            good(await admin.post(f"/api/auth/users/{desk.ids['anna']}/erase", json={"email": "usera@example.com"}), 202)
            await eventually(lambda: all(_has_erased(desk, service) for service in SERVICES), 60)
        await desk.house.settled()
        yield desk


def _has_erased(desk: Desk, service: str) -> bool:
    with desk.house.running(service).store.read() as connection:
        erasure = erasure_of(connection, desk.ids["anna"])
    return erasure is not None and erasure.done_at is not None


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Emptied:
    """Empties derived tables."""

    tables: Sequence[Table]
    sql: bool = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        for table in self.tables:
            tx.connection.execute(delete(table))


def projected(live: Running) -> list[MetaData]:
    return [projection.metadata for _, following in live.writer.followers.feeds for projection in following]


def consumed(live: Running) -> list[Table]:
    return [table for subscription in live.parts.subscriptions for table in subscription.tables]


def rows(connection: Connection, tables: Sequence[Table]) -> Rows:
    return {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))] for table in tables}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_is_of_one_kind(busy: Desk, service: str) -> None:
    """What is neither declared as primary or housekeeping nor filled by a projection or a subscription would be rebuilt by nobody."""
    live = busy.house.running(service)
    own = importlib.import_module(f"{service}.tables")
    kept = [getattr(own, name) for name in ("PRIMARY", "HOUSEKEEPING") if hasattr(own, name)]
    derived = [*(name for metadata in projected(live) for name in metadata.tables), *(table.name for table in consumed(live))]
    known = [*(name for metadata in (LOG, LEDGER, CHASSIS, ERASURES, *kept) for name in metadata.tables), *derived]
    assert len(known) == len(set(known)), "A table is of two kinds."
    with live.store.read() as connection:
        there = {name for name in inspect(connection).get_table_names() if not name.startswith((SEARCH, "revision_of_"))}
    assert there == set(known)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_projection_equals_one_that_is_filled_anew(busy: Desk, service: str) -> None:
    live = busy.house.running(service)
    for feed, following in live.writer.followers.feeds:
        for projection in following:
            tables = projection.metadata.sorted_tables
            engine = create_engine("sqlite://", module=pysqlite3)
            with live.store.read() as source, engine.begin() as target:
                replay(source, feed, projection, target, step=3)
                there = rows(source, tables)
                assert all(there.values()), f"{projection.name} has an empty table: nothing is compared."
                assert rows(target, tables) == there
            engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
async def test_what_consumers_fill_equals_what_is_filled_anew(busy: Desk, service: str) -> None:
    live = busy.house.running(service)
    for subscription in live.parts.subscriptions:
        assert bool(subscription.derived) == bool(subscription.tables), "What fills tables names them, or no rebuild would empty them."
        if subscription.derived:
            with live.store.read() as connection:
                before = rows(connection, subscription.tables)
            assert all(before.values()), f"A table from {subscription.source} is empty: nothing is compared."
            await live.writer.execute(Emptied(tuple(reversed(subscription.tables))))
            await rebuild(writer=live.writer, store=live.store, own=live.service.source, subscription=subscription, feed=live.peers.feed)
            with live.store.read() as connection:
                assert rows(connection, subscription.tables) == before


async def test_an_erased_person_is_in_no_row_that_is_derived(busy: Desk) -> None:
    """Their tickets, what was noted on them, and the words to search by: what is live was blanked, and what is rebuilt has nothing else."""
    live = busy.house.running("tickets")
    with live.store.read() as connection:
        theirs = connection.execute(text("SELECT id, title, body FROM tickets WHERE requester = :anna"), {"anna": busy.ids["anna"]}).all()
        told = connection.execute(text("SELECT DISTINCT ticket, body FROM notes ORDER BY ticket")).all()
        words = connection.execute(text("SELECT rowid FROM ticket_search WHERE ticket_search MATCH 'gone OR printer'")).scalars().all()
        names = connection.execute(text("SELECT name, email, matchable FROM people WHERE id = :anna"), {"anna": busy.ids["anna"]}).all()
    assert {(title, body) for _, title, body in theirs} == {("", "")}
    assert {body for _, body in told} == {""}
    assert names == [(None, None, "")]
    assert words, "There are other people's printers."
    assert not {number for number, _, _ in theirs} & set(words)

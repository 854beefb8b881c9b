"""Deadlines are derived: filled anew from the tickets' feed and the own log, they are the same, row for row, and nothing is asked again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import and_, create_engine, delete, func, inspect, or_, select, update

from escalator.tables import deadlines, ticket_copies, ticket_phases
from events.decider import Key, Transaction
from events.forms import note_form
from events.rebuilding import rebuild
from events.store import log_head
from events.tables import consumed, origins
from events.times import to_text
from tests.integration.escalator.conftest import Escalation, escalation, soon
from tests.integration.tickets.conftest import good
from tests.support.house import declared

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")

DAY: dict[str, Any] = {"name": "default", "levels": [{"after": "24h"}]}
SOON: dict[str, Any] = {"name": "soon", "levels": [{"after": "1s"}, {"after": "2s"}, {"after": "3d"}]}
URGENT: dict[str, Any] = {"name": "urgent", "levels": [{"after": "1s"}], "when": {"priority": ["urgent"]}}


async def busy_time(there: Escalation) -> None:
    """Policies come, change and go while tickets are opened, worked at, escalated and resolved."""
    tickets = [await there.desk.open(priority=priority) for priority in ("normal", "urgent", "low") * 3]
    good(await there.set(DAY, SOON, URGENT, apply_to_past=True))
    for number, ticket in enumerate(tickets):
        if number % 3 == 2:
            good(await there.desk.put(ticket, "status", "in_progress"))
    await there.escalated(tickets[0], level=2)
    await there.escalated(tickets[1], level=2)
    good(await there.set({**DAY, "levels": [{"after": "48h"}]}, {**SOON, "levels": SOON["levels"][:1]}))
    tickets += [await there.desk.open() for _ in range(3)]
    good(await there.desk.put(tickets[2], "status", "open"))
    good(await there.desk.put(tickets[3], "status", "resolved"))
    good(await there.desk.put(tickets[4], "priority", "high"))
    good(await there.set({**DAY, "levels": [{"after": "1s"}]}, SOON, URGENT))
    await there.escalated(tickets[-1])
    await there.desk.house.settled()


def rows(there: Escalation) -> dict[str, list[Any]]:
    with there.desk.house.running("escalator").store.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in (ticket_copies, deadlines, ticket_phases)
        }


def head(there: Escalation) -> int:
    with there.desk.house.running("escalator").store.read() as connection:
        return log_head(connection).sequence


class Damage:
    """Makes the derived tables wrong: a ticket is forgotten, and every deadline is ready."""

    sql = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        tx.connection.execute(delete(ticket_copies).where(ticket_copies.c.number == 1))
        tx.connection.execute(update(deadlines).values(state="waiting", ready=True, due_at="2999-01-01T00:00:00.000000Z"))


def forget(there: Escalation) -> None:
    """Empty what is derived, and the place in the feed that it stands for."""
    engine = create_engine(f"sqlite:///{there.desk.house.settings.data_dir / 'escalator.sqlite3'}", module=pysqlite3)
    with engine.begin() as connection:
        for table in (deadlines, ticket_copies, ticket_phases, consumed, origins):
            connection.execute(delete(table))
    engine.dispose()


def about_to_move(there: Escalation) -> bool:
    within_the_hour = to_text(datetime.now(UTC) + timedelta(hours=1))
    due = and_(deadlines.c.state == "waiting", deadlines.c.ready, deadlines.c.due_at < within_the_hour)
    with there.desk.house.running("escalator").store.read() as connection:
        return bool(connection.scalar(select(func.count()).where(or_(deadlines.c.state == "asked", due))))


async def at_rest(there: Escalation) -> dict[str, list[Any]]:
    """Wait until nothing is asked for that was not answered, nor will be within the hour, and return the rows."""

    async def resting() -> bool:
        before = rows(there), head(there)
        await there.desk.house.settled()
        return not about_to_move(there) and (rows(there), head(there)) == before

    await soon(resting)
    return rows(there)


async def test_deadlines_filled_anew_are_the_same_and_nothing_is_asked_again(tmp_path: Path) -> None:
    async with escalation(tmp_path) as there:
        await busy_time(there)
        before, asked = await at_rest(there), head(there)
        assert {row[4] for row in before["deadlines"]} == {"waiting", "fired", "cancelled"}

        live = there.desk.house.running("escalator")
        (subscription,) = [each for each in live.parts.subscriptions if each.tables]
        await live.writer.execute(Damage())
        assert rows(there) != before
        await rebuild(writer=live.writer, store=live.store, own="/escalator", subscription=subscription, feed=live.peers.feed)
        assert rows(there) == before

        await there.desk.house.stop("escalator")
        forget(there)
        await there.desk.house.start(declared("escalator"))
        await there.desk.house.settled()
        assert rows(there) == before
        assert head(there) == asked


async def test_a_store_of_the_version_before_is_made_anew_at_its_first_start(tmp_path: Path) -> None:
    """It knows tickets as they are, and nothing of how they came to be so."""
    async with escalation(tmp_path) as there:
        ticket = await there.desk.open()
        for status in ("in_progress", "open"):
            good(await there.desk.put(ticket, "status", status))
        await there.desk.house.settled()
        before = rows(there)
        assert [row[3] for row in before["ticket_phases"] if row[0] == ticket["id"]] == ["open", "in_progress", "open"]
        await there.desk.house.stop("escalator")
        engine = create_engine(f"sqlite:///{there.desk.house.settings.data_dir / 'escalator.sqlite3'}", module=pysqlite3)
        with engine.begin() as connection:
            ticket_phases.drop(connection)
            note_form(connection, "/tickets", 1)
        engine.dispose()
        await there.desk.house.start(declared("escalator"))
        await there.desk.house.settled()

        async def made() -> bool:
            with there.desk.house.running("escalator").store.read() as connection:
                return inspect(connection).has_table("ticket_phases")

        await soon(made)
        assert rows(there) == before

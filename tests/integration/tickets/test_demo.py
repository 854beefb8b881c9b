"""The demo's tickets, and what the desk does when the escalator says that a deadline is due."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from events.tables import events
from tests.integration.tickets.conftest import LOGINS, Desk, good, refused, running_desk
from tests.support.house import eventually


async def tell_the_demo(desk: Desk) -> Any:
    async with desk.house.peer("tickets") as peer, desk.house.peer("auth") as auth:
        users = good(await auth.post("/internal/demo"))
        return good(await peer.post("/internal/demo", json=users))


async def test_the_demo_is_told_once_by_the_people_themselves_and_as_imported(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        assert await tell_the_demo(desk) == {"tickets": 5}
        assert await tell_the_demo(desk) == {"tickets": 0}
        tickets = good(await desk.ada.get("/api/tickets"))["items"]
        assert {ticket["status"] for ticket in tickets} == {"open", "in_progress", "resolved"}
        assert {ticket["requester"]["email"] for ticket in tickets} == {f"user{letter}@example.com" for letter in "abcd"}
        assert len(good(await desk.anna.get("/api/tickets"))["items"]) == 2
        with desk.house.running("tickets").store.read() as connection:
            stored = connection.execute(select(events.c.imported, events.c.actorkind)).all()
        assert {tuple(row) for row in stored} == {(True, "user")}


async def test_the_demo_is_not_told_where_there_are_tickets(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.open()
        assert await tell_the_demo(desk) == {"tickets": 0}
        assert LOGINS.keys() == desk.ids.keys()


async def test_the_demo_is_for_the_desks_own_services(desk: Desk) -> None:
    refused(await desk.ada.post("/internal/demo", json={"users": {}}), 403, "not-permitted")


async def test_an_open_ticket_escalates_once_and_its_event_follows_from_the_deadlines(tmp_path: Path) -> None:
    async with running_desk(tmp_path, "auth", "tickets", "escalator", escalate_after="1s") as desk:
        ticket, resolved = await desk.open(), await desk.open()
        good(await desk.put(resolved, "status", "resolved"))
        store = desk.house.running("tickets").store

        def escalations() -> list[Any]:
            with store.read() as connection:
                return list(connection.execute(select(events).where(events.c.type == "ticket.escalated")))

        await eventually(lambda: bool(escalations()))
        await desk.house.settled()
        (event,) = escalations()
        assert (event.subject, event.actorkind, event.actorid) == (f"ticket/{ticket['id']}", "system", "tickets")
        with desk.house.running("escalator").store.read() as connection:
            due = connection.execute(select(events.c.id).where(events.c.type == "escalation.due")).scalars().all()
        assert event.causationid in due
        shown = good(await desk.ada.get(f"/api/tickets/{ticket['id']}"))
        assert (shown["escalated_at"], shown["escalation_level"], shown["version"]) == (event.time, 1, 1)
        assert [item["id"] for item in good(await desk.ada.get("/api/tickets?escalated=true"))["items"]] == [ticket["id"]]
        assert good(await desk.anna.get("/api/tickets/counts"))["escalated"] == 1
        good(await desk.put(ticket, "status", "resolved"))
        assert good(await desk.anna.get("/api/tickets/counts"))["escalated"] == 0

"""The past over HTTP: whose it is, what it says, and what cannot be asked of it."""

import asyncio
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from events.store import log_head
from events.tables import events, projections
from events.times import from_text, to_text
from tests.integration.tickets.conftest import Desk, Json, good, refused, running_desk
from tests.integration.tickets.test_lists import pages
from tests.support.house import eventually
from tickets.history import History
from tickets.tables import people

PRESENT = "2999-01-01T00:00:00Z"
"""A time that nobody's clock has reached: as of then, things are as they are."""


def filled(desk: Desk) -> bool:
    """Whether the tables of the past have all that is in the log."""
    with desk.house.running("tickets").store.read() as connection:
        reached = select(projections.c.position).where(projections.c.name == History.name, projections.c.version == History.version)
        return connection.scalar(reached) == log_head(connection).sequence


def blanked(desk: Desk, subject: str) -> bool:
    """Whether nothing personal is left of a stream, nor of any person's name that the desk had."""
    with desk.house.running("tickets").store.read() as connection:
        left = select(events.c.sequence).where(events.c.subject == subject, events.c.personal.is_not(None))
        nameless = select(people.c.id).where(people.c.name.is_(None))
        return connection.scalar(left.limit(1)) is None and connection.scalar(nameless.limit(1)) is not None


async def sequence(desk: Desk, ticket: Json) -> int:
    """Return the place in the log of the last event of a ticket."""
    entries = [entry async for page in pages(desk.ada, f"/api/tickets/{ticket['id']}/history", limit=100) for entry in page]
    return int(entries[-1]["sequence"])


async def retold(desk: Desk, title: str = "The printer, again") -> tuple[Json, Json, int, int]:
    """Open a ticket of Anna's and change it; return it before and after, and the places of its first and its last event."""
    first = await desk.open()
    opened = await sequence(desk, first)
    good(await desk.anna.patch(f"/api/tickets/{first['id']}", json={"title": title}))
    good(await desk.put(first, "assignee", desk.ids["alf"]))
    last = good(await desk.put(first, "status", "in_progress"))
    return first, last, opened, await sequence(desk, first)


async def test_a_ticket_is_shown_as_it_was_at_an_event_a_time_and_a_version(desk: Desk) -> None:
    first, last, opened, now = await retold(desk)
    address = f"/api/tickets/{first['id']}"
    for client in (desk.anna, desk.ada):
        assert good(await client.get(address, params={"at": opened})) == first
        assert good(await client.get(address, params={"as_of": first["created_at"]})) == first
        assert good(await client.get(address, params={"version": 1})) == first
        for present in ({"at": now}, {"as_of": PRESENT}, {"as_of": last["updated_at"]}, {"version": last["version"]}, {}):
            assert good(await client.get(address, params=present)) == last
    second = good(await desk.anna.get(address, params={"at": opened + 1}))
    assert (second["title"], second["version"], second["assignee"]) == ("The printer, again", 2, None)
    assert (await desk.anna.get(address, params={"version": 2})).headers["ETag"] == '"2"'


async def test_notes_and_history_end_at_the_moment(desk: Desk) -> None:
    ticket = await desk.open()
    address = f"/api/tickets/{ticket['id']}"
    notes = []
    places = []
    for body in ("One.", "Two.", "Three."):
        notes.append(good(await desk.ada.post(f"{address}/notes", json={"body": body}), 201))
        places.append(await sequence(desk, ticket))
    good(await desk.put(ticket, "status", "resolved"))
    entries = good(await desk.ada.get(f"{address}/history"))["items"]
    for number, (note, place) in enumerate(zip(notes, places, strict=True), start=1):
        for asked in ({"at": place}, {"as_of": note["created_at"]}):
            assert good(await desk.ada.get(f"{address}/notes", params=asked))["items"] == notes[:number]
            assert good(await desk.ada.get(f"{address}/history", params=asked))["items"] == entries[: number + 1]
            assert good(await desk.anna.get(f"{address}/history", params=asked))["items"] == entries[:1]
            refused(await desk.anna.get(f"{address}/notes", params=asked), 403, "not-permitted")
            shown = [entry async for page in pages(desk.ada, f"{address}/history", limit=1, **asked) for entry in page]
            assert shown == entries[: number + 1]
            assert [note async for page in pages(desk.ada, f"{address}/notes", limit=1, **asked) for note in page] == notes[:number]
    assert good(await desk.ada.get(f"{address}/notes", params={"at": places[0] - 1}))["items"] == []
    for path in ("notes", "history"):
        refused(await desk.ada.get(f"{address}/{path}", params={"at": places[0] - 2}), 404, "not-found")
        refused(await desk.ada.get(f"{address}/{path}", params={"at": 999_999_999}), 422, "invalid")
        refused(await desk.ada.get(f"{address}/{path}", params={"version": 1}), 422, "invalid")
        refused(await desk.ben.get(f"{address}/{path}", params={"at": 0}), 404, "not-found")


async def test_before_it_was_opened_there_is_no_ticket(desk: Desk) -> None:
    first, last, opened, _ = await retold(desk)
    address = f"/api/tickets/{first['id']}"
    before = to_text(from_text(first["created_at"]) - timedelta(microseconds=1))
    for asked in ({"at": opened - 1}, {"at": 0}, {"as_of": before}, {"as_of": "1969-07-20T20:17:40Z"}):
        assert "opened after that moment" in refused(await desk.anna.get(address, params=asked), 404, "not-found")["detail"]
    problem = refused(await desk.ada.get(address, params={"version": 99}), 404, "not-found")
    assert problem["detail"] == f"Ticket {first['id']} has no version 99: its last is {last['version']}."


async def test_who_may_not_see_a_ticket_may_not_see_what_it_was(desk: Desk) -> None:
    first, _, opened, _ = await retold(desk)
    for asked in ({"at": opened}, {"as_of": PRESENT}, {"version": 1}, {"version": 99}, {"at": 0}):
        theirs = refused(await desk.ben.get(f"/api/tickets/{first['id']}", params=asked), 404, "not-found")
        nobodys = refused(await desk.ben.get("/api/tickets/999999999", params=asked), 404, "not-found")
        assert theirs["detail"].replace(str(first["id"]), "…") == nobodys["detail"].replace("999999999", "…")
        refused(await desk.anonymous.get(f"/api/tickets/{first['id']}", params=asked), 401, "not-signed-in")


async def test_lists_and_counts_are_those_of_then_for_each_who_asks(desk: Desk) -> None:
    await desk.open(desk.ben, priority="urgent")
    recorded: list[tuple[int, list[tuple[httpx2.AsyncClient, str, Json, Any]]]] = []
    for _ in range(3):
        _, last, _, at = await retold(desk)
        asked: list[tuple[httpx2.AsyncClient, str, Json]] = [
            (client, path, params)
            for client in (desk.anna, desk.ben, desk.ada)
            for path, params in (
                ("/api/tickets", {"limit": 100}),
                ("/api/tickets", {"limit": 100, "sort": "updated_at", "status": "in_progress"}),
                ("/api/tickets", {"limit": 100, "requester": "me", "priority": "urgent"}),
                ("/api/tickets/counts", {}),
            )
        ]
        asked += [(desk.ada, "/api/tickets", {"limit": 100, "assigned_to": who}) for who in ("me", "none", desk.ids["alf"])]
        answers = [(client, path, params, good(await client.get(path, params=params))) for client, path, params in asked]
        recorded.append((at, answers))
        good(await desk.put(last, "assignee", None))
    for at, answers in recorded:
        for client, path, params, answer in answers:
            assert good(await client.get(path, params={**params, "at": at})) == answer
    for client, path, params, _ in recorded[-1][1]:
        now = good(await client.get(path, params=params))
        assert good(await client.get(path, params={**params, "as_of": PRESENT})) == now


@pytest.mark.parametrize("params", [{"assigned_to": "me"}, {"assigned_to": "none"}, {"requester": "somebody"}], ids=str)
async def test_only_admins_list_by_assignee_or_another_requester_in_the_past_too(desk: Desk, params: dict[str, str]) -> None:
    refused(await desk.anna.get("/api/tickets", params={**params, "at": 0}), 403, "not-permitted")
    assert good(await desk.ada.get("/api/tickets", params={**params, "at": 0}))["items"] == []


async def test_pages_of_the_past_hold_their_place_while_tickets_change_and_come_in(desk: Desk) -> None:
    for number in range(7):
        await desk.open(title=f"Case {number}")
    params: dict[str, Any] = {"as_of": PRESENT, "sort": "-updated_at", "limit": 2}
    whole = good(await desk.anna.get("/api/tickets", params={**params, "limit": 100}))["items"]
    shown: list[Json] = []
    async for page in pages(desk.anna, **params):
        shown += page
        good(await desk.put(whole[-1], "priority", "urgent" if len(shown) % 4 else "low"))
        await desk.open()
    assert shown == whole


async def test_a_cursor_is_good_for_its_moment_alone(desk: Desk) -> None:
    _, last, _, at = await retold(desk)
    await desk.open()
    cursor = good(await desk.anna.get("/api/tickets", params={"at": at, "limit": 1}))["next_cursor"]
    good(await desk.anna.get("/api/tickets", params={"at": at, "cursor": cursor}))
    others: list[dict[str, Any]] = [{"at": at - 1}, {}, {"as_of": last["updated_at"]}, {"at": at, "sort": "created_at"}]
    for other in others:
        refused(await desk.anna.get("/api/tickets", params={**other, "cursor": cursor}), 422, "invalid")
    refused(await desk.ben.get("/api/tickets", params={"at": at, "cursor": cursor}), 422, "invalid")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/tickets/1", {"as_of": "2026-11-23T09:00:00Z", "at": "3"}),
        ("/api/tickets/1", {"version": "1", "at": "3"}),
        ("/api/tickets/1", {"version": "0"}),
        ("/api/tickets/1", {"version": "one"}),
        ("/api/tickets/1", {"version": "9" * 40}),
        ("/api/tickets/1", {"at": "-1"}),
        ("/api/tickets/1", {"at": "1.5"}),
        ("/api/tickets/1", {"at": "9" * 40}),
        ("/api/tickets/1", {"at": "999999999"}),
        ("/api/tickets/1", {"as_of": "yesterday"}),
        ("/api/tickets/1", {"as_of": "2026-11-23"}),
        ("/api/tickets/1", {"as_of": "2026-02-30T00:00:00Z"}),
        ("/api/tickets/1", {"as_of": "2026-11-23T09:00:00"}),
        ("/api/tickets/1", {"as_of": ""}),
        ("/api/tickets/1", {"asof": "2026-11-23T09:00:00Z"}),
        ("/api/tickets", {"as_of": "2026-11-23T09:00:00Z", "at": "3"}),
        ("/api/tickets", {"as_of": "2026-11-23T09:00:00Z", "q": "printer"}),
        ("/api/tickets", {"at": "1", "q": "printer"}),
        ("/api/tickets", {"version": "1"}),
        ("/api/tickets", {"at": "999999999"}),
        ("/api/tickets/counts", {"as_of": "2026-11-23T09:00:00Z", "at": "3"}),
        ("/api/tickets/counts", {"at": "999999999"}),
        ("/api/tickets/counts", {"version": "1"}),
        ("/api/tickets/counts", {"status": "open"}),
    ],
    ids=str,
)
async def test_what_cannot_be_meant_is_refused(desk: Desk, path: str, params: dict[str, str]) -> None:
    await desk.open()
    assert refused(await desk.ada.get(path, params=params), 422, "invalid")["errors"]


async def test_how_long_the_log_is_is_told_to_admins_alone(desk: Desk) -> None:
    ticket = await desk.open()
    for path in ("/api/tickets", "/api/tickets/counts", *(f"/api/tickets/{ticket['id']}{rest}" for rest in ("", "/history"))):
        told = refused(await desk.anna.get(path, params={"at": 999_999_999}), 422, "invalid")
        assert not re.search(r"ends at|above", str(told)), told
        told = refused(await desk.ada.get(path, params={"at": 999_999_999}), 422, "invalid")
        assert re.search(r"ends at \d+", told["detail"]), told


async def test_an_empty_search_is_none_and_may_come_with_a_moment(desk: Desk) -> None:
    assert good(await desk.ada.get("/api/tickets", params={"q": " ", "at": 0}))["items"] == []


async def test_a_time_with_another_offset_is_the_same_moment(desk: Desk) -> None:
    first = await desk.open()
    moment = datetime.fromisoformat(first["created_at"])
    for as_of in (first["created_at"], moment.isoformat(), (moment + timedelta(hours=2)).isoformat().replace("+00:00", "+02:00")):
        assert good(await desk.anna.get(f"/api/tickets/{first['id']}", params={"as_of": as_of})) == first


async def test_who_is_erased_is_gone_from_every_moment_and_what_was_counted_stays(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        first, _, opened, now = await retold(desk, "The printer of Anna")
        bens = await desk.open(desk.ben)
        there = await sequence(desk, bens)
        asked: list[dict[str, Any]] = [{"at": opened}, {"at": now}, {"at": there}, {"as_of": first["created_at"]}, {"as_of": PRESENT}]
        counts = [good(await desk.ada.get("/api/tickets/counts", params=moment)) for moment in asked]
        before = [good(await desk.ada.get(f"/api/tickets/{first['id']}", params=moment)) for moment in asked]
        async with desk.house.client("auth", cookies={"sid": desk.ada.cookies["sid"]}) as admin:
            good(await admin.post(f"/api/auth/users/{desk.ids['anna']}/erase", json={"email": "usera@example.com"}), 202)
        await eventually(lambda: blanked(desk, f"ticket/{first['id']}"), timeout=60)
        gone = {"title": "", "body": "", "requester": {"id": desk.ids["anna"], "name": None, "email": None}}
        for moment, was, counted in zip(asked, before, counts, strict=True):
            assert good(await desk.ada.get(f"/api/tickets/{first['id']}", params=moment)) == {**was, **gone}
            listed = good(await desk.ada.get("/api/tickets", params=moment))["items"]
            assert {item["title"] for item in listed if item["id"] == first["id"]} == {""}
            assert {item["title"] for item in listed if item["id"] == bens["id"]} <= {bens["title"]}
            assert good(await desk.ada.get("/api/tickets/counts", params=moment)) == counted


async def test_a_store_of_an_older_desk_has_its_past_from_the_first_start_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_desk(tmp_path) as desk:
        first, _, opened, _ = await retold(desk)
        before = good(await desk.ada.get("/api/tickets", params={"at": opened}))
        monkeypatch.setattr(History, "version", History.version + 1)
        await desk.house.restart("tickets")
        await eventually(lambda: filled(desk), timeout=60)
        assert good(await desk.ada.get("/api/tickets", params={"at": opened})) == before
        assert good(await desk.anna.get(f"/api/tickets/{first['id']}", params={"at": opened})) == first


async def test_the_operator_sees_everybodys_tickets_now_and_then_and_nobody_else_passes_that_door(desk: Desk) -> None:
    first, last, opened, _ = await retold(desk)
    async with desk.house.peer("tickets", "operator") as operator, desk.house.peer("tickets") as peer:
        assert good(await operator.get(f"/internal/tickets/{first['id']}")) == last
        assert good(await operator.get(f"/internal/tickets/{first['id']}", params={"at": opened})) == first
        then = good(await operator.get("/internal/tickets", params={"at": opened, "limit": 100}))
        assert then["items"] == good(await desk.ada.get("/api/tickets", params={"at": opened, "limit": 100}))["items"]
        counted = good(await operator.get("/internal/tickets/counts", params={"at": opened}))
        assert counted == {**good(await desk.ada.get("/api/tickets/counts", params={"at": opened})), "assigned_to_me": 0}
        refused(await operator.get("/internal/tickets", params={"assigned_to": "me"}), 422, "invalid")
        for path in ("", "/counts", f"/{first['id']}"):
            for client in (peer, desk.ada, desk.anonymous):
                refused(await client.get(f"/internal/tickets{path}"), 403, "not-permitted")


async def test_long_reads_of_the_past_hold_up_no_short_ones_and_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last, opened, _ = await retold(desk)
    store, gate = desk.house.running("tickets").store, threading.Event()
    await eventually(lambda: filled(desk), 60)
    monkeypatch.setattr(store.lengthy, "_patience", 0.1)
    reading = [asyncio.create_task(store.lengthy.run(lambda: gate.wait(120), patient=True)) for _ in range(2)]
    try:
        for address in ("/api/tickets", "/api/tickets/counts"):
            answer = await desk.ada.get(address, params={"at": opened})
            refused(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            good(await desk.ada.get(address))
        assert good(await desk.ada.get(f"/api/tickets/{first['id']}")) == last
        assert good(await desk.ada.get(f"/api/tickets/{first['id']}", params={"at": opened})) == first
        assert await store.read_in_thread(lambda connection: log_head(connection).sequence) > opened
        assert await store.whole.run(lambda: "verified") == "verified"
    finally:
        gate.set()
        await asyncio.gather(*reading)
    assert [item["id"] for item in good(await desk.ada.get("/api/tickets", params={"at": opened}))["items"]][:1] == [first["id"]]

"""Lists over HTTP: whose they are, what narrows them, and that paging misses nothing while tickets come in."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.integration.tickets.conftest import Desk, good, refused


async def pages(client: httpx2.AsyncClient, path: str = "/api/tickets", **params: Any) -> AsyncIterator[list[Any]]:
    cursor = None
    while True:
        page = good(await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})}))
        yield page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def listed(client: httpx2.AsyncClient, **params: Any) -> list[int]:
    return [item["id"] async for page in pages(client, **{"limit": 100, **params}) for item in page]


async def test_a_person_lists_their_own_tickets_and_an_admin_all(desk: Desk) -> None:
    annas, bens = await desk.open(desk.anna), await desk.open(desk.ben)
    mine, everybodys = await listed(desk.anna), await listed(desk.ada)
    assert annas["id"] in mine
    assert bens["id"] not in mine
    assert {annas["id"], bens["id"]} <= set(everybodys)
    assert mine == sorted(mine, reverse=True)


@pytest.mark.parametrize(
    "params",
    [{"assigned_to": "me"}, {"assigned_to": "none"}, {"assigned_to": "x"}, {"requester": "somebody"}],
    ids=str,
)
async def test_only_admins_list_by_assignee_or_another_requester(desk: Desk, params: dict[str, str]) -> None:
    refused(await desk.anna.get("/api/tickets", params=params), 403, "not-permitted")
    good(await desk.ada.get("/api/tickets", params=params))


async def test_a_person_may_name_themselves_as_the_requester(desk: Desk) -> None:
    ticket = await desk.open()
    assert ticket["id"] in await listed(desk.anna, requester="me")
    assert ticket["id"] in await listed(desk.anna, requester=desk.ids["anna"])
    assert ticket["id"] in await listed(desk.ada, requester=desk.ids["anna"])
    assert ticket["id"] not in await listed(desk.ada, requester="me")


async def test_filters_narrow_a_list(desk: Desk) -> None:
    urgent, plain = await desk.open(priority="urgent"), await desk.open()
    good(await desk.put(urgent, "assignee", desk.ids["ada"]))
    good(await desk.put(urgent, "status", "in_progress"))
    for params in (
        {"status": "in_progress"},
        {"priority": "urgent"},
        {"assigned_to": "me"},
        {"assigned_to": desk.ids["ada"]},
        {"status": "in_progress", "priority": "urgent", "assigned_to": "me", "requester": desk.ids["anna"], "escalated": "false"},
    ):
        found = await listed(desk.ada, **params)
        assert urgent["id"] in found
        assert plain["id"] not in found
    assert plain["id"] in await listed(desk.ada, assigned_to="none")
    assert await listed(desk.ada, escalated="true") == []


async def test_lists_are_sorted_as_asked(desk: Desk) -> None:
    first, second = await desk.open(), await desk.open()
    good(await desk.put(first, "status", "in_progress"))
    assert (await listed(desk.ada, sort="-updated_at"))[:2] == [first["id"], second["id"]]
    assert (await listed(desk.ada, sort="-created_at"))[:2] == [second["id"], first["id"]]
    assert (await listed(desk.ada, sort="updated_at"))[-2:] == [second["id"], first["id"]]
    assert (await listed(desk.ada, sort="created_at"))[-2:] == [first["id"], second["id"]]


@pytest.mark.parametrize(
    "params",
    [
        {"status": "closed"},
        {"priority": ""},
        {"escalated": "1"},
        {"sort": "title"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"page": "2"},
        {"cursor": "x"},
        {"cursor": ""},
        {"q": "x" * 501},
        {"assigned_to": ""},
        {"requester": "a/b"},
        {"status": ["open", "resolved"]},
    ],
    ids=str,
)
async def test_a_question_that_cannot_be_meant_is_refused(desk: Desk, params: dict[str, Any]) -> None:
    refused(await desk.ada.get("/api/tickets", params=params), 422, "invalid")


async def test_a_cursor_is_good_for_its_own_list_alone(desk: Desk) -> None:
    for _ in range(3):
        await desk.open()
    cursor = good(await desk.ada.get("/api/tickets", params={"limit": 1}))["next_cursor"]
    good(await desk.ada.get("/api/tickets", params={"limit": 2, "cursor": cursor}))
    for client, params in (
        (desk.ada, {"cursor": cursor, "status": "open"}),
        (desk.ada, {"cursor": cursor, "sort": "created_at"}),
        (desk.ada, {"cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "B")}),
        (desk.ada, {"cursor": cursor + "="}),
        (desk.anna, {"cursor": cursor}),
    ):
        refused(await client.get("/api/tickets", params=params), 422, "invalid")


@pytest.mark.parametrize("sort", ["-created_at", "created_at"])
async def test_paging_shows_each_ticket_once_while_others_come_in(desk: Desk, sort: str) -> None:
    there = {(await desk.open(desk.ben))["id"] for _ in range(7)} | set(await listed(desk.ben))
    seen: list[int] = []
    async for page in pages(desk.ben, limit=3, sort=sort):
        seen += [item["id"] for item in page]
        if len(seen) <= 9:
            await desk.open(desk.ben)
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


async def test_a_search_finds_words_in_titles_and_bodies_and_only_what_one_may_see(desk: Desk) -> None:
    annas = await desk.open(title="Zeppelin über Köln", body="It landed on the roof.")
    bens = await desk.open(desk.ben, title="Roof", body="A zeppelin, again.")
    assert await listed(desk.ada, q="zeppelin roof") == [bens["id"], annas["id"]]
    assert await listed(desk.ada, q="ZEPP") == [bens["id"], annas["id"]]
    assert await listed(desk.anna, q="zeppelin") == [annas["id"]]
    assert await listed(desk.ada, q="koln zepp") == [annas["id"]]
    assert await listed(desk.ada, q="zeppelin basement") == []
    good(await desk.anna.patch(f"/api/tickets/{annas['id']}", json={"title": "Balloon"}))
    assert await listed(desk.ada, q="zeppelin") == [bens["id"]]
    assert await listed(desk.ada, q="balloon", status="open") == [annas["id"]]
    assert await listed(desk.ada, q="balloon", status="resolved") == []


ABUSE = ['"', "AND", "a-b", "NEAR(", "o'clock", "^", "title:x", "(" * 300, "*", "'; DROP TABLE tickets; --", "\u202e", "\U0001d518"]


@pytest.mark.parametrize("q", ABUSE)
async def test_whatever_is_searched_for_is_answered(desk: Desk, q: str) -> None:
    good(await desk.ada.get("/api/tickets", params={"q": q}))


async def test_a_search_for_what_no_text_can_hold_is_refused(desk: Desk) -> None:
    refused(await desk.ada.get("/api/tickets?q=%00"), 422, "invalid")
    refused(await desk.ada.get("/api/tickets?q=%ED%A0%80"), 422, "invalid")


async def test_a_search_for_nothing_is_no_search(desk: Desk) -> None:
    await desk.open()
    assert await listed(desk.ada, q=" ") == await listed(desk.ada)

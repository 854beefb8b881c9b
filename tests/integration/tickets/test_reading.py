"""Reading the audit is audited: by whom, what was asked for, once in ten minutes."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from chassis.app import create_app
from chassis.tables import QUOTAS
from events.envelope import canonical
from events.environment import real_environment
from events.store import read_stream
from tests.contract.cast import Clock
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.integration.tickets.following import following
from tests.support.house import declared


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path) as running:
        yield running


def reads(desk: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (kind, id, filter) of each event that says that somebody read, in order."""
    live = desk.house.running("tickets")
    with live.store.read() as connection:
        stream = read_stream(connection, "store/tickets")
    found = [(each, httpx2.Response(200, content=each.data).json()["filter"]) for each in stream if each.type == "audit.read"]
    return [(each.actorkind, each.actorid, filters) for each, filters in found]


async def test_one_reader_and_one_filter_are_one_event(desk: Desk) -> None:
    for _ in range(3):
        good(await desk.ada.get("/api/audit"))
    good(await desk.ada.get("/api/audit", params={"limit": 1}))
    assert reads(desk) == [("user", desk.ids["ada"], {"of": "list"})]


async def test_the_pages_of_a_list_are_one_reading(desk: Desk) -> None:
    page = good(await desk.ada.get("/api/audit", params={"limit": 1, "entity": "user"}))
    good(await desk.ada.get("/api/audit", params={"limit": 1, "entity": "user", "cursor": page["next_cursor"]}))
    assert reads(desk) == [("user", desk.ids["ada"], {"of": "list", "entity": "user"})]


async def test_another_filter_another_way_or_another_reader_is_another_event(desk: Desk) -> None:
    await desk.open()
    good(await desk.ada.get("/api/audit"))
    good(await desk.ada.get("/api/audit", params={"action": "ticket_created"}))
    good(await desk.alf.get("/api/audit"))
    good(await desk.ada.get("/api/audit/proof", params={"ticket": 1}))
    ada, alf = (("user", desk.ids[name]) for name in ("ada", "alf"))
    assert reads(desk) == [
        (*ada, {"of": "list"}),
        (*ada, {"of": "list", "action": "ticket_created"}),
        (*alf, {"of": "list"}),
        (*ada, {"of": "proof", "ticket": 1}),
    ]


async def test_the_feed_is_read_like_the_audit_and_who_polls_it_finds_their_own_reading_once(desk: Desk) -> None:
    ada = ("user", desk.ids["ada"])
    end = good(await desk.ada.get("/api/events", params={"after": "now"}))["next"]
    for _ in range(3):
        assert good(await desk.ada.get("/api/events", params={"after": end, "limit": 1})) == {"items": [], "next": end}
    assert reads(desk) == [(*ada, {"of": "feed"})]
    first = good(await desk.ada.get("/api/events", params={"type": "audit.", "limit": 1000}))
    assert [item["event"]["data"]["filter"] for item in first["items"]] == [{"of": "feed"}, {"of": "feed", "type": "audit."}]
    refused(await desk.ada.get("/api/events", params={"after": "A" * 64}), 422, "invalid")
    refused(await desk.anna.get("/api/events"), 403, "not-permitted")
    assert reads(desk) == [(*ada, {"of": "feed"}), (*ada, {"of": "feed", "type": "audit."})]


async def test_a_stream_is_noted_once_at_its_beginning_and_a_replay_as_the_operators(desk: Desk) -> None:
    async with following(desk.alf, "after=now&type=audit.,ticket.") as stream:
        await stream.begun()
        assert reads(desk) == [("user", desk.ids["alf"], {"of": "feed", "type": "audit.,ticket."})]
        await desk.open()
        assert (await stream.next())["event"]["head"]["type"] == "ticket.created"
    async with following(desk.alf, "type=audit.,ticket.", last_id=stream.last_id) as stream:
        await stream.begun()
    async with desk.house.peer("tickets", "operator") as operator:
        page = good(await operator.get("/internal/journal"))
        assert page["next"] == page["head"]
        assert good(await operator.get("/internal/journal", params={"position": page["head"]}))["items"] == []
    assert reads(desk)[1:] == [("system", "operator", {"of": "feed"})]


async def test_many_who_ask_at_once_are_one_event(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.ada.get("/api/audit", params={"entity": "ticket"}) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(reads(desk)) == 1


async def test_a_part_of_a_name_is_not_kept_for_ever_but_counts(desk: Desk) -> None:
    good(await desk.ada.get("/api/audit", params={"q": "user a"}))
    good(await desk.ada.get("/api/audit", params={"q": "user b"}))
    assert [filters for _, _, filters in reads(desk)] == [{"of": "list", "q": True}] * 2
    live = desk.house.running("tickets")
    with live.store.read() as connection:
        assert not [each for each in read_stream(connection, "store/tickets") if b"user a" in each.head + each.data]


async def test_what_was_asked_for_cannot_be_guessed_from_the_file(desk: Desk) -> None:
    good(await desk.ada.get("/api/audit", params={"q": "user a"}))
    live = desk.house.running("tickets")
    with live.store.read() as connection:
        [bucket] = [row for row in connection.scalars(select(QUOTAS.c.bucket)) if row.startswith("audit.read/")]
    asked = canonical({"of": "list", "q": "user a"})
    assert sha256(asked).hexdigest()[:32] not in bucket
    assert hmac.digest(bytes.fromhex(live.secrets["cursor"]), b"audit.read\0" + asked, "sha256").hex()[:32] in bucket


async def test_what_is_no_word_or_id_of_ours_is_refused_before_it_is_recorded(desk: Desk) -> None:
    async with desk.house.peer("tickets", "operator") as operator:
        for client, path in ((desk.ada, "/api/audit"), (desk.ada, "/api/audit/export"), (operator, "/internal/audit")):
            for name in ("actor", "action", "entity", "entity_id"):
                for typed in ("usera@example.com", "User A", "ticket_created\n"):
                    refused(await client.get(path, params={name: typed}), 422, "invalid")
    assert reads(desk) == []


async def test_who_may_not_read_leaves_no_trace(desk: Desk) -> None:
    refused(await desk.anna.get("/api/audit"), 403, "not-permitted")
    refused(await desk.ada.get("/api/audit", params={"since": "yesterday"}), 422, "invalid")
    refused(await desk.ada.get("/api/audit/proof", params={"ticket": 999}), 404, "not-found")
    assert reads(desk) == []


async def test_ten_minutes_later_it_is_another_event(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        clock = Clock(late=timedelta(minutes=11))
        await desk.house.stop("tickets")
        await desk.house.start(declared("tickets"), replace(real_environment(), now=clock))
        good(await desk.ada.get("/api/audit"))
        good(await desk.ada.get("/api/audit"))
        assert len(reads(desk)) == 1
        clock.catch_up()
        good(await desk.ada.get("/api/audit"))
        assert len(reads(desk)) == 2


async def test_two_processes_on_one_store_record_one_reading(tmp_path: Path) -> None:
    """Whoever comes second finds it spent in the writer's transaction, whatever it saw before."""
    async with running_desk(tmp_path) as desk, AsyncExitStack() as stack:
        second = create_app(declared("tickets"), desk.house.settings)
        await stack.enter_async_context(second.router.lifespan_context(second))
        transport = httpx2.ASGITransport(app=second)
        cookies = {"sid": desk.ada.cookies["sid"]}
        other = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://localhost", cookies=cookies))
        for round_ in range(5):
            params = {"entity_id": f"round-{round_}"}
            answers = await asyncio.gather(*(client.get("/api/audit", params=params) for client in (desk.ada, other) for _ in range(4)))
            assert {answer.status_code for answer in answers} == {200}
        assert len(reads(desk)) == 5

"""The feed page by page: the events of all services as they are stored, from any position on."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import text

from events.envelope import from_wire
from events.store import log_head
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.integration.tickets.following import FEED, STREAM, page, pages, seen
from tickets import feed
from tickets.feed_answers import FeedOut
from tickets.places import Places


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """All services, and in their logs a little of everything."""
    async with running_desk(tmp_path_factory.mktemp("desk"), "auth", "tickets", "notifier", "escalator") as running:
        for client in (running.anna, running.ben):
            ticket = await running.open(client, title="Ünïcode \u2028 and \n lines")
            good(await running.put(ticket, "assignee", running.ids["alf"]))
            good(await running.ada.post(f"/api/tickets/{ticket['id']}/notes", json={"body": "A note."}), 201)
            good(await running.put(ticket, "status", "resolved"))
        await running.house.settled()
        yield running


async def test_every_event_of_every_service_is_there_once_in_its_services_order_and_as_its_very_bytes(desk: Desk) -> None:
    answer = await desk.ada.get(FEED, params={"limit": 1000})
    FeedOut.model_validate_json(answer.content)
    items = good(answer)["items"]
    for name in ("auth", "tickets", "escalator"):
        async with desk.house.peer(name) as peer:
            log = good(await peer.get("/internal/events", params={"limit": 1000}))
        sequences = [sequence for source, sequence in seen(items) if source == f"/{name}"]
        assert sequences == list(range(1, log["head"] + 1))
    assert {source for source, _ in seen(items)} == {"/auth", "/tickets", "/escalator"}
    wires = re.findall(rb'"event":({"head":.*?"traceparent":(?:null|"[^"]*")})}', answer.content)
    assert len(wires) == len(items)
    for wire in wires:
        assert from_wire(wire).wire() == wire, "Hash and digests are right of the bytes that came, and these are all there is."


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_page_by_page_it_is_the_same_whatever_the_pages_size(desk: Desk, limit: int) -> None:
    assert await pages(desk.ada, limit=limit) == await pages(desk.ada)


async def test_after_each_position_comes_what_follows_it(desk: Desk) -> None:
    items = await pages(desk.ada)
    for number, item in enumerate(items):
        assert (await page(desk.ada, after=item["position"], limit=3))["items"] == items[number + 1 : number + 4]


async def test_at_the_end_there_is_nothing_and_next_is_what_was_asked_after(desk: Desk) -> None:
    end = (await page(desk.ada, after="now"))["next"]
    assert end == (await pages(desk.ada))[-1]["position"]
    assert await page(desk.ada, after=end) == {"items": [], "next": end}
    ticket = await desk.open()
    [item] = (await page(desk.ada, after=end))["items"]
    assert item["event"]["head"]["subject"] == f"ticket/{ticket['id']}"


Head = dict[str, Any]
FILTERS: dict[str, Callable[[Head], bool]] = {
    "type=ticket.created": lambda head: head["type"] == "ticket.created",
    "type=ticket.": lambda head: head["type"].startswith("ticket."),
    "type=ticket.created&type=user.": lambda head: head["type"] == "ticket.created" or head["type"].startswith("user."),
    "type=ticket.created,ticket.assigned": lambda head: head["type"] in ("ticket.created", "ticket.assigned"),
    "type=ticket.c": lambda _: False,
    "entity=ticket": lambda head: head["subject"].startswith("ticket/"),
    "entity=ticket&entity_id=2": lambda head: head["subject"] == "ticket/2",
    "entity=ticket&entity_id=2&type=ticket.note_added": lambda head: (head["subject"], head["type"]) == ("ticket/2", "ticket.note_added"),
    "entity=policy": lambda head: head["type"] == "escalation.policy_changed",
    "since=2100-01-01T00:00:00Z": lambda _: False,
    "until=2100-01-01T00:00:00%2B05:00": lambda _: True,
}


@pytest.mark.parametrize("query", FILTERS)
async def test_it_is_narrowed_by_type_entity_and_time(desk: Desk, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await pages(desk.ada, query)  # that it is read so is an event itself
    expected = [item for item in await pages(desk.ada) if FILTERS[query](item["event"]["head"])]
    assert await pages(desk.ada, query) == expected
    monkeypatch.setattr(feed, "_LOOKED_AT", 3)
    monkeypatch.setattr(feed, "PAGE_SECONDS", -1.0)  # a page ends after one look, found or not
    assert await pages(desk.ada, query, limit=2) == expected


async def test_between_two_times_is_what_happened_from_the_first_on_and_before_the_second(desk: Desk) -> None:
    items = await pages(desk.ada)
    since, until = items[3]["event"]["head"]["time"], items[-3]["event"]["head"]["time"]
    expected = [item for item in items if since <= item["event"]["head"]["time"] < until]
    assert expected
    assert await pages(desk.ada, f"since={since}&until={until}") == expected


async def test_a_page_ends_when_it_has_enough_bytes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await pages(desk.ada)
    monkeypatch.setattr(feed, "PAGE_SIZE", 1)
    assert len((await page(desk.ada, limit=100))["items"]) == 1
    assert await pages(desk.ada) == whole


@pytest.mark.parametrize(
    "query",
    [
        "after=", "after=1", "after=00", "after=-1", "after=latest", f"after={'A' * 64}", f"after={'A' * 63}", "after=0&after=0",
        "limit=0", "limit=1001", "limit=x", "type=", "type=ticket", "type=Ticket.created", "type=ticket.created,", "type=%25.",
        "type=a.&type=",
        "&".join(f"type=a.{chr(97 + number)}" for number in range(21)),
        "entity=", "entity=Ticket", "entity=ticket/1", "entity_id=1", "entity=ticket&entity_id=", "entity=ticket&entity_id=%25",
        "since=yesterday", "until=2026-13-01T00:00:00Z", "cursor=abc", "who=me",
    ],
)  # fmt: skip
async def test_a_question_that_cannot_be_meant_is_refused(desk: Desk, query: str) -> None:
    for path in (FEED, STREAM):
        refused(await desk.ada.get(f"{path}?{query}"), 422, "invalid")


async def test_a_stream_has_no_limit(desk: Desk) -> None:
    refused(await desk.ada.get(f"{STREAM}?limit=5"), 422, "invalid")


async def test_a_position_that_was_changed_or_is_another_desks_is_refused(desk: Desk) -> None:
    item = (await pages(desk.ada))[5]
    given, hash_ = item["position"], item["event"]["hash"]
    running = desk.house.running("tickets")
    with running.store.read() as connection:
        origin = log_head(connection).origin
    ours = Places(running.secrets["cursor"])
    assert ours.seal(origin, 6, hash_) == given
    changed = [given[:at] + ("A" if given[at] != "A" else "B") + given[at + 1 :] for at in range(64)]
    foreign = [
        Places("ab" * 32).seal(origin, 6, hash_),  # of a desk with other secrets
        ours.seal("0193b3f1-9fa0-761a-802f-aec59d0d5465", 6, hash_),  # of a store that this one never was
        ours.seal(origin, 6, "00" * 32),  # of the same store with another history
        ours.seal(origin, 7, hash_),
        ours.seal(origin, 10**9, hash_),  # which this history has not reached
    ]
    for bad in (*changed, *foreign, given.lower(), given + "A"):
        if bad != given:
            problem = refused(await desk.ada.get(FEED, params={"after": bad}), 422, "invalid")
            assert problem["errors"][0]["loc"] == ["query", "after"]
    for bad in (*foreign, "x", "1"):
        problem = refused(await desk.ada.get(STREAM, headers={"Last-Event-ID": bad}), 422, "invalid")
        assert problem["errors"][0]["loc"] == ["header", "last-event-id"]


async def test_it_is_for_admins_only(desk: Desk) -> None:
    for path in (FEED, STREAM):
        refused(await desk.anna.get(path), 403, "not-permitted")
        refused(await desk.anonymous.get(path), 401, "not-signed-in")


async def test_what_was_erased_is_null_and_everything_else_is_as_it_was(desk: Desk) -> None:
    ticket = await desk.open(desk.ben, title="Secret", body="Most secret.")
    before = (await pages(desk.ada, f"entity=ticket&entity_id={ticket['id']}"))[0]
    with desk.house.running("tickets").store.writing.begin() as connection:
        connection.execute(text("UPDATE events SET personal = NULL, salt = NULL WHERE subject = :s"), {"s": f"ticket/{ticket['id']}"})
    after = (await pages(desk.ada, f"entity=ticket&entity_id={ticket['id']}"))[0]
    assert before["event"]["personal"] == {"body": "Most secret.", "title": "Secret"}
    assert after == {**before, "event": {**before["event"], "personal": None, "salt": None}}

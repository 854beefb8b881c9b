"""What happens to tickets is heard by whom it concerns, once; what people read stays read; nobody sees another's inbox."""

import asyncio
from typing import Any

import pytest

from tests.integration.notifier.conftest import INBOX, Inboxes
from tests.integration.tickets.conftest import good, refused


async def test_an_assignment_reaches_the_new_assignee_with_words_a_person_can_read(there: Inboxes) -> None:
    ticket = await there.desk.open(title="Confidential")
    await there.assign(ticket, "alf")
    newest = (await there.told(there.alf))[0]
    assert newest.keys() == {"id", "kind", "subject", "message", "ticket_id", "read_at", "created_at"}
    assert (newest["kind"], newest["ticket_id"], newest["read_at"]) == ("ticket.assigned", ticket["id"], None)
    assert newest["subject"] == f"Ticket #{ticket['id']} was assigned to you"
    assert newest["message"].endswith(f"assigned ticket #{ticket['id']} to you.")
    assert not newest["message"].startswith(("None", "Ticket"))
    assert "Confidential" not in str(newest)


async def test_a_reassignment_tells_both_and_not_the_one_who_did_it(there: Inboxes) -> None:
    ticket = await there.desk.open()
    await there.assign(ticket, "alf")
    await there.assign(ticket, "ada")
    await there.assign(ticket, "alf", by=there.desk.alf)
    assert await there.kinds(there.alf, ticket) == ["ticket.assigned", "ticket.unassigned"]
    assert await there.kinds(there.ada, ticket) == ["ticket.unassigned"]
    assert await there.kinds(there.anna, ticket) == []


async def test_the_requester_hears_of_each_status(there: Inboxes) -> None:
    ticket = await there.desk.open()
    for status in ("in_progress", "resolved", "resolved", "open"):
        good(await there.desk.put(ticket, "status", status))
    told = [item for item in await there.told(there.anna) if item["ticket_id"] == ticket["id"]]
    assert [item["subject"].partition(" is ")[2] for item in told] == ["open again", "resolved", "in progress"]
    assert await there.kinds(there.ada, ticket) == []


async def test_an_admin_who_opens_and_resolves_a_ticket_alone_hears_nothing(there: Inboxes) -> None:
    ticket = await there.desk.open(there.desk.ada)
    await there.resolve(ticket)
    assert await there.kinds(there.ada, ticket) == []


async def test_the_demos_own_tickets_notify_nobody(there: Inboxes) -> None:
    async with there.desk.house.peer("tickets") as peer, there.desk.house.peer("auth") as auth:
        users = good(await auth.post("/internal/demo"))["users"]
        answer = await peer.post("/internal/demo", json={"users": users})
    assert answer.is_success, answer.text
    listed = good(await there.desk.ada.get("/api/tickets", params={"limit": 100}))["items"]
    others = {item["ticket_id"] for client in (there.anna, there.ben, there.ada, there.alf) for item in await there.told(client)}
    demo = {ticket["id"] for ticket in listed if ticket["title"] not in {"The printer", "Confidential"}}
    assert not demo & others


async def test_marks_count_once_however_often_they_are_made(there: Inboxes) -> None:
    ticket = await there.desk.open()
    await there.resolve(ticket)
    newest = (await there.told(there.anna))[0]
    before = await there.count(there.anna)
    path = f"{INBOX}/{newest['id']}/read"
    assert [(await there.anna.put(path)).status_code for _ in range(2)] == [204, 204]
    assert await there.count(there.anna) == before - 1
    shown = (await there.told(there.anna))[0]
    assert shown["id"] == newest["id"]
    assert shown["read_at"] is not None
    assert newest["id"] not in {item["id"] for item in await there.told(there.anna, unread="true")}
    assert [(await there.anna.delete(path)).status_code for _ in range(2)] == [204, 204]
    assert await there.count(there.anna) == before
    assert (await there.told(there.anna, unread="true"))[0] == newest


async def test_the_list_is_narrowed_to_what_is_read_and_to_what_it_tells_of(there: Inboxes) -> None:
    ticket = await there.desk.open()
    await there.assign(ticket, "alf")
    await there.resolve(ticket)
    await there.assign(ticket, "ada", by=there.desk.alf)
    newest = (await there.told(there.alf, kind="ticket.unassigned"))[0]
    assert (await there.alf.put(f"{INBOX}/{newest['id']}/read")).status_code == 204
    every = await there.told(there.alf)
    for kind in ("ticket.assigned", "ticket.unassigned", "ticket.escalated"):
        assert await there.told(there.alf, kind=kind) == [item for item in every if item["kind"] == kind]
        for unread in ("true", "false"):
            wanted = [item for item in every if item["kind"] == kind and (item["read_at"] is None) is (unread == "true")]
            assert await there.told(there.alf, kind=kind, unread=unread) == wanted
    read = await there.told(there.alf, unread="false")
    assert newest["id"] in {item["id"] for item in read}
    assert all(item["read_at"] for item in read)
    refused(await there.alf.get(INBOX, params={"kind": "ticket.eaten"}), 422, "invalid")


async def test_marks_made_at_once_count_once(there: Inboxes) -> None:
    ticket = await there.desk.open()
    await there.resolve(ticket)
    newest = (await there.told(there.anna))[0]
    before = await there.count(there.anna)
    answers = await asyncio.gather(*(there.anna.put(f"{INBOX}/{newest['id']}/read") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {204}
    assert await there.count(there.anna) == before - 1


async def test_another_persons_notification_is_absent(there: Inboxes) -> None:
    ticket = await there.desk.open()
    await there.resolve(ticket)
    newest = (await there.told(there.anna))[0]
    for client in (there.ben, there.ada):
        refused(await client.put(f"{INBOX}/{newest['id']}/read"), 404, "not-found")
        refused(await client.delete(f"{INBOX}/{newest['id']}/read"), 404, "not-found")
        assert newest["id"] not in {item["id"] for item in await there.told(client)}
    assert (await there.told(there.anna))[0]["read_at"] is None


async def test_reading_all_tells_how_many_there_were_and_the_same_key_asks_once(there: Inboxes) -> None:
    for _ in range(3):
        await there.resolve(await there.desk.open())
    assert len(await there.told(there.anna, unread="true")) == await there.count(there.anna) >= 3
    before = await there.count(there.anna)
    key = {"Idempotency-Key": "read-them-all"}
    assert good(await there.anna.post(f"{INBOX}/read-all", headers=key)) == {"updated": before}
    await there.resolve(await there.desk.open())
    assert len(await there.told(there.anna, unread="true")) == 1
    assert good(await there.anna.post(f"{INBOX}/read-all", headers=key)) == {"updated": before}
    assert await there.count(there.anna) == 1
    assert good(await there.anna.post(f"{INBOX}/read-all")) == {"updated": 1}
    assert good(await there.anna.post(f"{INBOX}/read-all")) == {"updated": 0}
    assert await there.told(there.anna, unread="true") == []


async def test_the_list_is_read_page_by_page_each_once_newest_first(there: Inboxes) -> None:
    ticket = await there.desk.open()
    for number in range(7):
        await there.assign(ticket, "alf" if number % 2 == 0 else None)
    whole = [item["id"] for item in await there.told(there.alf)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = good(await there.alf.get(INBOX, params=query))
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == whole
    assert len(set(found)) == len(found)
    created = [item["created_at"] for item in await there.told(there.alf)]
    assert created == sorted(created, reverse=True)


async def test_a_cursor_is_good_for_its_own_list_and_person_alone(there: Inboxes) -> None:
    ticket = await there.desk.open()
    for to in ("alf", None, "alf"):
        await there.assign(ticket, to)
    await there.desk.house.settled()
    cursor = good(await there.alf.get(INBOX, params={"limit": 1}))["next_cursor"]
    for client, query in ((there.alf, {"unread": "true"}), (there.ada, {}), (there.anna, {})):
        refused(await client.get(INBOX, params={"cursor": cursor, **query}), 422, "invalid")
    refused(await there.alf.get(INBOX, params={"cursor": cursor[:-2] + "AA"}), 422, "invalid")


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"unread": "maybe"}, {"who": "me"}, {"cursor": "\ud800"}])
async def test_a_query_that_cannot_be_meant_is_refused(there: Inboxes, query: dict[str, Any]) -> None:
    query = {name: value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for name, value in query.items()}
    refused(await there.anna.get(INBOX, params=query), 422, "invalid")


async def test_preferences_are_ones_own(there: Inboxes) -> None:
    where = f"{INBOX}/preferences"
    assert good(await there.anna.get(where)) == {"email": True}
    assert good(await there.anna.put(where, json={"email": False})) == {"email": False}
    assert good(await there.anna.put(where, json={"email": False})) == {"email": False}
    assert good(await there.anna.get(where)) == {"email": False}
    assert good(await there.ben.get(where)) == {"email": True}
    assert good(await there.anna.put(where, json={"email": True})) == {"email": True}
    for body in ({}, {"email": 1}, {"email": None}, {"email": True, "sms": True}):
        refused(await there.anna.put(where, json=body), 422, "invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/unread-count"),
        ("GET", "/stream"),
        ("GET", "/preferences"),
        ("PUT", "/preferences"),
        ("POST", "/read-all"),
        ("PUT", "/some/read"),
        ("DELETE", "/some/read"),
    ],
)
async def test_nobody_gets_in_without_being_signed_in(there: Inboxes, method: str, path: str) -> None:
    refused(await there.anonymous.request(method, INBOX + path), 401, "not-signed-in")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/read-all"), ("PUT", "/some/read"), ("DELETE", "/some/read"), ("PUT", "/preferences")]
)
async def test_another_site_changes_nothing(there: Inboxes, method: str, path: str) -> None:
    refused(await there.anna.request(method, INBOX + path, headers={"Sec-Fetch-Site": "cross-site"}), 403, "cross-site")


async def test_what_is_kept_of_a_notification_holds_no_names(there: Inboxes) -> None:
    """They are joined when it is read, so an erased name is gone from old notifications too."""
    ticket = await there.desk.open()
    await there.assign(ticket, "alf")
    await there.told(there.alf)
    with there.desk.house.running("notifier").store.read() as connection:
        rows = [dict(row) for row in connection.exec_driver_sql("SELECT * FROM notifications").mappings()]
        names = {row[0] for row in connection.exec_driver_sql("SELECT name FROM people")}
    assert rows
    assert not [row for row in rows if any(name in str(row) for name in names)]

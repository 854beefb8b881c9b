"""The tickets' table of the HTTP contract, line by line."""

from typing import Any

import pytest

from tests.integration.tickets.conftest import Desk, good, refused
from tickets.answers import CountsOut, EntriesOut, NotesOut, TicketOut, TicketsOut


async def test_a_new_ticket_is_whole_and_says_where_it_is(desk: Desk) -> None:
    answer = await desk.anna.post("/api/tickets", json={"title": "  The printer ", "body": " It burns. ", "priority": "high"})
    ticket = good(answer, 201)
    assert answer.headers["location"] == f"/api/tickets/{ticket['id']}"
    assert answer.headers["etag"] == '"1"'
    assert ticket == {
        "id": ticket["id"],
        "title": "The printer",
        "body": "It burns.",
        "priority": "high",
        "status": "open",
        "requester": {"id": desk.ids["anna"], "name": "User A", "email": "usera@example.com"},
        "assignee": None,
        "escalated_at": None,
        "escalation_level": 0,
        "created_at": ticket["created_at"],
        "updated_at": ticket["created_at"],
        "version": 1,
    }
    assert good(await desk.anna.get(f"/api/tickets/{ticket['id']}")) == ticket
    TicketOut.model_validate_json(answer.content)


async def test_an_admin_may_be_a_requester_and_priority_is_normal_unless_said(desk: Desk) -> None:
    ticket = await desk.open(desk.ada)
    assert (ticket["requester"]["id"], ticket["priority"]) == (desk.ids["ada"], "normal")


async def test_ticket_ids_are_integers_that_rise(desk: Desk) -> None:
    first, second = await desk.open(), await desk.open()
    assert second["id"] > first["id"] >= 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "x"},
        {"title": "", "body": "x"},
        {"title": " \n\t", "body": "x"},
        {"title": "\x1c\x1f", "body": "x"},
        {"title": "\u3000\x85\u2028", "body": "x"},
        {"title": "x" * 201, "body": "x"},
        {"title": "x", "body": "x" * 20_001},
        {"title": "x", "body": "x", "priority": "huge"},
        {"title": "x", "body": "x", "status": "resolved"},
        {"title": 1, "body": "x"},
        {"title": "x", "body": None},
        {"title": "a\x00b", "body": "x"},
        [],
        "text",
    ],
    ids=repr,
)
async def test_a_ticket_that_cannot_be_meant_is_refused(desk: Desk, body: Any) -> None:
    problem = refused(await desk.anna.post("/api/tickets", json=body), 422, "invalid")
    assert problem["errors"]


async def test_lengths_are_counted_in_code_points(desk: Desk) -> None:
    ticket = await desk.open(title="🔥" * 200, body="é" * 20_000)
    assert (len(ticket["title"]), len(ticket["body"])) == (200, 20_000)


async def test_only_the_requester_and_admins_see_a_ticket(desk: Desk) -> None:
    ticket = await desk.open()
    good(await desk.ada.get(f"/api/tickets/{ticket['id']}"))
    foreign = refused(await desk.ben.get(f"/api/tickets/{ticket['id']}"), 404, "not-found")
    absent = refused(await desk.ben.get("/api/tickets/999999"), 404, "not-found")
    assert foreign["detail"].replace(str(ticket["id"]), "N") == absent["detail"].replace("999999", "N")
    refused(await desk.anonymous.get(f"/api/tickets/{ticket['id']}"), 401, "not-signed-in")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9223372036854775808", "1e3", "%00", "42%2F7", "4 2"])
async def test_what_is_no_ticket_number_is_nobodys_ticket(desk: Desk, number: str) -> None:
    refused(await desk.ada.get(f"/api/tickets/{number}"), 404, "not-found")


async def test_the_requester_edits_and_the_version_counts(desk: Desk) -> None:
    ticket = await desk.open()
    answer = await desk.anna.patch(f"/api/tickets/{ticket['id']}", json={"title": "Two printers"})
    edited = good(answer)
    assert (edited["title"], edited["body"], edited["version"], answer.headers["etag"]) == ("Two printers", "It burns.", 2, '"2"')
    assert edited["updated_at"] > ticket["updated_at"]
    again = good(await desk.anna.patch(f"/api/tickets/{ticket['id']}", json={"title": "Two printers", "body": "It burns."}))
    assert again == edited


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": ""}, {"priority": "low"}, {"title": "x", "status": "open"}], ids=repr)
async def test_an_edit_that_cannot_be_meant_is_refused(desk: Desk, body: Any) -> None:
    ticket = await desk.open()
    refused(await desk.anna.patch(f"/api/tickets/{ticket['id']}", json=body), 422, "invalid")


async def test_the_content_is_read_only_for_admins_but_their_own(desk: Desk) -> None:
    annas, adas = await desk.open(), await desk.open(desk.ada)
    refused(await desk.ada.patch(f"/api/tickets/{annas['id']}", json={"title": "x"}), 403, "not-permitted")
    good(await desk.ada.patch(f"/api/tickets/{adas['id']}", json={"title": "x"}))
    refused(await desk.alf.patch(f"/api/tickets/{adas['id']}", json={"title": "y"}), 403, "not-permitted")
    refused(await desk.ben.patch(f"/api/tickets/{annas['id']}", json={"title": "x"}), 404, "not-found")


@pytest.mark.parametrize(
    ("what", "value", "field"),
    [("status", "in_progress", "status"), ("status", "resolved", "status"), ("priority", "urgent", "priority")],
)
async def test_admins_set_status_and_priority_and_the_same_again_changes_nothing(desk: Desk, what: str, value: str, field: str) -> None:
    ticket = await desk.open()
    answer = await desk.put(ticket, what, value)
    changed = good(answer)
    assert (changed[field], changed["version"], answer.headers["etag"]) == (value, 2, '"2"')
    assert good(await desk.put(ticket, what, value)) == changed
    history = good(await desk.ada.get(f"/api/tickets/{ticket['id']}/history"))["items"]
    assert [entry["action"] for entry in history] == ["ticket_created", f"ticket_{what}_changed"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("status", {"status": "resolved"}),
        ("priority", {"priority": "urgent"}),
        ("assignee", {"assignee_id": None}),
    ],
)
async def test_the_requester_does_not_do_the_admins_work(desk: Desk, path: str, body: Any) -> None:
    ticket = await desk.open()
    refused(await desk.anna.put(f"/api/tickets/{ticket['id']}/{path}", json=body), 403, "not-permitted")
    refused(await desk.ben.put(f"/api/tickets/{ticket['id']}/{path}", json=body), 404, "not-found")
    refused(await desk.ada.put(f"/api/tickets/999999/{path}", json=body), 404, "not-found")
    refused(await desk.anonymous.put(f"/api/tickets/{ticket['id']}/{path}", json=body), 401, "not-signed-in")


@pytest.mark.parametrize(
    ("path", "body"), [("status", {"status": "closed"}), ("priority", {}), ("assignee", {}), ("assignee", {"assignee_id": 7})]
)
async def test_a_value_that_does_not_exist_is_refused(desk: Desk, path: str, body: Any) -> None:
    ticket = await desk.open()
    refused(await desk.ada.put(f"/api/tickets/{ticket['id']}/{path}", json=body), 422, "invalid")


async def test_tickets_are_given_to_active_admins_only(desk: Desk) -> None:
    ticket = await desk.open()
    given = good(await desk.put(ticket, "assignee", desk.ids["alf"]))
    assert (given["assignee"], given["version"]) == ({"id": desk.ids["alf"], "name": "Admin B"}, 2)
    for nobody in (desk.ids["anna"], "nobody"):
        problem = refused(await desk.put(ticket, "assignee", nobody), 422, "invalid")
        assert [error["loc"] for error in problem["errors"]] == [["body", "assignee_id"]]
    assert good(await desk.put(ticket, "assignee", desk.ids["alf"]))["version"] == 2
    taken = good(await desk.put(ticket, "assignee", None))
    assert (taken["assignee"], taken["version"]) == (None, 3)


async def test_notes_are_the_admins_and_do_not_count_as_versions(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}/notes"
    written = [good(await client.post(path, json={"body": text}), 201) for client, text in ((desk.ada, " First. "), (desk.alf, "Second."))]
    assert [note["author"] for note in written] == [
        {"id": desk.ids["ada"], "name": "Admin A"},
        {"id": desk.ids["alf"], "name": "Admin B"},
    ]
    assert written[0]["body"] == "First."
    listed = await desk.ada.get(path)
    assert good(listed) == {"items": written, "next_cursor": None}
    NotesOut.model_validate_json(listed.content)
    assert good(await desk.ada.get(f"/api/tickets/{ticket['id']}")) == ticket
    for call in (desk.anna.get(path), desk.anna.post(path, json={"body": "x"})):
        refused(await call, 403, "not-permitted")
    for call in (desk.ben.get(path), desk.ben.post(path, json={"body": "x"}), desk.ada.get("/api/tickets/999999/notes")):
        refused(await call, 404, "not-found")
    for body in ({}, {"body": ""}, {"body": "x" * 10_001}):
        refused(await desk.ada.post(path, json=body), 422, "invalid")


async def test_notes_are_read_page_by_page(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}/notes"
    written = [good(await desk.ada.post(path, json={"body": f"Note {n}."}), 201)["id"] for n in range(5)]
    first = good(await desk.ada.get(path, params={"limit": 3}))
    second = good(await desk.ada.get(path, params={"limit": 3, "cursor": first["next_cursor"]}))
    assert [note["id"] for note in first["items"] + second["items"]] == written
    assert second["next_cursor"] is None


async def test_a_history_tells_everything_oldest_first_and_the_requester_no_notes(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}"
    good(await desk.anna.patch(path, json={"body": "It is out."}))
    good(await desk.ada.post(f"{path}/notes", json={"body": "Hm."}), 201)
    good(await desk.put(ticket, "assignee", desk.ids["alf"]))
    good(await desk.put(ticket, "status", "resolved"))
    answer = await desk.ada.get(f"{path}/history")
    EntriesOut.model_validate_json(answer.content)
    entries = good(answer)["items"]
    assert [(entry["action"], entry["before"], entry["after"]) for entry in entries[1:]] == [
        ("ticket_edited", {"body": "It burns."}, {"body": "It is out."}),
        ("ticket_note_added", None, entries[2]["after"]),
        ("ticket_assigned", {"assignee": None}, {"assignee": desk.ids["alf"]}),
        ("ticket_status_changed", {"status": "open"}, {"status": "resolved"}),
    ]
    assert entries[2]["after"]["body"] == "Hm."
    assert entries[0]["actor"] == {"kind": "user", "id": desk.ids["anna"], "name": "User A"}
    mine = good(await desk.anna.get(f"{path}/history"))["items"]
    assert mine == [entry for entry in entries if entry["action"] != "ticket_note_added"]
    refused(await desk.ben.get(f"{path}/history"), 404, "not-found")


async def test_a_history_is_read_page_by_page_and_its_cursor_is_the_readers(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}/history"
    for status in ("in_progress", "resolved", "open"):
        good(await desk.put(ticket, "status", status))
    first = good(await desk.ada.get(path, params={"limit": 2}))
    second = good(await desk.ada.get(path, params={"limit": 2, "cursor": first["next_cursor"]}))
    assert len({entry["id"] for entry in first["items"] + second["items"]}) == 4
    refused(await desk.anna.get(path, params={"limit": 2, "cursor": first["next_cursor"]}), 422, "invalid")


async def test_counts_are_of_ones_own_tickets_and_an_admins_of_all(desk: Desk) -> None:
    before_ben, before_ada = [good(await client.get("/api/tickets/counts")) for client in (desk.ben, desk.ada)]
    assert before_ben.keys() == {"open", "in_progress", "resolved", "escalated"}
    ticket = await desk.open(desk.ben)
    await desk.open(desk.ben)
    good(await desk.put(ticket, "status", "resolved"))
    good(await desk.put(ticket, "assignee", desk.ids["ada"]))
    answer = await desk.ada.get("/api/tickets/counts")
    CountsOut.model_validate_json(answer.content)
    after_ben, after_ada = good(await desk.ben.get("/api/tickets/counts")), good(answer)
    assert _difference(after_ben, before_ben) == {"open": 1, "in_progress": 0, "resolved": 1, "escalated": 0}
    assert _difference(after_ada, before_ada) == {
        "open": 1,
        "in_progress": 0,
        "resolved": 1,
        "escalated": 0,
        "unassigned": 1,
        "assigned_to_me": 1,
    }


def _difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: value - before[name] for name, value in after.items()}


async def test_a_list_has_whole_tickets_without_their_bodies(desk: Desk) -> None:
    ticket = await desk.open()
    answer = await desk.ada.get("/api/tickets", params={"limit": 1})
    TicketsOut.model_validate_json(answer.content)
    (listed,) = good(answer)["items"]
    assert listed == {name: value for name, value in ticket.items() if name != "body"}

"""The audit over HTTP: the events of all services in one list, and verification of every store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from events.blanking import blanked_wire
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.integration.tickets.damage import damaged
from tickets import audit_routes
from tickets.answers import CheckpointsOut, EntriesOut, VerificationOut


async def entries(desk: Desk, **params: Any) -> list[dict[str, Any]]:
    """Return what is listed, but for the entries that say that somebody looked."""
    found, cursor = [], None
    while True:
        answer = await desk.ada.get("/api/audit", params={"limit": 100, **params, **({"cursor": cursor} if cursor else {})})
        EntriesOut.model_validate_json(answer.content)
        page = good(answer)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return [entry for entry in found if entry["action"] != "audit_read"]


async def test_the_list_has_the_events_of_all_services_newest_first(desk: Desk) -> None:
    ticket = await desk.open()
    listed = await entries(desk)
    assert (listed[0]["action"], listed[0]["entity"]) == ("ticket_created", {"type": "ticket", "id": str(ticket["id"])})
    keys = [(entry["time"], entry["source"], entry["sequence"]) for entry in listed]
    assert keys == sorted(keys, reverse=True)
    assert {entry["source"] for entry in listed} == {"/auth", "/tickets"}
    registered = [entry for entry in listed if entry["action"] == "user_registered"]
    assert {entry["after"]["email"] for entry in registered} >= {"admina@example.com", "usera@example.com"}


async def test_the_list_is_narrowed_by_every_filter(desk: Desk) -> None:
    ticket = await desk.open(desk.ben)
    number = str(ticket["id"])
    good(await desk.put(ticket, "status", "resolved"))
    everything = await entries(desk)
    opened = next(
        entry for entry in everything if entry["entity"] == {"type": "ticket", "id": number} and entry["action"] == "ticket_created"
    )
    cases: tuple[tuple[dict[str, str], Callable[[Any], bool]], ...] = (
        ({"actor": desk.ids["ben"]}, lambda entry: entry["actor"]["id"] == desk.ids["ben"]),
        ({"action": "ticket_status_changed"}, lambda entry: entry["action"] == "ticket_status_changed"),
        ({"entity": "user"}, lambda entry: entry["entity"]["type"] == "user"),
        ({"entity": "ticket", "entity_id": number}, lambda entry: entry["entity"] == {"type": "ticket", "id": number}),
        ({"q": "user b"}, lambda entry: entry["actor"]["id"] == desk.ids["ben"]),
        ({"q": "USERB@EXAMPLE"}, lambda entry: entry["actor"]["id"] == desk.ids["ben"]),
        ({"since": opened["time"]}, lambda entry: entry["time"] >= opened["time"]),
        ({"until": opened["time"]}, lambda entry: entry["time"] < opened["time"]),
        ({"q": "user b", "action": "ticket_created"}, lambda e: e["actor"]["id"] == desk.ids["ben"] and e["action"] == "ticket_created"),
    )
    for params, meant in cases:
        assert await entries(desk, **params) == [entry for entry in everything if meant(entry)], params
    assert await entries(desk, q="nobody at all") == []
    assert await entries(desk, entity="nothing") == []


async def test_entries_say_who_did_it_by_name(desk: Desk) -> None:
    ticket = await desk.open()
    (entry,) = await entries(desk, entity="ticket", entity_id=str(ticket["id"]))
    assert entry["actor"] == {"kind": "user", "id": desk.ids["anna"], "name": "User A"}


@pytest.mark.parametrize(
    "params",
    [
        {"since": "yesterday"},
        {"since": "2026-13-01T00:00:00Z"},
        {"until": "1700000000"},
        {"since": "2026-11-23T09:00:00"},
        {"until": "0001-01-01T00:00:00+05:00"},
        {"actor": ""},
        {"limit": "1000"},
        {"cursor": "abc"},
        {"who": "me"},
    ],
    ids=str,
)
async def test_a_question_that_cannot_be_meant_is_refused(desk: Desk, params: dict[str, str]) -> None:
    refused(await desk.ada.get("/api/audit", params=params), 422, "invalid")


@pytest.mark.parametrize("path", ["/api/audit", "/api/audit/verify", "/api/audit/checkpoints"])
async def test_the_audit_is_for_admins_only(desk: Desk, path: str) -> None:
    refused(await desk.anna.get(path), 403, "not-permitted")
    refused(await desk.anonymous.get(path), 401, "not-signed-in")


async def test_a_service_that_is_down_cannot_be_vouched_for(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        refused(await desk.ada.get("/api/audit/verify"), 404, "not-found")
        for answer in (await desk.ada.post("/api/audit/verify"), await desk.ada.get("/api/audit/verify")):
            result = refused(answer, 503, "unavailable")
            assert answer.headers["retry-after"]
            assert result["ok"] is None
            assert {store["source"]: store["ok"] for store in result["stores"]} == {
                "/auth": True,
                "/tickets": True,
                "/notifier": None,
                "/escalator": None,
            }


@pytest.fixture(scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path_factory.mktemp("whole"), "auth", "tickets", "notifier", "escalator") as running:
        yield running


async def test_every_store_is_verified_and_the_result_is_kept_and_an_event(whole: Desk) -> None:
    await whole.open()
    answer = await whole.ada.post("/api/audit/verify")
    result = good(answer)
    VerificationOut.model_validate_json(answer.content)
    assert result["ok"] is True
    assert [(store["source"], store["ok"], store["first_bad_sequence"], store["reason"]) for store in result["stores"]] == [
        ("/auth", True, None, None),
        ("/tickets", True, None, None),
        ("/notifier", True, None, None),
        ("/escalator", True, None, None),
    ]
    assert good(await whole.ada.get("/api/audit/verify")) == result
    (entry, *_) = await entries(whole, action="ledger_verified")
    assert entry["entity"] == {"type": "store", "id": "tickets"}
    assert entry["after"]["stores"][1] == {
        "source": "/tickets",
        "ok": True,
        "events": result["stores"][1]["events"],
        "hash": result["stores"][1]["head"]["hash"],
    }


async def test_two_who_ask_at_once_get_the_result_of_one_verification(whole: Desk) -> None:
    before = len(await entries(whole, action="ledger_verified"))
    first, second = await asyncio.gather(whole.ada.post("/api/audit/verify"), whole.alf.post("/api/audit/verify"))
    assert good(first) == good(second)
    assert len(await entries(whole, action="ledger_verified")) == before + 1


async def test_a_verification_that_takes_its_time_is_found_later(whole: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = good(await whole.ada.post("/api/audit/verify"))
    monkeypatch.setattr(audit_routes, "PATIENCE_S", 0)
    answer = await whole.ada.post("/api/audit/verify")
    assert (good(answer, 202), answer.headers["location"]) == ({"status": "running"}, "/api/audit/verify")
    async with asyncio.timeout(10):
        while (after := good(await whole.ada.get("/api/audit/verify"))) == before:  # noqa: ASYNC110 -- it is asked as a client asks
            await asyncio.sleep(0.02)
    assert after["ok"] is True


async def test_checkpoints_are_shown_with_the_keys_that_verify_them(whole: Desk) -> None:
    answer = await whole.ada.get("/api/audit/checkpoints")
    CheckpointsOut.model_validate_json(answer.content)
    page = good(answer)
    assert [key["source"] for key in page["keys"]] == ["/auth", "/tickets", "/notifier", "/escalator"]
    for item in page["items"]:
        assert item["note"].startswith(f"ste{item['source']}/")


DAMAGE = {
    "a changed fact": ("UPDATE events SET data = CAST(replace(CAST(data AS TEXT), 'open', 'gone') AS BLOB) WHERE sequence = :n",),
    "a changed text": (
        "UPDATE events SET personal = CAST(replace(CAST(personal AS TEXT), 'printer', 'plotter') AS BLOB) WHERE sequence = :n",
    ),
    "a changed column": ("UPDATE events SET actorid = 'somebody' WHERE sequence = :n",),
    "a changed head": ("UPDATE events SET head = CAST(replace(CAST(head AS TEXT), 'user', 'user ') AS BLOB) WHERE sequence = :n",),
    "a missing event": ("DELETE FROM events WHERE sequence = :n",),
    "two swapped events": (
        "UPDATE events SET sequence = -1 WHERE sequence = :n",
        "UPDATE events SET sequence = :n WHERE sequence = :n + 1",
        "UPDATE events SET sequence = :n + 1 WHERE sequence = -1",
    ),
}


@pytest.mark.parametrize("statements", DAMAGE.values(), ids=DAMAGE)
async def test_damage_is_found_with_its_sequence(whole: Desk, statements: tuple[str, ...]) -> None:
    for _ in range(3):
        await whole.open()
    first = (await entries(whole, action="ticket_created"))[2]["sequence"]
    await whole.house.settled()
    with damaged(whole, first, *statements):
        result = good(await whole.ada.post("/api/audit/verify"))
    assert result["ok"] is False
    found = {store["source"]: (store["ok"], store["first_bad_sequence"]) for store in result["stores"]}
    assert found == {"/auth": (True, None), "/tickets": (False, first), "/notifier": (True, None), "/escalator": (True, None)}
    assert good(await whole.ada.post("/api/audit/verify"))["ok"] is True


SILENCED = "UPDATE events SET personal = NULL, salt = NULL WHERE sequence = :n"


async def test_nobody_is_erased_because_the_journal_has_a_row_that_says_so(whole: Desk) -> None:
    await whole.open()
    sequence = (await entries(whole, action="ticket_created"))[0]["sequence"]
    await whole.house.settled()
    told = (
        "INSERT INTO journal (position, source, sequence, type, subject, time) "
        f"VALUES (100000 + :n, '/auth', -1, 'user.erased', 'user/{whole.ids['anna']}', '2026-11-23T09:00:00.000000Z')"
    )
    with damaged(whole, sequence, SILENCED, told):  # nothing may be written behind that row meanwhile
        async with whole.house.peer("tickets", "operator") as operator:
            tickets = good(await operator.post("/internal/verify", json={}))
    assert (tickets["ok"], tickets["first_bad_sequence"]) == (False, sequence)
    assert "no later erasure" in tickets["reason"]


async def test_what_only_auth_can_excuse_is_not_verified_while_auth_is_away(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.open()
        sequence = (await entries(desk, action="ticket_created"))[0]["sequence"]
        await desk.house.settled()
        await desk.house.stop("auth")
        with damaged(desk, sequence, SILENCED):
            async with desk.house.peer("tickets", "operator") as operator:
                silenced = good(await operator.post("/internal/verify", json={}))
                refused(await operator.post("/internal/verify", json={"erased": [desk.ids["anna"]]}), 422, "invalid")
        with damaged(desk, sequence, SILENCED, DAMAGE["a changed fact"][0]):
            async with desk.house.peer("tickets", "operator") as operator:
                changed = good(await operator.post("/internal/verify", json={}))
        async with desk.house.client("tickets") as client:
            ready = (await client.get("/readyz")).json()
    assert (silenced["ok"], silenced["first_bad_sequence"]) == (None, None)
    assert "auth" in silenced["reason"]
    assert (changed["ok"], changed["first_bad_sequence"]) == (False, sequence), "what is wrong anyway is told all the same"
    assert any("damaged" in reason for reason in ready["reasons"])


JOURNAL_DAMAGE = {
    "a gap": "DELETE FROM journal WHERE position = 1",
    "the source of an own row": "UPDATE journal SET source = '/auth2' WHERE position = {own}",
    "the sequence of an own row": "UPDATE journal SET sequence = -1 WHERE position = {own}",
    "the type of an own row": "UPDATE journal SET type = 'user.erased' WHERE position = {own}",
    "the subject of an own row": "UPDATE journal SET subject = 'ticket/999' WHERE position = {own}",
    "the time of an own row": "UPDATE journal SET time = '2020-01-01T00:00:00.000000Z' WHERE position = {own}",
    "bytes for an own row": "UPDATE journal SET wire = (SELECT wire FROM journal WHERE position = {other}) WHERE position = {own}",
    "the source of another's": "UPDATE journal SET source = '/auth2' WHERE position = {other}",
    "the sequence of another's": "UPDATE journal SET sequence = -1 WHERE position = {other}",
    "the type of another's": "UPDATE journal SET type = 'user.erased' WHERE position = {other}",
    "the subject of another's": "UPDATE journal SET subject = 'user/nobody' WHERE position = {other}",
    "the time of another's": "UPDATE journal SET time = '2020-01-01T00:00:00.000000Z' WHERE position = {other}",
    "another's bytes": "UPDATE journal SET wire = CAST(replace(CAST(wire AS TEXT), 'role', 'rôle') AS BLOB) WHERE position = {other}",
    "another's bytes as text": "UPDATE journal SET wire = CAST(wire AS TEXT) WHERE position = {other}",
    "another's spelling": "UPDATE journal SET wire = CAST(wire || ' ' AS BLOB) WHERE position = {other}",
    "another's bytes gone": "UPDATE journal SET wire = NULL WHERE position = {other}",
    "a personal part gone": "UPDATE journal SET wire = :blanked WHERE position = {other}",
    "an end cut off": "DELETE FROM journal WHERE position = {last}",
    "an event that nobody told": "INSERT INTO journal SELECT position + 1, '/x', -1, type, subject, time, wire FROM journal "
    "WHERE position = {last}",
}
NAMES_THE_EVENT = {"an end cut off", *(f"the {column} of an own row" for column in ("sequence", "type", "subject", "time"))}


@pytest.mark.parametrize("what", JOURNAL_DAMAGE)
async def test_a_journal_that_is_not_what_was_written_is_found(whole: Desk, what: str) -> None:
    await whole.open()
    await whole.house.settled()
    with whole.house.running("tickets").store.read() as connection:
        own, sequence = connection.execute(text("SELECT max(position), sequence FROM journal WHERE type = 'ticket.created'")).one()
        other, wire = connection.execute(text("SELECT position, wire FROM journal WHERE type = 'user.registered' LIMIT 1")).one()
        last = connection.execute(text("SELECT max(position) FROM journal")).scalar_one()
    statement = JOURNAL_DAMAGE[what].format(own=own, other=other, last=last)
    async with whole.house.peer("tickets", "operator") as operator:
        assert good(await operator.post("/internal/verify", json={}))["reason"] is None
        with damaged(whole, 0, statement, blanked=blanked_wire(wire)):
            report = good(await operator.post("/internal/verify", json={}))
        assert good(await operator.post("/internal/verify", json={}))["ok"] is True
    assert (report["ok"], report["first_bad_sequence"]) == (False, sequence if what in NAMES_THE_EVENT else None), report
    assert "journal" in report["reason"]


async def test_a_list_with_an_event_that_was_changed_is_refused_in_words(whole: Desk) -> None:
    ticket = await whole.open()
    registered = {"action": "user_registered", "limit": "100"}
    await whole.house.settled()
    with whole.house.running("tickets").store.read() as connection:
        other = connection.execute(text("SELECT min(position) FROM journal WHERE type = 'user.registered'")).scalar_one()
    with damaged(whole, 0, JOURNAL_DAMAGE["another's bytes"].format(other=other)):
        told = refused(await whole.ada.get("/api/audit", params=registered), 409, "log-broken")
        assert "verified" in told["detail"]
        async with whole.house.peer("tickets", "operator") as operator:
            assert (await operator.get("/internal/audit", params=registered)).status_code == 409
        good(await whole.ada.get("/api/audit", params={"action": "ticket_created"}))
    good(await whole.ada.get("/api/audit", params=registered))
    sequence = (await entries(whole, action="ticket_created"))[0]["sequence"]
    for statements in (("DELETE FROM events WHERE sequence = :n",), ("UPDATE events SET data = CAST('{' AS BLOB) WHERE sequence = :n",)):
        with damaged(whole, sequence, *statements):
            refused(await whole.ada.get(f"/api/tickets/{ticket['id']}/history"), 409, "log-broken")
    good(await whole.ada.get(f"/api/tickets/{ticket['id']}/history"))

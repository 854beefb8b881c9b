"""What arrives at once."""

import asyncio
from pathlib import Path

import httpx2

from tests.integration.tickets.conftest import Desk, good, refused, running_desk


async def test_of_two_who_read_the_same_version_one_changes_it(desk: Desk) -> None:
    ticket = await desk.open()
    answers = await asyncio.gather(*(desk.put(ticket, "status", status, **{"If-Match": '"1"'}) for status in ("in_progress", "resolved")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    stale = next(answer for answer in answers if answer.status_code == 412)
    assert refused(stale, 412, "stale")["current_version"] == 2


async def test_if_match_names_the_version_or_any(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}"
    good(await desk.anna.patch(path, json={"title": "a"}, headers={"If-Match": '"1"'}))
    refused(await desk.anna.patch(path, json={"title": "b"}, headers={"If-Match": '"1"'}), 412, "stale")
    refused(await desk.anna.patch(path, json={"title": "a"}, headers={"If-Match": '"1"'}), 412, "stale")
    good(await desk.anna.patch(path, json={"title": "b"}, headers={"If-Match": "*"}))
    good(await desk.anna.patch(path, json={"title": "c"}))
    for nonsense in ("4", 'W/"4"', '"4", "5"', '"x"', '"04"', ""):
        refused(await desk.anna.patch(path, json={"title": "d"}, headers={"If-Match": nonsense}), 422, "invalid")


async def test_one_key_opens_one_ticket_also_when_asked_twice_at_once(desk: Desk) -> None:
    body = {"title": "Once", "body": "And never again."}
    answers = await asyncio.gather(*(desk.anna.post("/api/tickets", json=body, headers={"Idempotency-Key": "once"}) for _ in range(5)))
    later = await desk.anna.post("/api/tickets", json=body, headers={"Idempotency-Key": "once"})
    assert {answer.status_code for answer in (*answers, later)} == {201}
    assert len({answer.content for answer in (*answers, later)}) == 1
    assert {answer.headers["location"] for answer in (*answers, later)} == {later.headers["location"]}
    assert later.headers["etag"] == '"1"'


async def test_a_key_is_one_persons_and_one_bodys(desk: Desk) -> None:
    body = {"title": "Mine", "body": "Not yours."}
    headers = {"Idempotency-Key": "shared"}
    annas = good(await desk.anna.post("/api/tickets", json=body, headers=headers), 201)
    bens = good(await desk.ben.post("/api/tickets", json=body, headers=headers), 201)
    assert annas["id"] != bens["id"]
    refused(await desk.anna.post("/api/tickets", json={**body, "title": "Other"}, headers=headers), 422, "key-reused")
    for nonsense in (b"", b"a b", b"\xc3\xbc", b"x" * 256):
        refused(await desk.anna.post("/api/tickets", json=body, headers={b"Idempotency-Key": nonsense}), 422, "invalid")


async def test_a_key_keeps_notes_from_being_written_twice(desk: Desk) -> None:
    ticket = await desk.open()
    path = f"/api/tickets/{ticket['id']}/notes"
    first, second = [good(await desk.ada.post(path, json={"body": "Once."}, headers={"Idempotency-Key": "n"}), 201) for _ in range(2)]
    assert first == second
    assert len(good(await desk.ada.get(path))["items"]) == 1


async def test_a_key_is_good_for_one_address_alone(desk: Desk) -> None:
    """The same key and body at two tickets are two notes: the second one is not answered with the first one's."""
    notes = []
    for _ in range(2):
        path = f"/api/tickets/{(await desk.open())['id']}/notes"
        notes.append(good(await desk.ada.post(path, json={"body": "Seen."}, headers={"Idempotency-Key": "one-key"}), 201))
        assert [note["id"] for note in good(await desk.ada.get(path))["items"]] == [notes[-1]["id"]]
    assert notes[0]["id"] != notes[1]["id"]


async def test_many_at_once_get_numbers_without_a_gap_and_each_their_own_ticket(desk: Desk) -> None:
    tickets = await asyncio.gather(*(desk.open(title=f"Ticket {n}") for n in range(40)))
    numbers = sorted(ticket["id"] for ticket in tickets)
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    assert [ticket["title"] for ticket in tickets] == [f"Ticket {n}" for n in range(40)]


async def test_ten_tickets_an_hour_are_enough_and_kept_answers_do_not_count(tmp_path: Path) -> None:
    body = {"title": "Again", "body": "and again"}
    async with running_desk(tmp_path, rate_limits="on") as desk:
        for n in range(10):
            for _ in range(2):
                good(await desk.anna.post("/api/tickets", json=body, headers={"Idempotency-Key": f"key-{n}"}), 201)
        too_many = await desk.anna.post("/api/tickets", json=body)
        refused(too_many, 429, "too-many-requests")
        assert 3500 < int(too_many.headers["retry-after"]) <= 3600
        await desk.open(desk.ben)
        for _ in range(9):
            await desk.open(desk.ben)
        for _ in range(10):
            await desk.open(desk.ada)
        refused(await desk.alf.post("/api/tickets", json=body), 429, "too-many-requests")  # 30 from one address


async def test_a_refused_ticket_does_not_count(tmp_path: Path) -> None:
    async with running_desk(tmp_path, rate_limits="on") as desk:
        answers: list[httpx2.Response] = [await desk.anna.post("/api/tickets", json={"title": ""}) for _ in range(12)]
        assert {answer.status_code for answer in answers} == {422}
        await desk.open()

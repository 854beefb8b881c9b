"""The proof file of a ticket over HTTP: what is in it, that it proves itself far from the desk, and that a broken log proves nothing."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from events.proofs import Proved, check_proof, read_proof
from events.store import log_head
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.support.house import House
from tests.support.proofs import SCRIPT
from tickets.answers import ProofOut

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")


async def proof(desk: Desk, ticket: int, **params: Any) -> httpx2.Response:
    answer = await desk.ada.get("/api/audit/proof", params={"ticket": ticket, **params})
    assert answer.status_code == 200, answer.text
    ProofOut.model_validate_json(answer.content)
    return answer


def proved(answer: httpx2.Response) -> Proved:
    return check_proof(read_proof(answer.content))


async def worked_on(desk: Desk) -> int:
    ticket = await desk.open(title="“Émile” \U0001f525")
    good(await desk.put(ticket, "status", "in_progress"))
    good(await desk.ada.post(f"/api/tickets/{ticket['id']}/notes", json={"body": "a secret among admins"}), 201)
    good(await desk.put(ticket, "status", "resolved"))
    return int(ticket["id"])


async def test_a_proof_has_all_the_events_of_the_ticket_and_proves_them(desk: Desk) -> None:
    number = await worked_on(desk)
    await desk.open()
    answer = await proof(desk, number)
    assert answer.headers["content-disposition"] == f'attachment; filename="ticket-{number}-proof.json"'
    document = answer.json()
    assert [entry["event"]["head"]["type"] for entry in document["events"]] == [
        "ticket.created",
        "ticket.status_changed",
        "ticket.note_added",
        "ticket.status_changed",
    ]
    found = proved(answer)
    assert (found.subject, found.events, found.silent) == (f"ticket/{number}", 4, 1)
    assert found.key == desk.house.running("tickets").signer.public_key
    assert found.checkpoint.size >= document["events"][-1]["index"] + 1


async def test_notes_are_in_it_only_when_they_are_asked_for(desk: Desk) -> None:
    number = await worked_on(desk)
    without, with_ = await proof(desk, number), await proof(desk, number, notes="true")
    assert ("a secret among admins" in without.text, "a secret among admins" in with_.text) == (False, True)
    assert (proved(without).silent, proved(with_).silent) == (1, 0)


async def test_an_event_that_no_checkpoint_covers_gets_one_first(desk: Desk) -> None:
    live = desk.house.running("tickets")
    number = await worked_on(desk)
    with live.store.read() as connection:
        head = log_head(connection).sequence
        assert (connection.scalar(text("SELECT max(size) FROM checkpoints")) or 0) < head
    assert proved(await proof(desk, number)).checkpoint.size == head
    again = await proof(desk, number)
    assert proved(again).checkpoint.size == head
    assert again.content == (await proof(desk, number)).content


async def test_a_proof_of_many_events_is_sent_in_parts(desk: Desk) -> None:
    ticket = await desk.open()
    for number in range(60):
        good(await desk.put(ticket, "priority", "high" if number % 2 else "low"))
    assert proved(await proof(desk, ticket["id"])).events == 61


async def test_a_proof_stays_one_while_the_ticket_changes(desk: Desk) -> None:
    ticket = await desk.open()

    async def change() -> None:
        for number in range(40):
            good(await desk.put(ticket, "priority", "high" if number % 2 else "low"))

    changing = asyncio.create_task(change())
    counts = []
    while not changing.done():
        counts.append(proved(await proof(desk, ticket["id"])).events)
    await changing
    assert counts == sorted(counts)
    assert proved(await proof(desk, ticket["id"])).events == 41


async def test_the_documents_verifier_proves_it_in_a_process_of_its_own(desk: Desk, tmp_path: Path) -> None:
    number = await worked_on(desk)
    file, key = tmp_path / "proof.json", desk.house.running("tickets").signer.public_key
    file.write_bytes((await proof(desk, number)).content)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(SCRIPT), *arguments]  # isolated: it sees nothing of this repository
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)

    done = await asyncio.to_thread(run, str(file), key)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"PROVED: 4 events of ticket/{number}, ")
    file.write_text(file.read_text().replace("in_progress", "in-progress", 1))
    done = await asyncio.to_thread(run, str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NOT PROVED: the data of event ")


@pytest.mark.parametrize(
    "params", [{}, {"ticket": "x"}, {"ticket": "0"}, {"ticket": "1", "notes": "perhaps"}, {"ticket": "1", "at": "1"}], ids=str
)
async def test_a_question_that_cannot_be_meant_is_refused(desk: Desk, params: dict[str, str]) -> None:
    refused(await desk.ada.get("/api/audit/proof", params=params), 422, "invalid")


async def test_only_admins_are_given_proofs_and_of_tickets_that_there_are(desk: Desk) -> None:
    ticket = await desk.open()
    refused(await desk.ada.get("/api/audit/proof", params={"ticket": 123456}), 404, "not-found")
    refused(await desk.anna.get("/api/audit/proof", params={"ticket": ticket["id"]}), 403, "not-permitted")
    refused(await desk.anonymous.get("/api/audit/proof", params={"ticket": ticket["id"]}), 401, "not-signed-in")


def change(house: House, statement: str, **values: Any) -> None:
    """Do to the store of tickets what somebody with a database tool can."""
    connection = pysqlite3.connect(house.settings.data_dir / "tickets.sqlite3", timeout=30, isolation_level=None)
    try:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement, values).rowcount > 0
    finally:
        connection.close()


async def test_a_log_that_is_not_what_was_signed_is_not_proved(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        number, other = await worked_on(desk), (await desk.open(desk.ben))["id"]
        assert proved(await proof(desk, number)).events == 4
        told = "CAST(replace(CAST(data AS TEXT), 'resolved', 'rejected') AS BLOB)"
        forged = f"UPDATE events SET data = {told} WHERE subject = :of AND streamversion = 4"
        change(desk.house, forged, of=f"ticket/{number}")
        assert "verified" in refused(await desk.ada.get("/api/audit/proof", params={"ticket": number}), 409, "log-broken")["detail"]
        assert proved(await proof(desk, other)).events == 1
        change(desk.house, "UPDATE checkpoints SET note = replace(note, 'ste-tickets', 'ste-tickett')")
        refused(await desk.ada.get("/api/audit/proof", params={"ticket": other}), 409, "log-broken")


async def test_tiles_that_somebody_changed_are_made_anew(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        number, ticket = await worked_on(desk), await desk.open()
        for at in range(270):  # more than a tile
            good(await desk.put(ticket, "priority", "high" if at % 2 else "low"))
        assert proved(await proof(desk, number)).events == 4
        with desk.house.running("tickets").store.read() as connection:
            assert connection.scalar(text("SELECT count(*) FROM tiles")) == 1
        for statement in (
            "UPDATE tiles SET root = zeroblob(32)",
            "UPDATE tiles SET leaves = zeroblob(8192)",
            "UPDATE tiles SET leaves = x'00'",
            "UPDATE tiles SET number = 7",
        ):
            change(desk.house, statement)
            answer = await desk.ada.get("/api/audit/proof", params={"ticket": number})
            assert proved(answer).events == 4, statement


async def test_checkpoints_are_shown_with_what_witnesses_said(tmp_path: Path) -> None:
    async with running_desk(tmp_path, "auth", "tickets", "notifier", "escalator") as desk:
        number = await worked_on(desk)
        await desk.house.settled()
        assert json.loads((await proof(desk, number)).content)["keys"] == [desk.house.running("tickets").signer.public_key]
        for name in ("notifier", "escalator"):
            async with desk.house.peer(name) as peer:
                (state,) = [each for each in good(await peer.post("/internal/witness"))["items"] if each["source"] == "/tickets"]
                assert (state["alarm"], state["trouble"]) == (None, None)
                assert state["size"] > 0
        found = proved(await proof(desk, number))
        assert [cosignature.witness for cosignature in found.cosignatures] == ["ste-escalator", "ste-notifier"]
        page = good(await desk.ada.get("/api/audit/checkpoints"))
        (item,) = [each for each in page["items"] if each["source"] == "/tickets" and each["size"] == found.checkpoint.size]
        assert [each["witness"] for each in item["cosignatures"]] == ["ste-escalator", "ste-notifier"]
        assert item["note"] == json.loads((await proof(desk, number)).content)["checkpoint"]
        cosigners = {each["cosigner"] for each in page["keys"]}
        assert {each["key"] for each in item["cosignatures"]} <= cosigners

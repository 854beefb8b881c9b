"""Somebody is erased from a desk at work: they appear in no byte of any of its files, and everything that was proved stays proved."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.settings import SERVICES
from tests.faults.desk import CrashDesk
from tests.faults.failfile import Place
from tests.support.canary import PASSWORD, TRUSTING, Canary, Life, found_in, headers, lead_a_life
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)

SLOW = 120.0
QUILLON = Canary("xyquillonmark", 77)
WITNESS = Canary("xywitnessmark", 78)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk as people run it: its services are optimised."""
    with Desk(tmp_path_factory.mktemp("erasing"), environment=TRUSTING) as running:
        yield running


def erasure(admin: httpx2.Client, person: str) -> dict[str, Any]:
    answer = admin.get(f"/api/auth/users/{person}/erasure")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def verified(admin: httpx2.Client) -> bool:
    answer = admin.post("/api/audit/verify")
    return answer.status_code == 200 and answer.json()["ok"] is True


def test_an_erased_person_is_in_no_byte_of_any_file_and_nothing_else_is_missing(desk: Desk) -> None:
    admin = desk.client("admina")
    life, other = lead_a_life(desk, QUILLON, admin), lead_a_life(desk, WITNESS, admin)
    counts, others_ticket = admin.get("/api/tickets/counts").json(), admin.get(f"/api/tickets/{other.tickets[0]}").json()
    kept_in = {file for file, _ in found_in(desk.data_dir, QUILLON)}
    assert {"auth.sqlite3", "tickets.sqlite3"} & {file.removesuffix("-wal") for file in kept_in}, "The search finds nothing at all."
    assert any(file.startswith("broker/") for file in kept_in)

    said = desk.ste("user", "erase", QUILLON.email, "--yes")
    assert said.returncode == 0, said.stdout + said.stderr
    for part in ("9 events, 2 sessions, 2 tokens", "7 events, 9 journal, 3 tickets, 3 notes, 6 kept answers", "3 notifications"):
        assert part in said.stdout, said.stdout

    assert found_in(desk.data_dir, QUILLON) == []
    assert {file for file, _ in found_in(desk.data_dir, WITNESS)} >= {"tickets.sqlite3", "auth.sqlite3"}
    assert [client_status(life.client, path) for path in ("/api/auth/me", "/api/tickets", "/api/notifications")] == [401] * 3
    assert admin.get("/api/tickets/counts").json() == counts
    assert admin.get(f"/api/tickets/{other.tickets[0]}").json() == others_ticket
    assert verified(admin)
    assert desk.ste("audit", "verify").returncode == 0
    check_what_is_told_of_the_erased(admin, life)
    check_that_the_email_is_free(desk)
    check_that_ste_calls_them_erased(desk, life)
    again = desk.ste("user", "erase", life.id, "--yes")
    assert again.returncode == 0
    assert len(admin.get("/api/audit", params={"action": "user_erased"}).json()["items"]) == 1
    assert admin.get("/api/tickets", params={"q": f"{WITNESS.mark}body"}).json()["items"] != []


def client_status(client: httpx2.Client, path: str) -> int:
    return client.get(path).status_code


def check_what_is_told_of_the_erased(admin: httpx2.Client, life: Life) -> None:
    ticket = admin.get(f"/api/tickets/{life.tickets[0]}").json()
    assert (ticket["title"], ticket["body"], ticket["status"]) == ("", "", "in_progress")
    assert ticket["requester"] == {"id": life.id, "name": None, "email": None}
    notes = admin.get(f"/api/tickets/{life.tickets[0]}/notes").json()["items"]
    assert [note["body"] for note in notes] == [""]
    changed = admin.put(f"/api/tickets/{life.tickets[0]}/priority", json={"priority": "high"}).json()
    assert (changed["title"], changed["body"]) == ("", ""), "What the writer remembers was not forgotten."
    refused = admin.post(f"/api/tickets/{life.tickets[0]}/notes", json={"body": "Too late."})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/erased")
    repeated = admin.post(
        f"/api/tickets/{life.tickets[0]}/notes",
        json={"body": QUILLON.text("note")},
        headers={"Idempotency-Key": f"note-{life.tickets[0]}"},
    )
    assert (repeated.status_code, repeated.json()["body"]) == (201, ""), "A kept answer is given again, without what was in it."
    for word in ("title", "retitled", "body", "rebody"):
        assert admin.get("/api/tickets", params={"q": QUILLON.mark + word}).json()["items"] == []
    history = admin.get(f"/api/tickets/{life.tickets[0]}/history").json()["items"]
    assert history[0]["action"] == "ticket_created"
    assert history[0]["actor"] == {"kind": "user", "id": life.id, "name": None}
    assert erasure(admin, life.id)["done"]


def check_that_ste_calls_them_erased(desk: Desk, life: Life) -> None:
    number, who = str(life.tickets[0]), f"erased person ({life.id})"
    shown = desk.ste("ticket", "show", number).stdout
    assert f"requester  {who}\n" in shown, shown
    [row] = [row for row in desk.ste("ticket", "list", "--requester", life.id).stdout.splitlines() if row.startswith(f"{number}\t")]
    assert row.split("\t")[4] == "erased person"
    rows = desk.ste("audit", "search", "--name", "erased", "--action", "ticket_created").stdout.splitlines()
    assert {row.split("\t")[3] for row in rows} == {f"user {who}"}


def check_that_the_email_is_free(desk: Desk) -> None:
    client = desk.client()
    wrong = client.post("/api/auth/login", json={"email": QUILLON.email, "password": PASSWORD}, headers=headers(QUILLON, "192.0.2.9"))
    assert wrong.status_code == 401
    fresh = {"name": "Somebody else", "email": QUILLON.email, "password": PASSWORD}
    assert client.post("/api/auth/register", json=fresh, headers={"X-Forwarded-For": "192.0.2.10"}).status_code == 201


def test_what_the_broker_or_a_service_lacks_is_done_when_it_is_back(desk: Desk) -> None:
    canary, admin = Canary("xyabsentmark", 79), desk.client("admina")
    life = lead_a_life(desk, canary, admin)
    with desk.paused("broker"), desk.paused("notifier"):
        answer = admin.post(f"/api/auth/users/{life.id}/erase", json={"email": canary.email})
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == f"/api/auth/users/{life.id}/erasure"
        told = erasure(admin, life.id)
        assert not told["done"]
        [silent] = [store for store in told["stores"] if store["source"] == "/notifier"]
        assert silent["trouble"].startswith("The service notifier cannot be reached.")
    eventually(lambda: erasure(admin, life.id)["done"], within=SLOW, what="the rest of the erasure")
    assert found_in(desk.data_dir, canary) == []
    assert verified(admin)


def test_they_are_out_of_every_service_within_a_second(desk: Desk) -> None:
    canary, admin = Canary("xyoutmark", 81), desk.client("admina")
    life = lead_a_life(desk, canary, admin)
    doors = ("/api/auth/me", "/api/tickets", "/api/notifications", "/api/escalations/policies")
    assert 401 not in [client_status(life.client, door) for door in doors]
    assert admin.post(f"/api/auth/users/{life.id}/erase", json={"email": canary.email}).status_code == 202
    # the promise is one second; a busy machine may add to it, and without the hint it would be thirty
    eventually(lambda: {client_status(life.client, door) for door in doors} == {401}, within=5.0, what="the end on every service")
    refused = life.client.post("/api/tickets", json={"title": canary.text("title"), "body": "x"})
    assert refused.status_code == 401
    eventually(lambda: erasure(admin, life.id)["done"], within=SLOW, what="the erasure")
    assert found_in(desk.data_dir, canary) == []


def test_whoever_means_another_person_erases_nobody(desk: Desk) -> None:
    canary, admin = Canary("xymistakenmark", 80), desk.client("admina")
    client = desk.client()
    account = {"name": canary.name, "email": canary.email, "password": PASSWORD}
    person = client.post("/api/auth/register", json=account, headers=headers(canary)).json()["id"]
    refused = admin.post(f"/api/auth/users/{person}/erase", json={"email": "somebody@example.org"})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "email"])
    nobody = desk.ste("user", "erase", "nobody-of-that-id", "--yes")
    assert (nobody.returncode, "There is no such user." in nobody.stderr) == (1, True)
    unasked = desk.ste("user", "erase", person)
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert admin.get(f"/api/auth/users/{person}/erasure").status_code == 404
    assert admin.get("/api/auth/users", params={"q": canary.mark}).json()["items"] != []


def test_several_processes_of_a_service_erase_together(tmp_path: Path) -> None:
    """One of them leads and erases; the others write and remember too, and wait while the file is written anew."""
    canary = Canary("xyseveralmark", 82)
    with Desk(tmp_path / "desk", environment={**TRUSTING, "STE_TICKETS_PROCESSES": "2", "STE_NOTIFIER_PROCESSES": "2"}) as desk:
        admin = desk.client("admina")
        life = lead_a_life(desk, canary, admin)
        said = desk.ste("user", "erase", life.id, "--yes")
        assert said.returncode == 0, said.stdout + said.stderr
        assert found_in(desk.data_dir, canary) == []
        titles = {
            admin.put(f"/api/tickets/{life.tickets[0]}/priority", json={"priority": to}).json()["title"] for to in ("high", "low") * 4
        }
        assert titles == {""}, "One of the processes remembers it."
        assert verified(admin)


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashDesk]:
    """A desk that can be made to die at a place in its code."""
    with CrashDesk(tmp_path_factory.mktemp("frail"), environment=TRUSTING) as running:
        yield running


@pytest.fixture(scope="module")
def admin(frail: CrashDesk) -> httpx2.Client:
    return frail.client("admina")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_while_it_erases_goes_on_when_it_is_back(frail: CrashDesk, admin: httpx2.Client, service: str) -> None:
    """At different moments: its first write after the erasure is known, and some later ones, until it is done."""
    for arrival in (1, 3, 5):
        canary = Canary(f"xy{service}{arrival}mark", 100 + 10 * SERVICES.index(service) + arrival)
        life = lead_a_life(frail, canary, admin)
        pid = frail.pid(service)
        frail.fail.arm(Place("writer.closed", service), arrival)
        admin.post(f"/api/auth/users/{life.id}/erase", json={"email": canary.email})
        eventually(frail.fail.when_hit, within=SLOW, what=f"the death of {service}")
        frail.wait_for_restart(service, pid, within=SLOW)
        if admin.get(f"/api/auth/users/{life.id}/erasure").status_code == 404:  # it died before that was committed
            admin.post(f"/api/auth/users/{life.id}/erase", json={"email": canary.email})
        eventually(lambda life=life: erasure(admin, life.id)["done"], within=SLOW, what="the whole erasure")  # type: ignore[misc]
        assert found_in(frail.data_dir, canary) == []
    assert verified(admin)


def test_the_draft_of_a_file_that_was_being_written_anew_is_not_left_behind(frail: CrashDesk, admin: httpx2.Client) -> None:
    canary = Canary("xydraftmark", 99)
    life = lead_a_life(frail, canary, admin)
    draft = Path(f"{frail.data_dir / 'tickets.sqlite3'}.anew")
    pid = frail.kill("tickets", signal.SIGKILL)
    draft.write_bytes(canary.name.encode())
    frail.wait_for_restart("tickets", pid, within=SLOW)
    assert frail.ste("user", "erase", life.id, "--yes").returncode == 0
    assert not draft.exists()
    assert found_in(frail.data_dir, canary) == []

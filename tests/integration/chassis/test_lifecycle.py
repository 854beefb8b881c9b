"""A service through its whole life: a command, its event and who hears it; twice at once, stale, too many; well, ill, and gone."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from openapi_spec_validator import validate

from chassis import secrets
from chassis.lifecycle import living
from chassis.peers import wires
from chassis.settings import SERVICES
from events.envelope import from_wire
from events.environment import real_environment
from events.store import log_head
from tests.integration.chassis.demo import COOKIE, NOTIFIER, POISON, QUOTA, TICKETS
from tests.support.house import House, eventually, house


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, TICKETS, NOTIFIER) as made:
        await eventually(lambda: all(made.running(name).broker.connected for name in ("tickets", "notifier")))
        yield made


@pytest.fixture
async def anna(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with desk.client("tickets", headers=COOKIE["anna"]) as client:
        yield client


async def status_of(desk: House, name: str) -> tuple[int, str]:
    async with desk.client(name) as client:
        answer = await client.get(f"/health/{name}")
    return answer.status_code, answer.json()["status"]


def head(desk: House, name: str) -> int:
    with desk.running(name).store.read() as connection:
        return log_head(connection).sequence


async def becomes(desk: House, name: str, status: str, within: float = 15) -> None:
    async with asyncio.timeout(within):
        while (await status_of(desk, name))[1] != status:  # noqa: ASYNC110 -- it is another's health that is waited for
            await asyncio.sleep(0.05)


async def test_a_command_becomes_an_event_that_others_handle(desk: House, anna: httpx2.AsyncClient) -> None:
    answer = await anna.post("/api/demo/tickets", json={"title": "It burns"}, headers={"x-request-id": "request-1"})
    assert answer.status_code == 201
    assert answer.json() == {"number": 1, "requester": "anna", "status": "open", "version": 1}
    assert answer.headers["etag"] == '"1"'
    async with desk.peer("tickets") as peer:
        page = await peer.get("/internal/events?after=0")
    (event,) = [from_wire(wire) for wire in wires(page.text)]
    assert (event.type, event.subject, event.actorid, event.correlationid) == ("ticket.created", "ticket/1", "anna", "request-1")
    await desk.settled()
    async with desk.client("notifier") as client:
        ready = (await client.get("/readyz")).json()
    assert ready["figures"]["heard"] == 1
    async with desk.peer("notifier") as peer:
        assert (await peer.get("/internal/seen")).json() == {
            "/tickets": {"origin": event.origin, "sequence": 1, "hash": event.hash},
        }
        assert (await peer.get("/internal/caught-up")).json()["positions"] == {"/tickets": 1}


async def test_the_same_key_twice_at_once_is_one_event_and_one_answer(desk: House, anna: httpx2.AsyncClient) -> None:
    def post(title: str = "Once", key: str = "key-1") -> asyncio.Task[httpx2.Response]:
        return asyncio.create_task(anna.post("/api/demo/tickets", json={"title": title}, headers={"idempotency-key": key}))

    answers = await asyncio.gather(*(post() for _ in range(8)))
    assert {(answer.status_code, answer.text, answer.headers["etag"]) for answer in answers} == {(201, answers[0].text, '"1"')}
    assert head(desk, "tickets") == 1
    other_body = await post(title="Other")
    assert (other_body.status_code, other_body.json()["type"]) == (422, "/problems/key-reused")
    assert (await post(key="key-2")).json()["number"] == 2
    async with desk.client("tickets", headers=COOKIE["bert"]) as bert:
        mine = await bert.post("/api/demo/tickets", json={"title": "Once"}, headers={"idempotency-key": "key-1"})
    assert mine.json()["number"] == 3  # a key is its caller's own
    for bad in ("", "a b", "x" * 256):
        assert (await post(key=bad)).status_code == 422


async def test_a_key_is_remembered_by_the_next_process(desk: House, anna: httpx2.AsyncClient) -> None:
    first = await anna.post("/api/demo/tickets", json={"title": "Once"}, headers={"idempotency-key": "key-1"})
    await desk.restart("tickets")
    again = await anna.post("/api/demo/tickets", json={"title": "Once"}, headers={"idempotency-key": "key-1"})
    assert (again.status_code, again.content) == (201, first.content)
    assert head(desk, "tickets") == 1


async def test_a_rejection_is_decided_anew(anna: httpx2.AsyncClient) -> None:
    for _ in range(QUOTA):
        assert (await anna.post("/api/demo/tickets", json={"title": "a"})).status_code == 201
    refused = [await anna.post("/api/demo/tickets", json={"title": "b"}, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in refused] == [429, 429]


async def test_of_two_who_expect_the_same_version_one_is_stale(anna: httpx2.AsyncClient) -> None:
    await anna.post("/api/demo/tickets", json={"title": "a"})
    answers = await asyncio.gather(
        *(anna.put("/api/demo/tickets/1/status", json={"status": to}, headers={"if-match": '"1"'}) for to in ("resolved", "in_progress"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    stale = next(answer for answer in answers if answer.status_code == 412)
    assert stale.json()["current_version"] == 2


async def test_a_quota_is_exact_however_many_come_at_once_and_kept_answers_do_not_count(desk: House, anna: httpx2.AsyncClient) -> None:
    keyed = [anna.post("/api/demo/tickets", json={"title": "same"}, headers={"idempotency-key": "one"}) for _ in range(5)]
    plain = [anna.post("/api/demo/tickets", json={"title": f"{n}"}) for n in range(QUOTA + 5)]
    codes = [answer.status_code for answer in await asyncio.gather(*plain, *keyed)]
    assert head(desk, "tickets") == QUOTA
    refused = await anna.post("/api/demo/tickets", json={"title": "more"})
    assert refused.status_code == 429
    assert 3500 <= int(refused.headers["retry-after"]) <= 3600
    assert set(codes) == {201, 429}
    async with desk.client("tickets", headers=COOKIE["bert"]) as bert:
        assert (await bert.post("/api/demo/tickets", json={"title": "mine"})).status_code == 201


async def test_a_stopping_service_ends_its_streams_and_finishes_its_requests(desk: House, anna: httpx2.AsyncClient) -> None:
    async with anna.stream("GET", "/api/demo/stream") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: hello"
        slow = asyncio.create_task(anna.get("/api/demo/slow"))
        writes = [asyncio.create_task(anna.post("/api/demo/tickets", json={"title": f"{n}"})) for n in range(5)]
        await eventually(lambda: head(desk, "tickets") == 5)
        began = time.monotonic()
        await desk.stop("tickets")
        rest = [line async for line in lines]
    assert time.monotonic() - began < 10
    assert "event: bye" in rest
    assert (await slow).json() == {"finished": True}
    assert {(await write).status_code for write in writes} == {201}


async def test_what_is_committed_is_relayed_before_the_service_ends(desk: House, anna: httpx2.AsyncClient) -> None:
    await desk.settled()
    await asyncio.gather(*(anna.post("/api/demo/tickets", json={"title": f"{n}"}) for n in range(8)))
    await desk.stop("tickets")
    listener = desk.running("notifier").consumers["/tickets"]
    await eventually(lambda: listener.position == 8)


async def test_a_lost_broker_makes_a_service_degraded_and_commands_go_on(desk: House, anna: httpx2.AsyncClient) -> None:
    await becomes(desk, "tickets", "ok")
    desk.broker.kill()
    await becomes(desk, "tickets", "degraded")
    assert (await anna.post("/api/demo/tickets", json={"title": "a"})).status_code == 201
    async with desk.client("tickets") as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (200, ["The broker is not connected."])
    await asyncio.to_thread(desk.broker.start)
    await becomes(desk, "tickets", "ok")
    await desk.settled()
    assert desk.running("notifier").consumers["/tickets"].position == 1


async def test_a_service_whose_store_cannot_be_written_is_down(desk: House) -> None:
    await desk.running("tickets").writer.stop()
    await becomes(desk, "tickets", "down")
    assert await status_of(desk, "tickets") == (503, "down")
    async with desk.client("tickets") as client:
        ready, health = [await client.get(path) for path in ("/readyz", "/health/tickets")]
        assert (await client.get("/livez")).status_code == 200
    assert ready.status_code == 503
    assert min(int(answer.headers["retry-after"]) for answer in (ready, health)) >= 1
    assert ready.json()["reasons"]


async def test_a_store_does_not_get_another_key_than_the_one_that_signed_it(desk: House, anna: httpx2.AsyncClient) -> None:
    await anna.post("/api/demo/tickets", json={"title": "a"})
    await desk.stop("tickets")
    key = desk.settings.secrets_dir / "signing-tickets"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(secrets.SecretLost, match="signing-tickets is missing, and the store of tickets needs it"):
        async with living(TICKETS, desk.settings, real_environment()):
            pass
    assert not key.exists()
    key.write_text(kept)
    async with living(TICKETS, desk.settings, real_environment()):
        pass


async def test_a_service_that_cannot_go_on_says_so_and_ends_by_itself(desk: House) -> None:
    live = desk.running("tickets")
    live.fail("The disk is broken.")
    live.fail("And the network too.")
    await eventually(live.stopping.is_set, 15)
    assert live.failed == "The disk is broken."  # the cause, not what followed from it


async def test_an_event_that_cannot_be_handled_is_shown_and_an_operator_decides(desk: House, anna: httpx2.AsyncClient) -> None:
    await anna.post("/api/demo/tickets", json={"title": POISON})
    await anna.post("/api/demo/tickets", json={"title": "fine"})
    await desk.settled()
    assert await status_of(desk, "notifier") == (200, "degraded")
    async with desk.peer("notifier", "operator") as operator:
        (parked,) = (await operator.get("/internal/parked")).json()["items"]
        assert (parked["source"], parked["sequence"], parked["state"]) == ("/tickets", 1, "retrying")
        assert (await operator.post("/internal/parked/tickets/1/retry")).json() == {"handled": False}
        assert (await operator.post("/internal/parked/tickets/1/skip")).status_code == 204
        assert (await operator.post("/internal/parked/tickets/1/skip")).status_code == 404
        assert (await operator.post("/internal/parked/nowhere/1/skip")).status_code == 404
    await becomes(desk, "notifier", "ok")
    async with desk.peer("notifier") as peer:
        assert (await peer.post("/internal/parked/tickets/1/skip")).status_code == 403
        page = await peer.get("/internal/events")
    assert [from_wire(wire).type for wire in wires(page.text)] == ["event.retried", "event.skipped"]


async def test_ste_lists_what_is_parked(desk: House, anna: httpx2.AsyncClient) -> None:
    await anna.post("/api/demo/tickets", json={"title": POISON})
    await desk.settled()
    urls = {f"STE_{name.upper()}_URL": desk.url("notifier") for name in SERVICES}  # the only one here with something to tell
    environment = os.environ | urls | {"STE_DATA_DIR": str(desk.settings.data_dir)}
    command = (sys.executable, "-m", "deploy.cli", "parked", "list")
    listing = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await listing.communicate()
    assert listing.returncode == 0, errors.decode()
    assert output.decode().count("ticket.created") == len(SERVICES)
    assert "retrying" in output.decode()


async def test_internal_doors_are_closed_without_a_credential(desk: House, anna: httpx2.AsyncClient) -> None:
    for method, path in (
        ("GET", "/internal/events"),
        ("GET", "/internal/seen"),
        ("GET", "/internal/caught-up"),
        ("GET", "/internal/parked"),
        ("POST", "/internal/verify"),
        ("POST", "/internal/relay/refill"),
        ("POST", "/internal/parked/tickets/1/retry"),
    ):
        answer = await anna.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-permitted")


async def test_a_store_verifies_itself_against_what_its_peers_have_seen(desk: House, anna: httpx2.AsyncClient) -> None:
    await asyncio.gather(*(anna.post("/api/demo/tickets", json={"title": f"{n}"}) for n in range(5)))
    await desk.settled()
    async with desk.peer("tickets", "operator") as operator:
        good = (await operator.post("/internal/verify", json={})).json()
        lied = {"seen": {"notifier": {"origin": "x", "sequence": 9, "hash": "0" * 64}}}
        cut = (await operator.post("/internal/verify", json=lied)).json()
    assert (good["ok"], good["events"], good["reason"]) == (True, 5, None)
    assert (cut["ok"], cut["first_bad_sequence"]) == (False, 6)


async def test_the_operator_may_fill_the_stream_again(desk: House, anna: httpx2.AsyncClient) -> None:
    await anna.post("/api/demo/tickets", json={"title": "a"})
    await desk.settled()
    async with desk.peer("tickets", "operator") as operator:
        answer = await operator.post("/internal/relay/refill")
    assert (answer.status_code, answer.json()) == (200, {"relayed": 2})  # the ticket, and that an operator did this
    await desk.settled()
    assert desk.running("notifier").consumers["/tickets"].position == 2


async def test_the_document_and_the_figures_are_served(desk: House) -> None:
    async with desk.client("tickets") as client:
        document = (await client.get("/api/tickets/openapi.json")).json()
        await client.get("/health/tickets")
        metrics = (await client.get("/metrics")).text
    validate(document)
    assert set(document["paths"]["/api/demo/tickets"]["post"]["responses"]) == {
        "201", "401", "403", "413", "415", "422", "429", "503",
    }  # fmt: skip
    assert "/internal/events" not in json.dumps(document)
    assert 'ste_figure{name="up"} 1.0' in metrics
    assert 'ste_http_request_seconds_count{method="GET",route="/health/tickets",status="200"} 1.0' in metrics

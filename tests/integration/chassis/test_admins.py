"""What every service tells admins of itself, and nobody else: how it is, what could not be handled, and what they make of that."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from events.envelope import StoredEvent
from events.store import read_stream
from tests.integration.chassis.demo import COOKIE, NOTIFIER, POISON, TICKETS
from tests.support.brokers import until
from tests.support.house import House, house

Json = dict[str, Any]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the file, so that its tests can share a desk."""
    return "asyncio"


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("admins"), TICKETS, NOTIFIER) as made:
        yield made


@pytest.fixture(scope="module")
async def carla(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    """An admin at the notifier."""
    async with desk.client("notifier", headers=COOKIE["carla"]) as client:
        yield client


@pytest.fixture(scope="module")
async def anna(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who opens tickets."""
    async with desk.client("tickets", headers=COOKIE["anna"]) as client:
        yield client


async def system(desk: House, service: str) -> Json:
    async with desk.client(service, headers=COOKIE["carla"]) as client:
        answer = await client.get(f"/api/{service}/system")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


# -- how it is ------------------------------------------------------------------------------------------------------------------------


async def test_an_admin_is_told_what_ready_says_on_the_services_own_port(desk: House, anna: httpx2.AsyncClient) -> None:
    assert (await anna.post("/api/demo/tickets", json={"title": "It burns"})).status_code == 201
    await desk.settled()
    for service in ("tickets", "notifier"):
        told = await system(desk, service)
        async with desk.client(service) as client:
            ready = (await client.get("/readyz")).json()
        assert (told["service"], told["status"], told["reasons"]) == (service, ready["status"], ready["reasons"])
        assert told["figures"].keys() == ready["figures"].keys()


async def test_it_is_told_where_the_store_and_everything_that_follows_it_stand(desk: House, anna: httpx2.AsyncClient) -> None:
    assert (await anna.post("/api/demo/tickets", json={"title": "It burns"})).status_code == 201
    await desk.settled()
    tickets, notifier = [await system(desk, service) for service in ("tickets", "notifier")]
    assert tickets["store"]["events"] == notifier["consumers"][0]["position"] >= 1
    assert tickets["store"]["recorded_at"] is not None
    assert tickets["store"]["database"].startswith("SQLite 3.")
    assert notifier["consumers"][0] == {"source": "/tickets", "position": tickets["store"]["events"], "lag_events": 0}
    assert tickets["relay"] is not None
    assert tickets["store"]["origin"] != notifier["store"]["origin"]


async def test_a_verification_is_told_of_once_there_was_one(desk: House) -> None:
    assert (await system(desk, "notifier"))["verified"] is None
    async with desk.peer("notifier", "operator") as operator:
        assert (await operator.post("/internal/verify", json={"seen": {}})).status_code == 200

    async def told() -> bool:
        verified = (await system(desk, "notifier"))["verified"]
        return verified is not None and verified["ok"] is True and verified["at"].endswith("Z")

    assert await until(told, 30)  # what was looked at holds for a while


async def test_nothing_secret_is_told_and_no_address(desk: House) -> None:
    for service in ("tickets", "notifier"):
        live, told = desk.running(service), str(await system(desk, service))
        hidden = [
            *live.secrets.values(),
            "127.0.0.1",
            "nats://",
            "sqlite:/",
            str(desk.settings.data_dir),
            str(desk.settings.port_of(service)),
        ]
        assert [each for each in hidden if each in told] == []


async def test_how_it_is_is_for_admins_alone(desk: House) -> None:
    for headers, refusal in ((COOKIE["anna"], (403, "not-permitted")), ({}, (401, "not-signed-in"))):
        async with desk.client("notifier", headers=headers) as client:
            assert problem(await client.get("/api/notifier/system")) == refusal


async def test_a_service_whose_store_cannot_be_written_tells_so_and_why(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with house(tmp_path_factory.mktemp("down"), TICKETS) as desk:
        await desk.running("tickets").writer.stop()

        async def down() -> bool:
            return bool((await system(desk, "tickets"))["status"] == "down")

        assert await until(down, 30)  # what was looked at holds for a while
        told = await system(desk, "tickets")
    assert told["reasons"][0].startswith("The store cannot be written")
    assert (told["figures"], told["relay"], told["consumers"]) == ({}, None, [])


# -- what could not be handled --------------------------------------------------------------------------------------------------------

PARKED = "/api/notifier/parked"


async def poison(desk: House, anna: httpx2.AsyncClient) -> str:
    """Open a ticket that the notifier cannot handle, and return where its first event is parked."""
    opened = await anna.post("/api/demo/tickets", json={"title": POISON})
    assert opened.status_code == 201, opened.text
    await desk.settled()
    with desk.running("tickets").store.read() as connection:
        (first,) = read_stream(connection, f"ticket/{opened.json()['number']}")
    return f"{PARKED}/tickets/{first.sequence}"


def told_of_it(desk: House) -> list[StoredEvent]:
    """What the notifier's own log says was decided about parked events."""
    with desk.running("notifier").store.read() as connection:
        return read_stream(connection, "store/notifier")


async def listed(carla: httpx2.AsyncClient) -> dict[int, Json]:
    page = await carla.get(PARKED, params={"limit": 100})
    assert page.status_code == 200, page.text
    return {item["sequence"]: item for item in page.json()["items"]}


async def test_what_could_not_be_handled_is_listed_page_by_page(desk: House, anna: httpx2.AsyncClient, carla: httpx2.AsyncClient) -> None:
    wanted = sorted([int((await poison(desk, anna)).rpartition("/")[2]) for _ in range(3)])
    whole = await listed(carla)
    shown, cursor = [], None
    while True:
        page = (await carla.get(PARKED, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        shown += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert problem(await carla.get(PARKED, params={"cursor": cursor[:-1]})) == (422, "invalid")
    assert shown == list(whole.values())
    assert set(wanted) <= whole.keys()
    item = whole[wanted[0]]
    assert (item["source"], item["type"], item["state"], item["next_at"] > item["parked_at"]) == (
        "/tickets",
        "ticket.created",
        "retrying",
        True,
    )
    assert item["error"].startswith("RuntimeError at ")


async def test_who_tries_it_again_is_told_what_came_of_it_and_stands_in_the_log(
    desk: House, anna: httpx2.AsyncClient, carla: httpx2.AsyncClient
) -> None:
    address = await poison(desk, anna)
    before = len(told_of_it(desk))
    answers = [await carla.post(f"{address}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"handled": False})] * 2
    (retried,) = told_of_it(desk)[before:]
    assert (retried.type, retried.actorkind, retried.actorid) == ("event.retried", "user", "carla")
    assert (await listed(carla))[int(address.rpartition("/")[2])]["tries"] >= 1


async def test_who_gives_it_up_says_why_and_stands_in_the_log(desk: House, anna: httpx2.AsyncClient, carla: httpx2.AsyncClient) -> None:
    address = await poison(desk, anna)
    before = len(told_of_it(desk))
    for body in ({}, {"reason": "because"}, {"reason": None}, {"reason": "not-needed", "by": "anna"}):
        assert problem(await carla.post(f"{address}/skip", json=body)) == (422, "invalid")
    for _ in range(2):
        answer = await carla.post(f"{address}/skip", json={"reason": "done-by-hand"}, headers={"Idempotency-Key": "never"})
        assert (answer.status_code, answer.content) == (204, b"")
    skipped, explained = told_of_it(desk)[before:]
    assert [each.type for each in (skipped, explained)] == ["event.skipped", "event.skip_explained"]
    assert {each.actorid for each in (skipped, explained)} == {"carla"}
    assert b'"reason":"done-by-hand"' in explained.data
    assert int(address.rpartition("/")[2]) not in await listed(carla)
    assert problem(await carla.post(f"{address}/skip", json={"reason": "done-by-hand"})) == (404, "not-found")
    other = {"Idempotency-Key": "never"}
    assert problem(await carla.post(f"{address}/skip", json={"reason": "not-needed"}, headers=other)) == (422, "key-reused")


async def test_what_waits_behind_another_is_shown_so_and_cannot_be_decided_before_it(
    desk: House, anna: httpx2.AsyncClient, carla: httpx2.AsyncClient
) -> None:
    address = await poison(desk, anna)
    first = int(address.rpartition("/")[2])
    number = (await listed(carla))[first]["subject"].partition("/")[2]
    moved = await anna.put(f"/api/demo/tickets/{number}/status", json={"status": "resolved"})
    assert moved.status_code == 200, moved.text
    await desk.settled()
    (behind,) = [item for item in (await listed(carla)).values() if item["subject"] == f"ticket/{number}" and item["sequence"] != first]
    assert (behind["state"], behind["next_at"], behind["tries"]) == ("behind", None, 0)
    for what, body in (("retry", None), ("skip", {"reason": "not-needed"})):
        assert problem(await carla.post(f"{PARKED}/tickets/{behind['sequence']}/{what}", json=body)) == (409, "parked-behind")
    assert (await carla.post(f"{address}/skip", json={"reason": "cannot-be-handled"})).status_code == 204
    assert not {first, behind["sequence"]} & (await listed(carla)).keys(), "What waited behind it follows."


async def test_what_is_not_parked_is_not_there(carla: httpx2.AsyncClient) -> None:
    for place in ("tickets/999999", "auth/1", "nowhere/1", "tickets/0", "tickets/x", f"tickets/{2**63}"):
        assert problem(await carla.post(f"{PARKED}/{place}/retry")) == (404, "not-found")
        assert problem(await carla.post(f"{PARKED}/{place}/skip", json={"reason": "not-needed"})) == (404, "not-found")


async def test_it_is_for_admins_alone_to_see_and_to_decide(desk: House, anna: httpx2.AsyncClient) -> None:
    address = await poison(desk, anna)
    for headers, refusal in ((COOKIE["anna"], (403, "not-permitted")), ({}, (401, "not-signed-in"))):
        async with desk.client("notifier", headers=headers) as client:
            assert problem(await client.get(PARKED)) == refusal
            assert problem(await client.post(f"{address}/retry")) == refusal
            assert problem(await client.post(f"{address}/skip", json={"reason": "not-needed"})) == refusal

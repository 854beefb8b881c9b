"""What every service tells admins of itself, and nobody else: how it is, what could not be handled, and what they make of that."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.integration.chassis.demo import COOKIE, NOTIFIER, TICKETS
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

    async with asyncio.timeout(30):
        while not await told():  # noqa: ASYNC110 -- what was looked at holds for a second
            await asyncio.sleep(0.1)


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
        async with asyncio.timeout(30):
            while (told := await system(desk, "tickets"))["status"] != "down":  # noqa: ASYNC110 -- what was looked at holds for a second
                await asyncio.sleep(0.1)
    assert told["reasons"][0].startswith("The store cannot be written")
    assert (told["figures"], told["relay"], told["consumers"]) == ({}, None, [])

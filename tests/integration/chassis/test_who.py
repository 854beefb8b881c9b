"""Who somebody is, asked of the real auth: what is ended there is dead here, at once; and what happens where auth cannot be reached."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.house import House, eventually, house

PERSON = {"name": "Anna", "email": "anna@example.com", "password": "correct horse battery"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, "auth", "tickets") as made:
        await eventually(lambda: made.running("tickets").broker.connected and made.running("auth").broker.connected)
        yield made


@pytest.fixture
async def anna(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Anna's browser, signed in; it is shown to any service, as the gateway would."""
    async with desk.client("auth") as client:
        assert (await client.post("/api/auth/register", json=PERSON)).status_code == 201
        answer = await client.post("/api/auth/login", json={key: PERSON[key] for key in ("email", "password")})
        assert answer.status_code == 200
        yield client


async def at_tickets(desk: House, anna: httpx2.AsyncClient) -> int:
    async with desk.client("tickets", cookies=anna.cookies) as client:
        return (await client.get("/api/tickets")).status_code


async def test_a_session_ended_at_auth_is_dead_elsewhere_at_once(desk: House, anna: httpx2.AsyncClient) -> None:
    assert await at_tickets(desk, anna) == 200
    sid = dict(anna.cookies)
    assert (await anna.post("/api/auth/logout")).status_code == 204
    anna.cookies.update(sid)
    async with asyncio.timeout(5):  # a second, and what a busy machine adds; without the hint it would be 30
        while await at_tickets(desk, anna) != 401:  # noqa: ASYNC110 -- it is another service's answer that is waited for
            await asyncio.sleep(0.02)


async def test_without_a_broker_a_session_ended_is_dead_soon(desk: House, anna: httpx2.AsyncClient) -> None:
    desk.broker.kill()
    await eventually(lambda: not desk.running("tickets").broker.connected)
    assert await at_tickets(desk, anna) == 200
    sid = dict(anna.cookies)
    assert (await anna.post("/api/auth/logout")).status_code == 204
    anna.cookies.update(sid)
    async with asyncio.timeout(6):  # 2 seconds, and what a busy machine adds
        while await at_tickets(desk, anna) != 401:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.02)


async def test_where_auth_is_away_people_go_on_and_strangers_come_back_later(desk: House, anna: httpx2.AsyncClient) -> None:
    assert await at_tickets(desk, anna) == 200
    await desk.stop("auth")
    assert await at_tickets(desk, anna) == 200
    desk.running("tickets").principals.distrust()  # what it has is stale; auth cannot be asked
    assert await at_tickets(desk, anna) == 200
    async with desk.client("tickets", cookies={"sid": "somebody else's"}) as client:
        answer = await client.get("/api/tickets")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_only_a_service_may_ask_whose_credential_it_is(desk: House, anna: httpx2.AsyncClient) -> None:
    asked = {"kind": "session", "digest": "0" * 64, "address": "", "agent": ""}
    async with desk.client("auth") as stranger, desk.peer("auth") as service, desk.peer("auth", "operator") as operator:
        assert (await stranger.post("/internal/principal", json=asked)).status_code == 403
        assert (await operator.post("/internal/principal", json=asked)).status_code == 403
        assert (await service.post("/internal/principal", json=asked)).json() == {"principal": None}

"""What the outermost layer says when nobody else can."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Request
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from chassis.lean import LeanRoute
from tests.unit.chassis.conftest import desk

router = APIRouter(route_class=LeanRoute)


@router.get("/never")
@router.post("/never")
async def never(request: Request) -> Response:
    request.app.state.begun.set()
    await asyncio.Event().wait()
    raise AssertionError("It cannot come to this.")


class DiskError(Exception):
    sqlite_errorcode = 10


@router.get("/unreadable")
@router.post("/unreadable")
async def unreadable() -> Response:
    raise OperationalError("SELECT 1", {}, DiskError())


async def cut_off(method: str = "POST", *, stopping: bool) -> list[MutableMapping[str, Any]]:
    """Return what is sent when the server cancels a request, as it does when a stopping service takes too long."""
    app = desk(router)
    app.state.begun, app.state.running.stopping = asyncio.Event(), asyncio.Event()
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": "/never", "raw_path": b"/never", "query_string": b"", "headers": [], "root_path": ""}
    visit = asyncio.create_task(app(scope, receive, send))
    await app.state.begun.wait()
    if stopping:
        app.state.running.stopping.set()
    visit.cancel()
    await visit
    return sent


@pytest.mark.parametrize(
    ("method", "status", "slug"), [("POST", 502, "outcome-unknown"), ("GET", 503, "unavailable")], ids=["a change", "a look"]
)
async def test_who_takes_longer_than_a_stopping_service_has_is_told_what_became_of_it(method: str, status: int, slug: str) -> None:
    head, body = await cut_off(method, stopping=True)
    problem = json.loads(body["body"])
    assert (head["status"], problem["status"], problem["type"]) == (status, status, f"/problems/{slug}")


@pytest.mark.parametrize(
    ("method", "status", "slug"), [("POST", 502, "outcome-unknown"), ("GET", 503, "unavailable")], ids=["a change", "a look"]
)
async def test_a_store_that_fails_beneath_a_request_is_no_error_of_ours(method: str, status: int, slug: str) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(desk(router)), base_url="http://desk") as client:
        answer = await client.request(method, "/unreadable")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


async def test_a_request_that_is_cancelled_for_another_reason_stays_so() -> None:
    with pytest.raises(asyncio.CancelledError):
        await cut_off(stopping=False)

"""Are the pages up, and those that they show: `/livez`, `/readyz`, `/metrics` on the own port, `/health/web` for everybody."""

import asyncio
from typing import Any

from fastapi import APIRouter
from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chassis.answers import json_answer
from chassis.lean import LeanRoute
from chassis.settings import SERVICES
from chassis.telemetry import Metrics
from events.errors import Unavailable
from web.front import Front, front


def router(metrics: Metrics) -> APIRouter:
    """Return the routes."""
    found = APIRouter(route_class=LeanRoute, include_in_schema=False)

    @found.get("/livez")
    async def livez() -> Response:
        return json_answer({"status": "ok"})

    @found.get("/readyz")
    async def readyz(request: Request) -> Response:
        status, reasons = await _look(front(request))
        return json_answer({"status": status, "reasons": reasons, "figures": {}}, 503 if status == "down" else 200)

    @found.get("/health/web")
    async def health(request: Request) -> Response:
        status, _ = await _look(front(request))
        return json_answer({"status": status}, 503 if status == "down" else 200)

    @found.get("/metrics")
    async def figures() -> Response:
        return PlainTextResponse(generate_latest(metrics.registry).decode())

    return found


async def _look(desk: Front) -> tuple[str, list[str]]:
    """Return how we are, and why: without a service its pages say so, and the others still come."""
    if desk.stopping.is_set():
        return "down", ["The pages are stopping."]
    silent = [
        name for name, well in zip(SERVICES, await asyncio.gather(*(_well(desk, name) for name in SERVICES)), strict=True) if not well
    ]
    return ("degraded", [f"The service {name} does not answer." for name in silent]) if silent else ("ok", [])


async def _well(desk: Front, service: str) -> bool:
    try:
        answer: Any = await desk.peers.get(service, f"/health/{service}")
    except Unavailable:
        return False
    return bool(answer.status_code == 200)

"""Is it up, is it well, and how much: `/livez`, `/readyz`, `/metrics` on the service's own port, `/health/<service>` for everybody."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import APIRouter, Request
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy import Connection, select
from starlette.responses import PlainTextResponse, Response

from chassis import erasing
from chassis.answers import json_answer
from chassis.lean import LeanRoute
from chassis.problems import RETRY_AFTER
from chassis.service import Running, running
from chassis.telemetry import Metrics
from events import erasures, parking, tables, witness
from events.decider import Key, Transaction
from events.errors import DomainError

Status = Literal["ok", "degraded", "down"]
_PATIENCE = 2.0
LOOKED = 1.0
"""Seconds for which one look holds: many who ask at once cost one write."""
_LATER = {"Retry-After": "2"}
_STOPPED = select(tables.projections.c.name).where(tables.projections.c.error.is_not(None))


class Health(BaseModel):
    """`degraded`: it answers, and something behind it does not."""

    status: Status


@dataclass(frozen=True, slots=True)
class Report:
    """`reasons` say what is not well, in words; empty when all is."""

    status: Status
    reasons: list[str] = field(default_factory=list)
    figures: Mapping[str, float] = field(default_factory=dict)


class Probe:
    """An empty unit: its batch is committed all the same, so it shows that the store can be written."""

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        """Nothing is to be done."""


class Checkup:
    """Looks at one service, not more often than those who ask need it."""

    def __init__(self, live: Running) -> None:
        self._live = live
        self._lock = asyncio.Lock()
        self._last = Report("down", ["It has not been looked at."])
        self._at = float("-inf")

    async def report(self, holds: float = LOOKED) -> Report:
        """Return how the service is, or was when it was last looked at, if that is less than `holds` seconds ago."""
        async with self._lock:
            if time.monotonic() - self._at >= holds:
                self._last = await self._look()
                self._at = time.monotonic()
            return self._last

    async def _look(self) -> Report:
        down = self._live.failed or await self._cannot_write()
        if down:
            return Report("down", [down])
        with self._live.store.read() as connection:
            rewritten = witness.alarms(connection)
            reasons = [*dict.fromkeys([*self._alarms(), *rewritten.values()])]  # the consumer that stopped for it says the same
            reasons += [f"The projection {name} has stopped." for name in connection.scalars(_STOPPED)]
            reasons += self._live.parts.reasons(connection) if self._live.parts.reasons else []
            figures = self._figures(connection) | {"witness_alarms": float(len(rewritten))}
        reasons += erasing.reasons(self._live, figures)
        if figures["parked"]:
            reasons.append(f"Events are parked: {figures['parked']:.0f}.")
        return Report("degraded" if reasons else "ok", reasons, figures)

    async def _cannot_write(self) -> str | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._live.writer.execute(Probe())
        except (DomainError, TimeoutError) as error:
            return f"The store cannot be written: {str(error).rstrip('.') or 'it takes too long'}."
        return None

    def _alarms(self) -> list[str]:
        live = self._live
        found = [] if live.broker.connected else ["The broker is not connected."]
        if live.verdict is not None and not live.verdict[1]:
            found.append(f"The store is damaged: {live.verdict[2]}")
        if not live.lease.held:  # what it saw when it led may be over
            return found
        return found + [alarm for alarm in (live.relay.alarm, *(consumer.alarm for consumer in live.consumers.values())) if alarm]

    def _figures(self, connection: Connection) -> dict[str, float]:
        live = self._live
        figures = {"leader": float(live.lease.held), "broker_connected": float(live.broker.connected)}
        if live.lease.held:  # the others neither relay nor consume, and do not know how far the leader is
            lag = live.relay.lag()
            figures |= {"relay_lag_events": float(lag.events), "relay_lag_seconds": lag.seconds}
            for source, consumer in live.consumers.items():
                figures[f"consumer_lag_events_{source.strip('/')}"] = float(max(0, consumer.heard - consumer.position))
        if live.verdict is not None:
            figures |= {"verified_at_seconds": live.verdict[0], "verified_ok": float(live.verdict[1])}
        now = live.environment.now()
        figures.update(parking.figures(connection, now) | erasures.figures(connection, now))
        figures.update(live.parts.figures(connection) if live.parts.figures else {})
        return figures


def _answer(body: Mapping[str, Any], *, well: bool) -> Response:
    return json_answer(body) if well else json_answer(body, 503, _LATER)


def health_router(service: str, checkup: Checkup, metrics: Metrics) -> APIRouter:
    """Return the routes by which one service says how it is."""
    router = APIRouter(route_class=LeanRoute)

    @router.get(
        f"/health/{service}",
        tags=["health"],
        response_model=Health,
        responses={503: {"model": Health, "description": "Down.", "headers": RETRY_AFTER}},
        openapi_extra={"security": []},
    )
    async def health() -> Response:
        """Tell anybody whether the service is well."""
        report = await checkup.report()
        return _answer({"status": report.status}, well=report.status != "down")

    @router.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return json_answer({"status": "ok"})

    @router.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        report = await checkup.report()
        ready = report.status != "down" and not running(request).stopping.is_set()
        body = {"status": report.status, "reasons": report.reasons, "figures": dict(report.figures)}
        return _answer(body, well=ready)

    @router.get("/metrics", include_in_schema=False)
    async def show_metrics() -> Response:
        report = await checkup.report()
        metrics.figures.clear()
        metrics.figures.labels("up").set(report.status != "down")
        for name, value in report.figures.items():
            metrics.figures.labels(name).set(value)
        return PlainTextResponse(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router

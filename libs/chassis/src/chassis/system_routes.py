"""How one service is, for admins: what `/readyz` says on the service's own port, through the gateway. Nothing secret, and no address."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, select
from starlette.responses import Response

from chassis.answers import json_answer
from chassis.health import Checkup, Report, Status
from chassis.lean import LeanRoute
from chassis.principal import CurrentAdmin
from chassis.service import Running, running
from events.store import log_head, sqlite_version
from events.tables import projections
from events.times import to_text

Json = dict[str, Any]

_PROJECTIONS = select(projections.c.name, projections.c.position, projections.c.error).order_by(projections.c.name)
_HOLDS = 3.0
"""Seconds; a page that asks all services waits for a write of each, which takes longer than all the rest of it."""


class StoreOut(BaseModel):
    """`events` are those of its own log; a store that was restored has another `origin`."""

    origin: str
    events: int
    recorded_at: datetime | None = Field(description="When the last of them was stored.")
    database: str


class VerifiedOut(BaseModel):
    """The last verification that this process knows of; tickets knows of those of the whole desk."""

    at: datetime
    ok: bool


class RelayOut(BaseModel):
    """What is stored and not yet with the broker."""

    lag_events: int
    lag_seconds: float


class ConsumerOut(BaseModel):
    """`position` is the last event of that source that was handled here."""

    source: str
    position: int
    lag_events: int


class ProjectionOut(BaseModel):
    """Derived tables, up to which position they are filled; one that `stopped` could not fold what follows."""

    name: str
    position: int
    stopped: bool


class SystemOut(BaseModel):
    """How a service is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "service": "tickets",
                "status": "degraded",
                "reasons": ["Events are parked: 2."],
                "store": {
                    "origin": "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11",
                    "events": 1042,
                    "recorded_at": "2026-11-24T09:00:00.123456Z",
                    "database": "SQLite 3.51.3",
                },
                "verified": {"at": "2026-11-24T03:00:00.000000Z", "ok": True},
                "relay": {"lag_events": 0, "lag_seconds": 0.0},
                "consumers": [{"source": "/auth", "position": 17, "lag_events": 0}],
                "projections": [{"name": "desk", "position": 1042, "stopped": False}],
                "figures": {"parked": 2.0, "parked_oldest_seconds": 17.5, "broker_connected": 1.0},
            }
        }
    )

    service: str
    status: Status = Field(description="`degraded`: it answers, and something behind it does not. `down`: its store cannot be written.")
    reasons: list[str] = Field(description="What is not well, in words; empty when all is.")
    store: StoreOut
    verified: VerifiedOut | None
    relay: RelayOut | None = Field(description="Null where another process of the service relays.")
    consumers: list[ConsumerOut] = Field(description="Empty where another process of the service consumes, or none does.")
    projections: list[ProjectionOut]
    figures: dict[str, float] = Field(description="Everything that is measured, by its name in `/readyz`; empty when it is down.")


def system_router(service: str, checkup: Checkup) -> APIRouter:
    """Return the route by which a service tells admins how it is."""
    router = APIRouter(prefix=f"/api/{service}", route_class=LeanRoute, tags=["system"])

    @router.get("/system", response_model=SystemOut)
    async def get_system(request: Request, _by: CurrentAdmin) -> Response:
        """Tell how this service is, and why; 200 also when it is not well. What is told was seen in the last three seconds. Admins only."""
        live, report = running(request), await checkup.report(_HOLDS)
        with live.store.read() as connection:
            return json_answer(_told(live, report, connection))

    return router


def _told(live: Running, report: Report, connection: Connection) -> Json:
    head, figures, followers = log_head(connection), report.figures, _followers(live)
    return {
        "service": live.service.name,
        "status": report.status,
        "reasons": report.reasons,
        "store": {
            "origin": head.origin,
            "events": head.sequence,
            "recorded_at": head.recordedtime or None,
            "database": _database(connection),
        },
        "verified": _verified(figures),
        "relay": _relay(figures),
        "consumers": _consumers(live, figures),
        "projections": [
            {"name": name, "position": position, "stopped": error is not None}
            for name, position, error in connection.execute(_PROJECTIONS)
            if name in followers
        ],
        "figures": dict(figures),
    }


def _followers(live: Running) -> set[str]:
    """Return the names of the projections. What a consumer derives is none: it stands where the consumer does."""
    feeds = [live.parts.projections, *(following for _, following in live.parts.feeds)]
    return {projection.name for following in feeds for projection in following}


def _database(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        return f"SQLite {'.'.join(map(str, sqlite_version()))}"
    return f"PostgreSQL {'.'.join(map(str, connection.dialect.server_version_info or ()))}"


def _verified(figures: Mapping[str, float]) -> Json | None:
    if "verified_at_seconds" not in figures:
        return None
    at = datetime.fromtimestamp(figures["verified_at_seconds"], UTC)
    return {"at": to_text(at), "ok": bool(figures["verified_ok"])}


def _relay(figures: Mapping[str, float]) -> Json | None:
    if "relay_lag_events" not in figures:
        return None
    return {"lag_events": int(figures["relay_lag_events"]), "lag_seconds": figures["relay_lag_seconds"]}


def _consumers(live: Running, figures: Mapping[str, float]) -> list[Json]:
    lags = {source: figures.get(f"consumer_lag_events_{source.strip('/')}") for source in live.consumers}
    return [
        {"source": source, "position": live.consumers[source].position, "lag_events": int(lag)}
        for source, lag in lags.items()
        if lag is not None
    ]

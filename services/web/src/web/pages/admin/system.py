"""How each part of the desk is, in words."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.settings import SERVICES
from web import times
from web.admins import enter_as_admin
from web.front import PageRoute
from web.visit import Visit
from web.words import count

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DOES = {
    "auth": "people and signing in",
    "tickets": "tickets, the audit and search",
    "notifier": "notifications and mail",
    "escalator": "deadlines and escalations",
}
WORDS = {"ok": "Well", "degraded": "Not quite well", "down": "Down"}
_NEXT = {"state": "pending", "limit": 10}


@router.get("/admin/health")
async def health(request: Request) -> Response:
    visit = Visit(request)
    systems, deadlines = await enter_as_admin(
        visit,
        _systems(visit),
        visit.maybe("escalator", "/api/escalations/deadlines", _NEXT),
    )
    shown = [{"name": name, "does": DOES[name], "system": system, "lines": lines(system)} for name, system in systems.items()]
    return visit.page(
        "admin_health.html",
        services=shown,
        words=WORDS,
        well=all(system and system["status"] == "ok" for system in systems.values()),
        deadlines=deadlines["items"] if deadlines else None,
    )


async def _systems(visit: Visit) -> dict[str, Any]:
    found = await asyncio.gather(*(visit.maybe(name, f"/api/{name}/system") for name in SERVICES))
    return dict(zip(SERVICES, found, strict=True))


def lines(system: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """Return what there is to say of a service: a name, a sentence, and where it leads, if anywhere."""
    if system is None:
        return []
    figures: Mapping[str, float] = system["figures"]
    found = [("Log", f"{count(system['store']['events'], 'event')} in {system['store']['database']}", "")]
    if system["relay"] is not None:
        found.append(("Publishing", _behind(system["relay"]["lag_events"], system["relay"]["lag_seconds"]), ""))
    found += [(f"Hears {each['source'].strip('/')}", _behind(each["lag_events"], None), "") for each in system["consumers"]]
    if stopped := [each["name"] for each in system["projections"] if each["stopped"]]:
        found.append(("Derived tables", f"stopped: {', '.join(stopped)}", ""))
    if figures.get("parked"):
        since = times.span(timedelta(seconds=figures.get("parked_oldest_seconds", 0.0)))
        found.append(
            ("Parked", f"{count(int(figures['parked']), 'event')}, the oldest for {since}", f"/admin/parked?service={system['service']}")
        )
    if figures.get("jobs_dead"):
        found.append(("Jobs", f"{int(figures['jobs_dead']):,} failed for good", "/admin/jobs?status=dead"))
    if not figures.get("broker_connected", 1.0):
        found.append(("Broker", "not connected", ""))
    return found


def _behind(events: int, seconds: float | None) -> str:
    if not events:
        return "up to date"
    text = f"{count(events, 'event')} behind"
    return text if seconds is None else f"{text}, the oldest waits for {seconds:.0f} s"

"""How the desk is doing: what waits, what came and went, how long it took."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from web import charts, words
from web.admins import enter_as_admin
from web.front import PageRoute
from web.visit import Visit

router = APIRouter(route_class=PageRoute, include_in_schema=False)
RANGES = {7: "7 days", 30: "30 days", 90: "90 days"}
BUCKETS = {
    "<1h": "< 1 h",
    "<4h": "1-4 h",
    "<1d": "4-24 h",
    "<3d": "1-3 d",
    "<1w": "3-7 d",
    "more": "> 7 d",
}
_BARS = 31
"""Days, up to which columns have room beside each other."""


@router.get("/admin")
async def overview(request: Request) -> Response:
    visit = Visit(request)
    days = range_of(request.query_params.get("days"))
    asked = {"since": (visit.now - timedelta(days=days - 1)).isoformat(), "zone": visit.preferences.zone.key}
    report, counts = await enter_as_admin(
        visit,
        visit.maybe("tickets", "/api/tickets/report", asked),
        visit.maybe("tickets", "/api/tickets/counts"),
    )
    return visit.page(
        "admin.html", days=days, ranges=RANGES, report=report, counts=counts, drawn=drawn(report) if report else None, lasts=lasts
    )


def range_of(text: str | None) -> int:
    """Return the days of a range that can be chosen; 30 for anything else."""
    return int(text) if text in {str(days) for days in RANGES} else 30


def drawn(report: dict[str, Any]) -> dict[str, Any]:
    """Return the charts of a report, by name."""
    days = [(day_label(day["day"]), day) for day in report["days"]]
    now = report["now"]
    flow = charts.grouped if len(days) <= _BARS else charts.curves
    ages = [(BUCKETS[item["bucket"]], (item["open"], item["in_progress"])) for item in now["by_age"]]
    return {
        "flow": flow(("Opened", "Resolved"), [(label, (day["opened"], day["resolved"])) for label, day in days]),
        "standing": charts.stacked(("Open", "In progress"), [(label, (day["open"], day["in_progress"])) for label, day in days]),
        "escalated": charts.stacked(("Escalated",), [(label, (day["escalated"],)) for label, day in days]),
        "resolution": charts.stacked(
            ("Resolved",), [(BUCKETS[item["bucket"]], (item["tickets"],)) for item in report["resolution"]["by_time"]]
        ),
        "ages": charts.stacked(("Open", "In progress"), ages),
        "priorities": charts.shares([(words.PRIORITIES[item["priority"]], _both(item)) for item in now["by_priority"]]),
        "load": load_of(now),
    }


def load_of(now: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how much waits at each assignee, the most first, and at nobody: id, name, number, share of the largest."""
    rows = [{"id": None, "name": "Nobody", **now["unassigned"]}, *now["by_assignee"]]
    shares = charts.shares([("", _both(row)) for row in rows])
    return [{**row, "number": number, "share": share} for row, (_, number, share) in zip(rows, shares, strict=True)]


def _both(item: dict[str, Any]) -> int:
    return int(item["open"] + item["in_progress"])


def day_label(day: str) -> str:
    """Return "23 Nov" of "2026-11-23"."""
    at = date.fromisoformat(day)
    return f"{at.day} {at:%b}"


def lasts(seconds: float | None) -> str:
    """Return a length of time in its two largest units, as "1 d 4 h", "25 min"."""
    if seconds is None:
        return "none yet"
    if seconds < 60:
        return "under 1 min"
    minutes = int(seconds // 60)
    parts = [(minutes // 1440, "d"), (minutes % 1440 // 60, "h"), (minutes % 60, "min")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)

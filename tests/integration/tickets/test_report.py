"""The report of the desk: what it counts is what the past says, whatever the order in which things were recorded; and it is fast."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from events.projections import Recorded
from events.tables import projections
from events.times import from_text, to_text
from tests.integration.tickets.conftest import Desk, Json, good, refused
from tests.integration.tickets.store import store, ticket
from tests.integration.tickets.test_past import ASKERS, Log, telling
from tests.integration.tickets.test_projections import histories, log_of, orders
from tests.unit.tickets.desk import NOON
from tickets import past
from tickets import report as reports
from tickets.days import BUCKETS, Days, days_between, zone_named
from tickets.history import HISTORY, History

REPORT = "/api/tickets/report"
FLOWS = ("opened", "resolved", "reopened", "escalated")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")
MOMENT = timedelta(microseconds=1)


def spread(log: Log, hours: int) -> Log:
    """The same log, with so many hours between what happens to a ticket instead of minutes; much is recorded later than what came after."""
    return [(sequence, Recorded(item.stored._replace(time=_later(item.stored.time, hours)), item.event)) for sequence, item in log]


def _later(time: str, hours: int) -> str:
    return to_text(NOON + (from_text(time) - NOON) * 60 * hours)


def counted(log: Log, days: Days) -> list[Counter[str]]:
    """What happened on each day, by the events themselves."""
    found: list[Counter[str]] = [Counter() for _ in days.dates]
    status: dict[str, str] = {}
    for _, item in log:
        was, subject = status.get(item.stored.subject), item.stored.subject
        after = getattr(item.event, "after", None) or {}
        now = status[subject] = after.get("status", was or "open")
        on = next(place for place, (begin, end) in enumerate(pairwise(days.begins)) if begin <= from_text(item.stored.time) < end)
        found[on]["opened"] += was is None
        found[on]["resolved"] += now == "resolved" != was
        found[on]["reopened"] += was == "resolved" != now
        found[on]["escalated"] += item.stored.type == "ticket.escalated"
    return found


@settings(max_examples=40, deadline=None)
@for_all(histories, orders, st.integers(1, 60), st.sampled_from(ZONES))
def test_each_day_is_what_happened_on_it_and_ends_as_the_past_says(told: list[list[Any]], order: list[int], hours: int, zone: str) -> None:
    log = spread(log_of(told, order), hours)
    last = max(from_text(item.stored.time) for _, item in log)
    days = days_between(NOON, last + MOMENT, last + timedelta(days=1), zone_named(zone))
    with telling() as desk:
        desk.tell(log)
        found = reports.report(desk.connection, days, last)
        for day, flows, end in zip(found["days"], counted(log, days), days.begins[1:], strict=True):
            assert {name: day[name] for name in FLOWS} == {name: flows[name] for name in FLOWS}
            then = past.counts(desk.connection, past.moment(desk.connection, at=None, as_of=to_text(end - MOMENT)), **ASKERS[0])
            assert (day["open"], day["in_progress"], day["resolved_in_all"]) == (then["open"], then["in_progress"], then["resolved"])
    assert found["totals"] == {name: sum(day[name] for day in found["days"]) for name in FLOWS}
    assert found["resolution"]["count"] == found["totals"]["resolved"]


@settings(max_examples=30, deadline=None)
@for_all(histories, orders, st.integers(1, 60))
def test_a_resolution_took_the_time_since_its_ticket_was_opened(told: list[list[Any]], order: list[int], hours: int) -> None:
    log = spread(log_of(told, order), hours)
    last = max(from_text(item.stored.time) for _, item in log)
    resolved = [
        int((from_text(item.stored.time) - NOON).total_seconds())  # at which all are opened
        for _, item in log
        if item.stored.type == "ticket.status_changed" and item.event.after["status"] == "resolved"
    ]
    with telling() as desk:
        desk.tell(log)
        found = reports.report(desk.connection, days_between(NOON, last + MOMENT, last + MOMENT, UTC), last)["resolution"]
    assert sum(each["tickets"] for each in found["by_time"]) == found["count"] == len(resolved)
    assert found["median_seconds"] == (sorted(resolved)[(len(resolved) - 1) // 2] if resolved else None)


def test_what_waits_is_counted_by_age_and_priority_and_by_who_has_it() -> None:
    ages = {"<1h": 1, "<4h": 3600, "<1d": 4 * 3600, "<3d": 86_400, "<1w": 3 * 86_400, "more": 7 * 86_400}
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    rows = [ticket(n, created_at=to_text(now - timedelta(seconds=age))) for n, age in enumerate(ages.values(), start=1)]
    rows[0] |= {"priority": "urgent", "status": "in_progress"}
    rows[1] |= {"status": "resolved"}
    with store(rows) as connection:
        found = reports._to_do(connection, now)
    one, none, busy = {"open": 1, "in_progress": 0}, {"open": 0, "in_progress": 0}, {"open": 0, "in_progress": 1}
    told = {each.pop("bucket"): each for each in found["by_age"]}
    assert told == {"<1h": busy, "<4h": none, "<1d": one, "<3d": one, "<1w": one, "more": one}
    assert list(told) == list(BUCKETS)
    assert {each.pop("priority"): each for each in found["by_priority"]} == {
        "low": none,
        "normal": {"open": 4, "in_progress": 0},
        "high": none,
        "urgent": busy,
    }


def test_only_stretches_of_indexes_are_read() -> None:
    """Nobody looks at the tickets themselves, at all quarters, or at each resolution: their numbers grow with the desk."""
    with store([ticket(1)]) as connection:
        HISTORY.create_all(connection)
        for query in (reports._DAYS, reports._BEFORE, reports._TOOK, reports._waiting()):
            text, names, constants = query.compiled(connection.dialect)
            values = tuple({**dict.fromkeys(names, 1), **constants}[name] for name in names)
            steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
            read = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and step != "SCAN CONSTANT ROW"]
            assert read
            assert all(step.startswith("SEARCH") and ("COVERING INDEX" in step or "PRIMARY KEY" in step) for step in read), steps


# -- over HTTP --------------------------------------------------------------------------------------------------------------------------


async def the_report(desk: Desk, **query: str) -> Json:
    found: Json = good(await desk.ada.get(REPORT, params=query))
    return found


async def test_what_is_done_is_in_the_report_at_once(desk: Desk) -> None:
    before = await the_report(desk)
    opened = await desk.open(priority="urgent")
    good(await desk.put(opened, "assignee", desk.ids["alf"]))
    for status in ("resolved", "open", "in_progress"):
        good(await desk.put(opened, "status", status))
    after = await the_report(desk)
    grown = {name: after["totals"][name] - before["totals"][name] for name in FLOWS}
    assert grown == {"opened": 1, "resolved": 1, "reopened": 1, "escalated": 0}
    assert after["days"][-1]["in_progress"] == before["days"][-1]["in_progress"] + 1
    assert after["resolution"]["by_time"][0]["tickets"] == before["resolution"]["by_time"][0]["tickets"] + 1
    (alf,) = (each for each in after["now"]["by_assignee"] if each["id"] == desk.ids["alf"])
    assert alf["in_progress"] >= 1
    assert after["now"]["by_priority"][3]["in_progress"] == before["now"]["by_priority"][3]["in_progress"] + 1


async def test_what_stands_at_the_end_of_today_is_what_the_counts_say(desk: Desk) -> None:
    await desk.open()
    today = (await the_report(desk))["days"][-1]
    counts = good(await desk.ada.get("/api/tickets/counts"))
    assert {"open": today["open"], "in_progress": today["in_progress"], "resolved": today["resolved_in_all"]} == {
        name: counts[name] for name in ("open", "in_progress", "resolved")
    }
    now = (await the_report(desk))["now"]
    assert sum(each["open"] for each in now["by_age"]) == sum(each["open"] for each in now["by_priority"]) == counts["open"]


async def test_days_begin_where_the_zone_says(desk: Desk) -> None:
    found = await the_report(desk, since="2026-03-28T12:00:00Z", until="2026-03-31T00:00:00+02:00", zone="Europe/Berlin")
    assert [day["day"] for day in found["days"]] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert (found["since"], found["until"]) == ("2026-03-27T23:00:00.000000Z", "2026-03-30T22:00:00.000000Z")
    assert found["zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ({"since": "yesterday"}, ["query", "since"]),
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, ["query", "since"]),
        ({"since": "2999-01-01T00:00:00Z"}, ["query", "since"]),
        ({"since": "2020-01-01T00:00:00Z"}, ["query", "since"]),
        ({"zone": "Mars/Olympus"}, ["query", "zone"]),
        ({"zone": "../UTC"}, ["query", "zone"]),
        ({"by": "week"}, ["query", "by"]),
    ],
    ids=str,
)
async def test_a_range_that_cannot_be_meant_is_refused(desk: Desk, query: dict[str, str], loc: list[str]) -> None:
    problem = refused(await desk.ada.get(REPORT, params=query), 422, "invalid")
    assert problem["errors"][0]["loc"] == loc


async def test_it_is_for_admins_alone(desk: Desk) -> None:
    refused(await desk.anna.get(REPORT), 403, "not-permitted")
    refused(await desk.anonymous.get(REPORT), 401, "not-signed-in")


async def test_while_the_tables_of_the_past_are_being_filled_it_says_so_instead_of_less(desk: Desk) -> None:
    await desk.open()
    live = desk.house.running("tickets")
    row = projections.c.name == History.name
    with live.store.writing.begin() as connection:
        position = connection.scalar(select(projections.c.position).where(row))
        connection.execute(update(projections).where(row).values(position=0, error="Held back by the test."))
    try:
        assert refused(await desk.ada.get(REPORT), 503, "unavailable")["detail"].startswith("The past is being put together")
    finally:
        with live.store.writing.begin() as connection:
            connection.execute(update(projections).where(row).values(position=position, error=None))

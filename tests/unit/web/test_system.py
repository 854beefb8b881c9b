"""How a service is, in words."""

from typing import Any

from web.pages.admin.system import lines


def a_system(**members: Any) -> dict[str, Any]:
    return {
        "service": "notifier",
        "store": {"events": 1042, "database": "SQLite 3.51.3"},
        "relay": {"lag_events": 0, "lag_seconds": 0.0},
        "consumers": [],
        "projections": [],
        "figures": {"broker_connected": 1.0},
        **members,
    }


def test_a_service_that_is_well_has_little_to_say() -> None:
    assert lines(a_system()) == [("Log", "1,042 events in SQLite 3.51.3", ""), ("Publishing", "up to date", "")]


def test_one_that_does_not_answer_has_nothing_to_say() -> None:
    assert lines(None) == []


def test_what_is_behind_says_by_how_much() -> None:
    found = lines(a_system(relay={"lag_events": 12, "lag_seconds": 3.2}, consumers=[{"source": "/auth", "position": 1, "lag_events": 1}]))
    assert ("Publishing", "12 events behind, the oldest waits for 3 s", "") in found
    assert ("Hears auth", "1 event behind", "") in found


def test_what_needs_somebody_leads_to_where_it_is_looked_after() -> None:
    figures = {"parked": 2.0, "parked_oldest_seconds": 7200.0, "jobs_dead": 3.0, "broker_connected": 0.0}
    found = lines(a_system(figures=figures, relay=None, projections=[{"name": "desk", "position": 1, "stopped": True}]))
    assert ("Parked", "2 events, the oldest for 2 h", "/admin/parked?service=notifier") in found
    assert ("Jobs", "3 failed for good", "/admin/jobs?status=dead") in found
    assert ("Derived tables", "stopped: desk", "") in found
    assert ("Broker", "not connected", "") in found

"""A ticket's history as a time line."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from web import timeline
from web.diffs import Part

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def entry(sequence: int, action: str, time: str = "2026-11-27T07:00:00.000000Z", **values: Any) -> dict[str, Any]:
    actor = {"kind": "user", "id": "anna", "name": "Anna"}
    return {"sequence": sequence, "action": action, "time": time, "actor": actor, "before": None, "after": None, **values}


def test_entries_stand_under_the_day_of_the_reader() -> None:
    late, early = entry(1, "ticket_created", "2026-11-25T22:30:00.000000Z"), entry(2, "ticket_note_added", "2026-11-26T23:30:00.000000Z")
    assert timeline.days([late, early], NOW, UTC) == [("25 Nov", [late]), ("yesterday", [early])]
    assert [day for day, _ in timeline.days([late, early], NOW, ZoneInfo("Europe/Berlin"))] == ["25 Nov", "today"]


def test_an_edit_has_the_difference_of_each_text() -> None:
    edit = entry(2, "ticket_edited", before={"title": "Old lamp"}, after={"title": "New lamp"})
    (found,) = timeline.with_changes([edit])
    assert found["diffs"] == {"title": [Part("gone", "Old"), Part("new", "New"), Part("same", " lamp")]}


def test_what_was_erased_has_none() -> None:
    (found,) = timeline.with_changes([entry(2, "ticket_edited")])
    assert found["diffs"] == {"body": None}


def test_those_are_strangers_who_once_had_the_ticket_and_did_nothing() -> None:
    entries = [
        entry(1, "ticket_created", after={"assignee": None}),
        entry(2, "ticket_assigned", after={"assignee": "bea"}),
        entry(3, "ticket_assigned", after={"assignee": "anna"}),
        entry(4, "ticket_status_changed", after={"status": "open"}),
        entry(5, "ticket_assigned", after={"assignee": "bea"}),
    ]
    known = timeline.names(entries, {"id": "carl", "name": None}, None)
    assert known == {"anna": "Anna", "carl": None}
    assert timeline.strangers(entries, known) == {"bea": 2}


def test_what_came_after_a_version_counts_what_makes_versions() -> None:
    actions = ["ticket_created", "ticket_note_added", "ticket_assigned", "ticket_escalated", "ticket_edited"]
    entries = [entry(place, action) for place, action in enumerate(actions)]
    assert [found["action"] for found in timeline.since(entries, 1)] == ["ticket_assigned", "ticket_edited"]
    assert timeline.since(entries, 3) == []

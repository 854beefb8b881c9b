"""What an incident log stands for, and what a desk must have said after it."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.incident_file import write_log
from benchmarks.incident_log import COLUMNS, Row, Unreadable, calls, people, read_log
from benchmarks.incident_truth import Entry, Heard, truth

LINE = {
    "number": "INC1",
    "incident_state": "New",
    "caller_id": "Caller 7",
    "opened_at": "29-02-2016 01:16",
    "sys_updated_by": "Updated by  9",
    "sys_updated_at": "29-02-2016 01:23",
    "assigned_to": "?",
    "priority": "3 - Moderate",
    "category": "Category 1",
    "subcategory": "?",
    "u_symptom": "?",
    "location": "Location 1",
    "contact_type": "Phone",
}


def log(path: Path, *lines: dict[str, str]) -> list[Row]:
    file = path / "log.csv"
    text = [",".join(COLUMNS), *(",".join({**LINE, **line}[name] for name in COLUMNS) for line in lines)]
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    return read_log(file)


def test_a_row_is_read_in_the_desks_words(tmp_path: Path) -> None:
    (row,) = log(tmp_path, {})
    assert (row.at, row.by, row.caller) == (datetime(2016, 2, 29, 1, 23, tzinfo=UTC), "Updated by 9", "Caller 7")
    assert (row.status, row.priority, row.assignee) == ("open", "normal", None)
    assert row.title == "INC1: Category 1"


@pytest.mark.parametrize("line", [{"incident_state": "Lost"}, {"priority": "?"}, {"sys_updated_at": "2016-02-29 01:23"}, {"number": "?"}])
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="Line 3"):
        log(tmp_path, {}, line)


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Unreadable, match="number"):
        read_log(tmp_path / "other.csv")


def test_rows_come_in_order_of_time_and_those_of_one_minute_as_they_stand(tmp_path: Path) -> None:
    rows = log(
        tmp_path,
        {"number": "B", "sys_updated_at": "01-03-2016 00:00"},
        {"number": "A", "sys_updated_at": "29-02-2016 23:59"},
        {"number": "A", "sys_updated_at": "01-03-2016 00:00"},
    )
    assert [row.incident for row in rows] == ["A", "B", "A"]


def test_the_caller_asks_and_each_updater_says_all_three(tmp_path: Path) -> None:
    rows = log(tmp_path, {}, {"incident_state": "Active", "assigned_to": "Resolver 1", "sys_updated_by": "Updated by 2"})
    assert [(call.by, call.what, call.value) for call in calls(rows)] == [
        ("Caller 7", "create", "normal"),
        ("Updated by 9", "assignee", None),
        ("Updated by 9", "priority", "normal"),
        ("Updated by 9", "status", "open"),
        ("Updated by 2", "assignee", "Resolver 1"),
        ("Updated by 2", "priority", "normal"),
        ("Updated by 2", "status", "in_progress"),
    ]


def test_everybody_is_a_person_once(tmp_path: Path) -> None:
    found = people(log(tmp_path, {}, {"assigned_to": "Resolver 1"}, {"caller_id": "Caller 8"}))
    assert found.callers == ("Caller 7", "Caller 8")
    assert found.admins == ("Updated by 9", "Resolver 1")


def test_a_reassignment_is_one_entry_that_two_people_hear_of(tmp_path: Path) -> None:
    told = truth(log(tmp_path, {"assigned_to": "Resolver 1"}, {"assigned_to": "Resolver 2"}, {}))
    incident = told.incidents["INC1"]
    assert incident.history[1:] == [
        Entry("ticket_assigned", "Updated by 9", None, "Resolver 1"),
        Entry("ticket_assigned", "Updated by 9", "Resolver 1", "Resolver 2"),
        Entry("ticket_unassigned", "Updated by 9", "Resolver 2", None),
    ]
    assigned, unassigned = Heard("ticket.assigned", "INC1"), Heard("ticket.unassigned", "INC1")
    assert told.heard == {"Resolver 1": Counter([assigned, unassigned]), "Resolver 2": Counter([assigned, unassigned])}


def test_nobody_hears_of_what_they_did_themselves(tmp_path: Path) -> None:
    told = truth(log(tmp_path, {"caller_id": "Updated by 9", "assigned_to": "Updated by 9", "incident_state": "Active"}))
    assert told.heard == {}
    assert told.actions == Counter(["ticket_created", "ticket_assigned", "ticket_status_changed"])


def test_opening_again_tells_the_caller_each_time(tmp_path: Path) -> None:
    states = ["New", "Active", "Awaiting Vendor", "Resolved", "Closed", "Active", "Resolved"]
    told = truth(log(tmp_path, *({"incident_state": state} for state in states)))
    assert [entry.after for entry in told.incidents["INC1"].history[1:]] == ["in_progress", "resolved", "in_progress", "resolved"]
    assert told.heard["Caller 7"] == Counter({Heard("ticket.status_changed", "INC1"): 4})
    assert told.notifications == 4


@pytest.mark.parametrize("seed", range(5))
def test_a_made_up_log_has_the_form_and_the_traps_of_the_real_one(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "log.csv"
    write_log(file, incidents=40, seed=seed)
    rows = read_log(file)
    told = truth(rows)
    assert len(told.incidents) == 40
    histories = [incident.history for incident in told.incidents.values()]
    assert any([entry.after for entry in history].count("resolved") > 1 for history in histories)
    assert any(entry.action == "ticket_unassigned" for history in histories for entry in history)
    assert any(before.at == after.at and before.incident == after.incident for before, after in pairwise(rows))
    assert sum(call.what == "create" for call in calls(rows)) == 40


def test_the_same_seed_makes_the_same_log(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_log(tmp_path / name, seed=7)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

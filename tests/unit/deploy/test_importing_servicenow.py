"""What a ServiceNow log says, row by row, in the desk's words."""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deploy.importing.history import LONGEST_LINE, Broken, Change, Unreadable
from deploy.importing.servicenow import COLUMNS, read

ROW = {
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
    "u_symptom": "Symptom 4",
}


def line(**values: str) -> str:
    return ",".join({**ROW, **values}.values())


def items(*lines: str | bytes, head: str = ",".join(COLUMNS), end: str = "\n") -> list[Change | Broken]:
    raw = [each.encode() if isinstance(each, str) else each for each in (head, *lines)]
    return list(read(io.BytesIO(end.encode().join(raw) + end.encode())))


def change(**values: str) -> Change:
    (found,) = items(line(**values))
    assert isinstance(found, Change), found
    return found


def reason(*lines: str | bytes) -> str:
    (found,) = items(*lines)
    assert isinstance(found, Broken)
    return found.reason


def test_a_row_says_who_opened_the_ticket_and_who_made_it_what() -> None:
    found = change(assigned_to="Resolver  3", incident_state="Active")
    assert (found.line, found.number, found.row) == (2, "INC1", None)
    assert (found.at, found.by) == (datetime(2016, 2, 29, 1, 23, tzinfo=UTC), "Updated by 9")
    assert found.said == {"assignee": "Resolver 3", "priority": "normal", "status": "in_progress"}
    assert found.opening is not None
    assert (found.opening.at, found.opening.requester) == (datetime(2016, 2, 29, 1, 16, tzinfo=UTC), "Caller 7")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("New", "open"),
        ("Active", "in_progress"),
        ("Awaiting User Info", "in_progress"),
        ("Awaiting Problem", "in_progress"),
        ("Awaiting Vendor", "in_progress"),
        ("Awaiting Evidence", "in_progress"),
        ("Resolved", "resolved"),
        ("Closed", "resolved"),
    ],
)
def test_every_state_is_one_of_the_desks(state: str, status: str) -> None:
    assert change(incident_state=state).said["status"] == status


@pytest.mark.parametrize(
    ("written", "meant"), [("1 - Critical", "urgent"), ("2 - High", "high"), ("3 - Moderate", "normal"), ("4 - Low", "low")]
)
def test_every_priority_is_one_of_the_desks(written: str, meant: str) -> None:
    assert change(priority=written).said["priority"] == meant


@pytest.mark.parametrize("unknown", ["?", "", " "])
def test_an_unknown_assignee_is_nobody_and_an_unknown_person_is_somebody(unknown: str) -> None:
    found = change(assigned_to=unknown, sys_updated_by=unknown, caller_id=unknown)
    assert (found.said["assignee"], found.by) == (None, "Unknown updater")
    assert found.opening is not None
    assert found.opening.requester == "Unknown caller"


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        (("Category 1", "Subcategory 2", "Symptom 4"), "INC1: Category 1, Subcategory 2, Symptom 4"),
        (("?", "Subcategory 2", "?"), "INC1: Subcategory 2"),
        (("?", "?", "?"), "INC1"),
    ],
)
def test_the_title_is_number_category_subcategory_and_symptom(kind: tuple[str, str, str], title: str) -> None:
    opening = change(**dict(zip(("category", "subcategory", "u_symptom"), kind, strict=True))).opening
    assert opening is not None
    assert opening.title == title


def test_a_title_is_as_long_as_one_may_be() -> None:
    opening = change(category="x" * 500).opening
    assert opening is not None
    assert len(opening.title) == 200


def test_the_text_is_the_rows_fields_as_lines_but_for_those_that_name_others() -> None:
    opening = change(assigned_to="Resolver 3").opening
    assert opening is not None
    told = opening.text({"Caller 7", "Resolver 3", "Updated by 9"}).splitlines()
    expected = {**ROW, "assigned_to": "Resolver 3"}
    del expected["assigned_to"], expected["sys_updated_by"]
    assert told == [f"{name}: {value}" for name, value in expected.items()]
    assert opening.text(()).splitlines()[4:7] == [
        "sys_updated_by: Updated by 9",
        "sys_updated_at: 29-02-2016 01:23",
        "assigned_to: Resolver 3",
    ]


def test_times_are_of_the_zone_that_was_named() -> None:
    file = io.BytesIO("\n".join([",".join(COLUMNS), line(sys_updated_at="01-07-2016 12:00")]).encode())
    (found,) = read(file, ZoneInfo("Europe/Berlin"))
    assert isinstance(found, Change)
    assert found.at == datetime(2016, 7, 1, 10, tzinfo=UTC)
    assert found.opening is not None
    assert found.opening.at == datetime(2016, 2, 29, 0, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"number": "?"}, "names no incident"),
        ({"incident_state": "Lost"}, "incident_state 'Lost'"),
        ({"priority": "?"}, "priority '?'"),
        ({"sys_updated_at": "2016-02-29 01:23"}, "sys_updated_at '2016-02-29 01:23'"),
        ({"sys_updated_at": "30-02-2016 01:23"}, "sys_updated_at"),
        ({"sys_updated_at": "?"}, "sys_updated_at"),
        ({"opened_at": "?"}, "opened_at '\\?'"),
        ({"opened_at": "29-02-2016 01:16:30"}, "opened_at"),
        ({"category": "a,b"}, "has 12 fields, and the first line 11"),
        ({"category": "a\x00b"}, "NUL"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(values: dict[str, str], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        change(**values)
    assert len(reason(line(**values))) < 200


def test_a_row_that_is_not_utf_8_is_broken_alone() -> None:
    broken, sound = items(line().encode().replace(b"Category", b"Cat\xe9gory"), line())
    assert broken == Broken(2, "is not UTF-8")
    assert isinstance(sound, Change)


def test_a_row_may_have_lines_in_its_fields_and_is_named_by_its_first() -> None:
    first, second, third = items(line(category='"a ""b""\nc"'), line(), "short")
    assert (isinstance(first, Change), isinstance(second, Change)) == (True, True)
    assert [each.line for each in (first, second, third)] == [2, 4, 5]
    assert isinstance(first, Change)
    assert first.opening is not None
    assert 'category: a "b"\nc' in first.opening.text(())


@pytest.mark.parametrize("stray", [line(category='"never ended'), line(category='"' + "x" * 200_000), '"', "x" * (LONGEST_LINE + 7)])
def test_a_broken_row_swallows_none_of_those_behind_it(stray: str) -> None:
    found = items(line(), stray, line(number="INC2"), line(number="INC3"))
    assert [each.number for each in found if isinstance(each, Change)] == ["INC1", "INC2", "INC3"]
    assert [each.line for each in found] == [2, 3, 4, 5]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_as_anywhere_and_empty_ones_are_passed_over(end: str) -> None:
    assert [each.line for each in items(line(), "", line(), end=end)] == [2, 4]


def test_a_mark_at_the_beginning_of_the_file_is_not_part_of_the_first_name() -> None:
    assert isinstance(items(line(), head="\ufeff" + ",".join(COLUMNS))[0], Change)


def test_columns_may_stand_in_another_order_and_beside_others() -> None:
    (found,) = items(",".join(["beside", *reversed(ROW.values())]), head=",".join(["more", *reversed(COLUMNS)]))
    assert isinstance(found, Change)
    assert found.opening is not None
    assert found.opening.text(()).splitlines()[0] == "more: beside"


@pytest.mark.parametrize("head", ["", "a,b", ",".join(COLUMNS[:-1]), '"', "\x00" * 200_000])
def test_a_file_without_the_columns_is_no_log(head: str) -> None:
    with pytest.raises(Unreadable, match=r"u_symptom|is no CSV"):
        items(line(), head=head)

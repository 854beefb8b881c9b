"""What the overview says in words."""

import pytest

from web.pages.admin.overview import day_label, lasts, load_of, range_of


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "none yet"),
        (0, "under 1 min"),
        (59.9, "under 1 min"),
        (60, "1 min"),
        (5400, "1 h 30 min"),
        (7200, "2 h"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert lasts(seconds) == said


@pytest.mark.parametrize(("text", "days"), [("7", 7), ("90", 90), (None, 30), ("", 30), ("-7", 30), ("1e9", 30)])
def test_only_ranges_that_are_offered_are_taken(text: str | None, days: int) -> None:
    assert range_of(text) == days


def test_a_day_is_short() -> None:
    assert day_label("2026-11-03") == "3 Nov"


def test_nobody_comes_first_and_shares_are_of_the_largest() -> None:
    now = {"unassigned": {"open": 1, "in_progress": 0}, "by_assignee": [{"id": "a", "name": None, "open": 3, "in_progress": 1}]}
    assert [(row["name"], row["number"], row["share"]) for row in load_of(now)] == [("Nobody", 1, 25.0), (None, 4, 100.0)]

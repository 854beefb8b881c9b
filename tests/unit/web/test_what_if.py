"""What a simulation found, drawn."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.what_if import chart_of, verdict

THEN = date(2016, 6, 1)
DAYS = st.dictionaries(st.integers(0, 3000), st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30)


def by_day(counts: dict[int, tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"day": str(date(2016, 1, 1) + timedelta(days=day)), "total": new, "current": old} for day, (new, old) in sorted(counts.items())
    ]


@given(DAYS)
def test_days_weeks_and_months_keep_the_sums(counts: dict[int, tuple[int, int]]) -> None:
    chart = chart_of(by_day(counts), THEN)
    assert len(chart.rows) <= 106
    assert sum(values[0] for _, values in chart.rows) == sum(new for new, _ in counts.values())
    assert sum(values[1] for _, values in chart.rows) == sum(old for _, old in counts.values())


def test_days_between_are_there_and_empty() -> None:
    chart = chart_of(by_day({0: (1, 0), 2: (0, 3)}), THEN)
    assert chart.rows == (("1 Jan", (1, 0)), ("2 Jan", (0, 0)), ("3 Jan", (0, 3)))


def test_another_year_than_this_is_named() -> None:
    assert chart_of(by_day({0: (1, 0)}), date(2026, 1, 1)).rows[0][0] == "1 Jan 16"


def test_nothing_that_escalates_is_an_empty_chart() -> None:
    assert chart_of([], THEN).empty


@pytest.mark.parametrize(
    ("total", "current", "new", "gone", "said"),
    [
        (5, 5, 0, 0, "The same tickets would have escalated."),
        (5, 5, 2, 2, "As many tickets would have escalated, but not the same ones."),
        (6, 5, 1, 0, "1 more ticket would have escalated."),
        (1000, 3000, 0, 2000, "2,000 fewer tickets would have escalated."),
    ],
)
def test_the_verdict_says_what_comes_of_it(total: int, current: int, new: int, gone: int, said: str) -> None:
    answer = {"total": total, "current_total": current, "only_new_total": new, "only_current_total": gone}
    assert verdict(answer) == said

"""Charts stay within their box and say what they draw, whatever the numbers."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Chart, curves, grouped, scale_top, shares, short, stacked

COUNTS = st.integers(-3, 20) | st.integers(0, 10**15)
NAMES = ("Open", "In progress")
ROWS = st.lists(st.tuples(st.sampled_from(["1 Nov", "2 Nov"]), st.tuples(COUNTS, COUNTS)), max_size=120)
CLOSE = 0.1
"""Coordinates are rounded to hundredths; widths and places each."""


def within(x: float, y: float) -> bool:
    return LEFT - CLOSE <= x <= WIDTH + CLOSE and TOP - CLOSE <= y <= HEIGHT - BOTTOM + CLOSE


def check_frame(chart: Chart) -> None:
    assert 2 <= len(chart.lines) <= 7
    assert all(within(LEFT, line.y) for line in chart.lines)
    assert all(LEFT <= label.x <= WIDTH for label in chart.labels)
    assert len(chart.labels) <= 8


@given(ROWS)
def test_columns_stay_in_the_box_and_sum_up(rows: list[tuple[str, tuple[int, int]]]) -> None:
    for chart in (stacked(NAMES, rows), grouped(NAMES, rows)):
        check_frame(chart)
        for bar in chart.bars:
            assert within(bar.x, bar.y)
            assert within(bar.x + bar.width, bar.y + bar.height)
            assert bar.height >= 0
            assert bar.width > 0
        assert len(chart.bars) == sum(value > 0 for _, values in rows for value in values)


@given(ROWS)
def test_lines_stay_in_the_box(rows: list[tuple[str, tuple[int, int]]]) -> None:
    chart = curves(NAMES, rows)
    check_frame(chart)
    for curve in chart.curves:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", curve.d)]
        assert all(map(math.isfinite, numbers))
        assert all(within(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True))


@given(st.integers(0, 10**18))
def test_an_axis_ends_at_or_above_the_largest_number_on_a_line_of_its_grid(largest: int) -> None:
    top, step = scale_top(largest)
    assert top >= max(1, largest)
    assert top % step == 0
    assert top // step <= 5


@pytest.mark.parametrize("odd", [math.nan, math.inf, -1.0])
def test_an_axis_ends_somewhere_for_what_is_no_count(odd: float) -> None:
    assert scale_top(odd) == (1, 1)


def test_no_data_is_an_empty_chart_and_not_an_error() -> None:
    for chart in (stacked(NAMES, []), grouped(NAMES, []), curves(NAMES, [])):
        assert chart.empty
        assert (chart.bars, chart.curves, chart.labels) == ((), (), ())


def test_a_single_value_is_seen() -> None:
    chart = curves(("Open",), [("1 Nov", (3,))])
    assert chart.curves[0].dots == ((338.0, chart.lines[3].y),)
    assert not chart.empty


def test_the_last_day_has_its_label() -> None:
    chart = stacked(NAMES, [(str(day), (1, 1)) for day in range(90)])
    assert chart.labels[-1].text == "89"


def test_what_a_column_stands_for_can_be_read() -> None:
    assert [bar.text for bar in stacked(NAMES, [("1 Nov", (1200, 0))]).bars] == ["1 Nov: 1,200 open"]


@given(st.lists(st.tuples(st.text(max_size=3), COUNTS), max_size=12))
def test_lying_bars_are_hundredths_of_the_longest(rows: list[tuple[str, int]]) -> None:
    found = shares(rows)
    assert all(0 <= share <= 100 for _, _, share in found)
    if any(value > 0 for _, value in rows):
        assert max(share for _, _, share in found) == 100


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (950, "950"), (12_000, "12k"), (3_500_000, "3.5M"), (5 * 10**15, "5000T")])
def test_numbers_at_an_axis_are_short(number: int, text: str) -> None:
    assert short(number) == text

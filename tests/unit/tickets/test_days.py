"""The days of a report: whole ones of a zone, without a gap, however its clocks are changed."""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from tickets.days import BUCKETS, LIMITS, MOST_DAYS, Backwards, Days, TooLong, apart, days_between, percentile, zone_named

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Monrovia")
moments = st.datetimes(datetime(1970, 1, 2), datetime(2026, 11, 27)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def test_unless_told_otherwise_there_are_the_30_days_that_end_with_today() -> None:
    days = days_between(None, None, NOW, UTC)
    assert (len(days.dates), days.dates[0], days.dates[-1]) == (30, date(2026, 10, 29), date(2026, 11, 27))
    assert (days.begin, days.end) == (datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC))


def test_today_is_another_day_elsewhere() -> None:
    late = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    assert days_between(None, None, late, zone_named("Europe/Berlin")).dates[-1] == date(2026, 11, 28)


def test_a_day_that_ends_where_the_range_does_is_the_last_one() -> None:
    days = days_between(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), NOW, UTC)
    assert days.dates == [date(2026, 11, 1), date(2026, 11, 2)]


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    days = days_between(datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), NOW, zone_named("Europe/Berlin"))
    lengths = {day: later - sooner for day, (sooner, later) in zip(days.dates, pairwise(days.begins), strict=True)}
    assert lengths[date(2026, 3, 29)] == timedelta(hours=23)
    assert [stretch.days for stretch in days.stretches()] == [2, 1, 2]


def test_a_day_that_a_zone_skipped_has_no_time() -> None:
    days = days_between(datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC), NOW, zone_named("Pacific/Apia"))
    skipped = days.dates.index(date(2011, 12, 30))
    assert days.begins[skipped] == days.begins[skipped + 1]
    assert skipped not in [stretch.place for stretch in days.stretches()]


@for_all(moments, st.integers(1, MOST_DAYS - 1), st.sampled_from(ZONES))
def test_the_days_hold_what_was_asked_for_and_no_day_more(since: datetime, length: int, zone: str) -> None:
    until = min(since + length * DAY, NOW)
    days = days_between(since, until, NOW, zone_named(zone))
    assert days.begin <= since < days.begins[1]
    assert days.begins[-2] < until <= days.end or days.begins[-2] == days.begins[-1]
    assert [later - sooner for sooner, later in pairwise(days.dates)] == [DAY] * (len(days.dates) - 1)


@for_all(moments, st.integers(1, MOST_DAYS - 1), st.sampled_from(ZONES))
def test_the_stretches_are_all_days_one_after_the_other(since: datetime, length: int, zone: str) -> None:
    days = days_between(since, since + length * DAY, NOW, zone_named(zone))
    begins = [stretch.begin + place * stretch.length for stretch in days.stretches() for place in range(stretch.days)]
    assert begins == _of_some_length(days)


def _of_some_length(days: Days) -> list[datetime]:
    return [sooner for sooner, later in pairwise(days.begins) if later > sooner]


def test_a_range_that_ends_before_it_begins_and_one_that_is_too_long_are_refused() -> None:
    for since, until in ((NOW, NOW), (NOW, NOW - DAY), (NOW + DAY, None), (NOW + DAY, NOW + 2 * DAY)):
        with pytest.raises(Backwards):
            days_between(since, until, NOW, UTC)
    with pytest.raises(TooLong):
        days_between(NOW - MOST_DAYS * DAY, None, NOW, UTC)
    assert len(days_between(NOW - (MOST_DAYS - 1) * DAY, None, NOW, UTC).dates) == MOST_DAYS


@pytest.mark.parametrize("name", ["", "Berlin", "europe/berlin", "../etc/passwd", "/UTC", "UTC ", "Europe", "x" * 64])
def test_what_is_no_zone_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a time zone"):
        zone_named(name)


@for_all(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(numbers: list[int], percent: int) -> None:
    numbers.sort()
    found = percentile(numbers, percent)
    assert found == min(each for each in numbers if sum(other <= each for other in numbers) * 100 >= percent * len(numbers))


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 50) is None


@for_all(st.lists(st.integers(0, 2 * LIMITS[-1])))
def test_everything_is_in_one_bucket_the_first_that_it_is_below(numbers: list[int]) -> None:
    numbers.sort()
    found = dict(zip(BUCKETS, apart([bisect_left(numbers, limit) for limit in LIMITS], len(numbers)), strict=True))
    named = [next(name for name, limit in BUCKETS.items() if limit is None or each < limit) for each in numbers]
    assert found == {name: named.count(name) for name in BUCKETS}

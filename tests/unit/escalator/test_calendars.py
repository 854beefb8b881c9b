"""Working time: exact to the microsecond, whatever the clocks do."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalator.calendars import LATEST, WEEKDAYS, Calendar, Span, parse_span

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "America/Havana",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
SPANS = ["00:00-24:00", "09:00-12:00", "13:00-17:30", "22:00-06:00", "01:30-03:30", "02:15-02:45", "23:30-00:30", "00:00-01:00"]
CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2011-12-30", "2026-01-01"]
"""Days on which some of these zones' clocks are set, one that Samoa never had, and a new year."""


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = {day: draw(st.lists(st.sampled_from(SPANS), max_size=2, unique=True)) for day in WEEKDAYS}
    around = [date.fromisoformat(day) + timedelta(days=step) for day in CHANGES for step in (-1, 0, 1)]
    free = [day.isoformat() for day in draw(st.lists(st.sampled_from(around), max_size=3))]
    return Calendar.of({"zone": draw(st.sampled_from(ZONES)), "hours": hours, "holidays": free})


usable = calendars().filter(lambda calendar: not list(calendar.wrong()))
starts = st.builds(
    lambda day, seconds: datetime.fromisoformat(f"{day}T00:00:00Z") + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-2 * 86_400, 86_400),
)
durations = st.one_of(st.integers(1, 4 * 86_400), st.integers(1, 20 * 86_400)).map(lambda seconds: timedelta(seconds=seconds))


def shown(calendar: Calendar, moment: datetime) -> bool:
    """Whether the clock on the wall shows working time, told from the words of the definition alone."""
    there = moment.astimezone(ZoneInfo(calendar.zone))
    minute = there.hour * 60 + there.minute
    today, yesterday = calendar.hours[there.weekday()], calendar.hours[there.weekday() - 1]
    working = any(span.begin <= minute < (span.end if span.end > span.begin else 1440) for span in today)
    working |= any(span.end <= span.begin and minute < span.end for span in yesterday)
    return working and there.date() not in calendar.holidays


@settings(max_examples=60, deadline=None)
@given(usable, starts.map(lambda moment: moment.replace(second=0)), st.integers(1, 600))
def test_it_equals_counting_the_minutes_one_by_one(calendar: Calendar, start: datetime, minutes: int) -> None:
    moment, counted = start, 0
    for _ in range(5 * 1440):
        counted += shown(calendar, moment)
        moment += MINUTE
        if counted == minutes:
            assert calendar.after(start, minutes * MINUTE) == moment
            break
    else:
        assert calendar.after(start, minutes * MINUTE) > moment
    assert calendar.between(start, moment) == counted * MINUTE


@settings(max_examples=100, deadline=None)
@given(usable, starts, durations)
def test_measuring_is_the_inverse_of_adding(calendar: Calendar, start: datetime, working: timedelta) -> None:
    end = calendar.after(start, working)
    assert calendar.between(start, end) == working
    assert calendar.between(start, end - timedelta(microseconds=1)) < working, "There is an earlier moment."


@settings(max_examples=100, deadline=None)
@given(usable, starts, durations, durations)
def test_later_or_longer_is_never_earlier(calendar: Calendar, start: datetime, some: timedelta, more: timedelta) -> None:
    assert calendar.after(start, some) < calendar.after(start, some + more)
    assert calendar.after(start, some) <= calendar.after(start + more, some)
    assert calendar.after(start, some) >= start + some, "Working time runs no faster than time."


@settings(max_examples=60, deadline=None)
@given(usable, starts, durations, durations)
def test_one_piece_after_the_other_is_both_at_once(calendar: Calendar, start: datetime, first: timedelta, second: timedelta) -> None:
    assert calendar.after(calendar.after(start, first), second) == calendar.after(start, first + second)


@settings(max_examples=100, deadline=None)
@given(calendars())
def test_a_calendar_comes_back_from_its_data(calendar: Calendar) -> None:
    assert Calendar.of(calendar.to_data()) == calendar


def calendar(*, zone: str = "Europe/Berlin", holidays: Sequence[str] = (), **hours: Sequence[str]) -> Calendar:
    return Calendar.of(
        {"zone": zone, "hours": hours or {day: ["09:00-12:00", "13:00-17:00"] for day in WEEKDAYS[:5]}, "holidays": holidays}
    )


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "working", "end"),
    [
        ("2026-11-27 16:00", 1, "2026-11-27 17:00"),  # Friday: the hour is over when the day is
        ("2026-11-27 16:00", 2, "2026-11-30 10:00"),
        ("2026-11-28 03:00", 3, "2026-11-30 12:00"),
        ("2026-11-28 03:00", 4, "2026-11-30 14:00"),
        ("2026-12-24 16:00", 2, "2026-12-28 10:00"),  # Thursday; Friday is Christmas
        ("2028-02-28 16:00", 9, "2028-03-01 10:00"),  # a leap year has 29 February
    ],
)
def test_weekends_breaks_and_holidays_do_not_count(start: str, working: int, end: str) -> None:
    assert calendar(holidays=("2026-12-25",)).after(at(start), working * HOUR) == at(end)


def test_on_the_day_that_loses_an_hour_a_night_shift_is_an_hour_shorter() -> None:
    nights = calendar(sat=["22:00-06:00"])
    assert nights.between(at("2026-03-21 12:00"), at("2026-03-23 12:00")) == 8 * HOUR
    assert nights.between(at("2026-03-28 12:00"), at("2026-03-30 12:00")) == 7 * HOUR
    assert nights.between(at("2026-10-24 12:00"), at("2026-10-26 12:00")) == 9 * HOUR
    assert nights.after(at("2026-03-28 22:00"), 7 * HOUR) == at("2026-03-29 06:00")


def test_a_time_that_no_clock_shows_is_no_working_time_and_one_that_is_shown_twice_counts_twice() -> None:
    sundays = calendar(sun=["02:15-02:45"])
    assert sundays.between(at("2026-03-28 00:00"), at("2026-03-30 00:00")) == timedelta()
    assert sundays.between(at("2026-10-24 00:00"), at("2026-10-26 00:00")) == HOUR


def test_a_holiday_is_free_from_midnight_to_midnight_whatever_reaches_into_it() -> None:
    nights = calendar(holidays=("2026-12-25",), thu=["22:00-06:00"], fri=["22:00-06:00"])
    assert nights.between(at("2026-12-24 12:00"), at("2026-12-25 12:00")) == 2 * HOUR
    assert nights.between(at("2026-12-25 12:00"), at("2026-12-26 12:00")) == 6 * HOUR


def test_a_day_that_a_country_skipped_has_no_time() -> None:
    days = {day: ["00:00-24:00"] for day in WEEKDAYS}
    always = Calendar.of({"zone": "Pacific/Apia", "hours": days, "holidays": []})
    fridays = calendar(zone="Pacific/Apia", fri=["00:00-24:00"])
    thursday, monday = (at(f"{day} 00:00", "Pacific/Apia") for day in ("2011-12-29", "2012-01-02"))
    assert always.between(thursday, monday) == monday - thursday == 72 * HOUR
    assert fridays.between(thursday, monday) == timedelta()


def test_what_never_comes_is_later_than_any_date() -> None:
    rarely = calendar(mon=["09:00-09:01"])
    assert rarely.after(at("2026-11-27 16:00"), timedelta(days=3650)) == LATEST
    assert rarely.after(datetime.max.replace(tzinfo=UTC), HOUR) == LATEST


def test_the_ages_of_the_world_are_no_trouble() -> None:
    assert calendar().after(datetime(1, 1, 1, tzinfo=UTC), HOUR) < datetime(3, 1, 1, tzinfo=UTC)
    assert calendar().between(datetime(9998, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)) > timedelta(days=50)


@pytest.mark.parametrize(
    ("text", "span"),
    [("09:00-17:30", Span(540, 1050)), ("00:00-24:00", Span(0, 1440)), ("22:00-06:00", Span(1320, 360)), ("22:00-00:00", Span(1320, 1440))],
)
def test_a_span_is_two_times_of_day(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "9:00-17:00", "09:00", "09:00-24:01", "24:00-06:00", "09:60-10:00", "09:00\u201317:00", "\u06609:00-17:00"]
)
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="span"):
        parse_span(text)


@pytest.mark.parametrize("text", ["09:00-09:00", "00:00-00:00"])
def test_a_span_of_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="00:00-24:00"):
        parse_span(text)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"zone": "Mars/Olympus"}, ("zone",)),
        ({"zone": "America"}, ("zone",)),
        ({"zone": "../../etc/passwd"}, ("zone",)),
        ({"zone": "localtime"}, ("zone",)),
        ({"zone": ""}, ("zone",)),
        ({"hours": {}}, ("hours",)),
        ({"hours": {"mon": ["09:00-12:00", "11:59-13:00"]}}, ("hours", "mon")),
        ({"hours": {"mon": ["22:00-06:00"], "tue": ["05:00-09:00"]}}, ("hours", "tue")),
        ({"hours": {"sun": ["22:00-06:00"], "mon": ["00:00-01:00"]}}, ("hours", "mon")),
        ({"hours": {"mon": [f"{hour:02}:00-{hour:02}:30" for hour in range(13)]}}, ("hours", "mon")),
        ({"holidays": [str(date(2026, 1, 1) + timedelta(days=day)) for day in range(1001)]}, ("holidays",)),
    ],
)
def test_a_calendar_that_cannot_be_says_where(data: dict[str, Any], where: tuple[str, ...]) -> None:
    whole = {"zone": "UTC", "hours": {"mon": ["09:00-17:00"]}, "holidays": [], **data}
    assert [place for place, _ in Calendar.of(whole).wrong()] == [where]


def test_spans_may_touch_also_over_midnight() -> None:
    touching = calendar(mon=["09:00-12:00", "12:00-15:00", "22:00-06:00"], tue=["06:00-09:00"], wed=["00:00-24:00"], thu=["00:00-02:00"])
    assert list(touching.wrong()) == []

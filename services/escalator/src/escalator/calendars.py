"""Business calendars: which time is working time, and how much of it lies between two moments. Pure.

Time counts while a clock on a wall of `zone` shows a time within one of the weekday's spans, on a date that is no holiday. So a span over
the hour that a clock skips in spring lasts an hour less, what the clock shows twice in autumn counts twice, and a holiday is free from
midnight to midnight, whatever span reaches into it. What clocks show comes from the machine's time zone database, else from tzdata.

Within, moments are whole microseconds since 1970, UTC: the working time of each year is laid out once, and found by bisection.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
MOST_SPANS = 12
MOST_HOLIDAYS = 1000
LATEST = datetime.max.replace(tzinfo=UTC)
"""Stands for a moment that no date can name."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE, _DAY = 60_000_000, 86_400_000_000
_MINUTES_A_DAY, _MINUTES_A_WEEK = 1440, 10_080
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""Years beyond these have moments that some clock cannot show as a date."""
_CENTURY = 100
"""Years that are looked at. No policy that is accepted waits for so long."""
_PROBE = 6 * 3600
"""Seconds between two looks at a zone's offset: no zone changes it and changes it back within so little time."""
_NOT_EVERYWHERE = {"localtime", "Factory"}


class Span(NamedTuple):
    """From one minute of a day to another, the latter not included. An `end` that is not after `begin` is on the next day."""

    begin: int
    end: int

    @property
    def minutes(self) -> int:
        return self.end - self.begin if self.end > self.begin else self.end - self.begin + _MINUTES_A_DAY

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


def parse_span(text: str) -> Span:
    """Return the span that "09:00-12:30" or "22:00-06:00" stands for. Raises ValueError with a sentence for the reader."""
    if not re.fullmatch(SPAN, text, re.ASCII):
        raise ValueError("A span is two times of day, as 09:00-17:30; one that ends on the next day is written 22:00-06:00.")
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in text.split("-"))
    if begin == end:
        raise ValueError("A span lasts some time; a whole day is 00:00-24:00.")
    return Span(begin, end or _MINUTES_A_DAY)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NOT_EVERYWHERE)


class _Year(NamedTuple):
    """The stretches of working time in a year of UTC: from when, until when, how much comes before each; `total` is all of it."""

    begins: "array[int]"
    ends: "array[int]"
    before: "array[int]"
    total: int

    def until(self, moment: int) -> int:
        """Return how much of the year's working time lies before a moment."""
        index = bisect_right(self.begins, moment) - 1
        return self.before[index] + min(moment, self.ends[index]) - self.begins[index] if index >= 0 else 0

    def when(self, worked: int) -> int:
        """Return the earliest moment before which so much of it lies, of what is above 0 and at most `total`."""
        index = bisect_left(self.before, worked) - 1
        return self.begins[index] + worked - self.before[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """`zone` is an IANA name; `hours` are the spans of each weekday, from Monday on; `holidays` are dates there."""

    zone: str
    hours: tuple[tuple[Span, ...], ...]
    holidays: tuple[date, ...] = ()
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    def after(self, start: datetime, working: timedelta) -> datetime:
        """Return the earliest moment between which and `start` there is so much working time; LATEST if none is within a century."""
        moment, left = _micros(start), working // _MICROSECOND
        if left <= 0:
            return start
        first = max(start.astimezone(UTC).year, _FIRST_YEAR)
        for number in range(first, min(first + _CENTURY, _LAST_YEAR) + 1):
            year = self._year(number)
            done = year.until(moment)
            if done + left <= year.total:
                return _EPOCH + year.when(done + left) * _MICROSECOND
            left -= year.total - done
        return LATEST

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return how much working time there is from one moment to a later one."""
        first, last = (min(max(moment.astimezone(UTC).year, _FIRST_YEAR), _LAST_YEAR) for moment in (start, end))
        years = map(self._year, range(first, last + 1))
        return sum(year.until(_micros(end)) - year.until(_micros(start)) for year in years) * _MICROSECOND

    @property
    def minutes_a_week(self) -> int:
        """Working time in a week without a holiday, as a clock shows it."""
        return sum(span.minutes for spans in self.hours for span in spans)

    def to_data(self) -> dict[str, Any]:
        """Return it as it stands in events and in the API: days without a span are left out, what has no order is in order."""
        hours = {day: [str(span) for span in sorted(spans)] for day, spans in zip(WEEKDAYS, self.hours, strict=True) if spans}
        return {"zone": self.zone, "hours": hours, "holidays": [day.isoformat() for day in sorted(set(self.holidays))]}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Calendar":
        """Return the calendar of such data. Raises ValueError for a span or a date that is none."""
        hours = tuple(tuple(sorted(parse_span(text) for text in data["hours"].get(day, ()))) for day in WEEKDAYS)
        return cls(zone=data["zone"], hours=hours, holidays=tuple(sorted({date.fromisoformat(text) for text in data["holidays"]})))

    def wrong(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every rule that is broken: where in the data, and in what words."""
        if self.zone not in _zones():
            yield ("zone",), "Not a time zone of the IANA database, such as Europe/Berlin or UTC."
        if not any(self.hours):
            yield ("hours",), "At least one weekday has a span, or nothing would ever be due."
        if len(self.holidays) > MOST_HOLIDAYS:
            yield ("holidays",), f"There are at most {MOST_HOLIDAYS} holidays."
        for day, spans in zip(WEEKDAYS, self.hours, strict=True):
            if len(spans) > MOST_SPANS:
                yield ("hours", day), f"A day has at most {MOST_SPANS} spans."
        for day, pieces in zip(WEEKDAYS, _days(self.hours), strict=True):
            if any(later < end for (_, end), (later, _) in pairwise(pieces)):
                yield ("hours", day), "Spans overlap on this day; one over midnight reaches into the next."

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = self._laid_out(number)
        return year

    def _laid_out(self, number: int) -> _Year:
        days, free = _days(self.hours), frozenset(self.holidays)
        year = _Year(array("q"), array("q"), array("q"), 0)
        total = 0
        for begin, end in sorted(_worked(days, free, _offsets(self.zone, number))):
            year.begins.append(begin)
            year.ends.append(end)
            year.before.append(total)
            total += end - begin
        return year._replace(total=total)


Stretch = tuple[int, int, int]
"""(begin, end, offset): while a zone's clocks differ from UTC by one offset; all in microseconds."""


def _days(hours: Sequence[Sequence[Span]]) -> list[list[tuple[int, int]]]:
    """Return the spans of each weekday, cut at midnight, in order; in minutes of the day."""
    days: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for weekday, spans in enumerate(hours):
        for span in spans:
            over_midnight = span.end <= span.begin
            days[weekday].append((span.begin, _MINUTES_A_DAY if over_midnight else span.end))
            if over_midnight:
                days[(weekday + 1) % len(days)].append((0, span.end))
    return [sorted(pieces) for pieces in days]


def _worked(days: Sequence[Sequence[tuple[int, int]]], free: frozenset[date], stretches: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    """Yield when the clocks show working time, stretch by stretch: within one, they run as UTC does."""
    for begin, end, offset in stretches:
        for number in range((begin + offset) // _DAY, (end + offset - 1) // _DAY + 1):
            day = date.fromordinal(_EPOCH.toordinal() + number)
            if day in free:
                continue
            for first, last in days[day.weekday()]:
                midnight = number * _DAY - offset
                since, until = max(begin, midnight + first * _MINUTE), min(end, midnight + last * _MINUTE)
                if since < until:
                    yield since, until


@lru_cache(maxsize=1024)
def _offsets(zone: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of a year of UTC."""
    first, last = (int((datetime(each, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) for each in (year, year + 1))
    clock = ZoneInfo(zone)
    found: list[Stretch] = []
    begin, offset = first, _offset(clock, first)
    for probe in [*range(first + _PROBE, last, _PROBE), last - 1]:
        if (then := _offset(clock, probe)) != offset:
            change = bisect_left(range(begin, probe), x=True, key=lambda second: _offset(clock, second) == then) + begin
            found.append((begin * 1_000_000, change * 1_000_000, offset))
            begin, offset = change, then
    found.append((begin * 1_000_000, last * 1_000_000, offset))
    return tuple(found)


def _offset(clock: ZoneInfo, second: int) -> int:
    difference = (_EPOCH + timedelta(seconds=second)).astimezone(clock).utcoffset()
    return difference // _MICROSECOND if difference is not None else 0


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND

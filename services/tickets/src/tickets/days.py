"""The days of a report: where each begins and ends in its zone, and what numbers say that belong to some of them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from itertools import groupby, pairwise
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

MOST_DAYS = 366
USUAL_DAYS = 30
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_HOUR_S, _DAY_S = 3600, 86_400

BUCKETS: dict[str, int | None] = {
    "<1h": _HOUR_S,
    "<4h": 4 * _HOUR_S,
    "<1d": _DAY_S,
    "<3d": 3 * _DAY_S,
    "<1w": 7 * _DAY_S,
    "more": None,
}
"""By name, below how many seconds; each begins where the one before it ends."""
LIMITS = tuple(limit for limit in BUCKETS.values() if limit is not None)


class TooLong(ValueError):
    """More days than a report has."""


class Backwards(ValueError):
    """It ends before it begins."""


class Stretch(NamedTuple):
    """Days that follow one another and are equally long: the place of the first, how many, and when it begins and how long each is."""

    place: int
    days: int
    begin: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class Days:
    """`dates` in order, and where they begin; `begins` has one more: where the last one ends."""

    dates: Sequence[date]
    begins: Sequence[datetime]

    @property
    def begin(self) -> datetime:
        return self.begins[0]

    @property
    def end(self) -> datetime:
        return self.begins[-1]

    def stretches(self) -> Iterator[Stretch]:
        """Yield the days, those of one length together: all but those at which clocks change. A day that a zone skipped is none."""
        lengths = [(place, later - sooner) for place, (sooner, later) in enumerate(pairwise(self.begins))]
        for length, some in groupby(lengths, lambda each: each[1]):
            places = [place for place, _ in some]
            if length > timedelta(0):
                yield Stretch(places[0], len(places), self.begins[places[0]], length)


@cache
def zone_named(name: str) -> tzinfo:
    """Return a zone by its IANA name. Raises ValueError for a name that is none."""
    if name == "UTC":
        return UTC
    if name not in _names():
        raise ValueError("must be the name of a time zone, such as Europe/Berlin")
    return ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    """Return the names of all zones; to look for them takes as long as a report."""
    return frozenset(available_timezones())


def days_between(since: datetime | None, until: datetime | None, now: datetime, zone: tzinfo) -> Days:
    """Return the whole days, as clocks in `zone` show them, from the one of `since` to the last one before `until`.

    A time to come counts as now. Without `until` they end with today, without `since` they are 30. Raises Backwards or TooLong.
    """
    end = now if until is None else min(until, now)
    if since is not None and since >= end:
        raise Backwards
    last = (end - _MOMENT).astimezone(zone).date()
    first = last - (USUAL_DAYS - 1) * _DAY if since is None else since.astimezone(zone).date()
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise TooLong
    dates = [first + place * _DAY for place in range(count)]
    return Days(dates, [_begin(day, zone) for day in [*dates, last + _DAY]])


def _begin(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins. Where clocks jump over midnight, it is when they do."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Return the least of some ordered numbers that `percent` of them do not exceed (nearest rank); None of none."""
    return ordered[max(1, ceil(len(ordered) * percent / 100)) - 1] if ordered else None


def apart(cumulated: Sequence[int], whole: int) -> list[int]:
    """Return how many are in each bucket, of how many are below each of `LIMITS` and how many there are."""
    return [later - sooner for sooner, later in pairwise([0, *cumulated, whole])]

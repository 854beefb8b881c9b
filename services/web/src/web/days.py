"""Lists by day, as their reader's calendar has it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any

from web import times


def by_day(items: Iterable[Mapping[str, Any]], now: datetime, zone: tzinfo) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return items, which stay in their order, under the day of their `created_at` in that zone: ("Today", […])."""
    days = groupby(items, key=lambda item: times.day(times.parse(item["created_at"]), now, zone))
    return [(day[:1].upper() + day[1:], list(told)) for day, told in days]

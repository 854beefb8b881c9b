"""What a simulation found, as the pages draw it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from web import charts
from web.charts import Chart

_DAYS, _WEEKS = 92, 730
"""Days, up to which every day, and every week, has a place of its own; beyond there are months."""
_BARS = 31
_NAMES = ("As changed", "As it is now")
RANGES = {"30": "the last 30 days", "90": "the last 90 days", "365": "the last year", "all": "all that there is"}


def chart_of(by_day: Sequence[Mapping[str, Any]], today: date) -> Chart:
    """Return both series over the days, weeks or months in which something escalates, with those between; years but this one are named."""
    rows = _rows(by_day, today)
    return (charts.grouped if len(rows) <= _BARS else charts.curves)(_NAMES, rows)


def _rows(by_day: Sequence[Mapping[str, Any]], today: date) -> list[tuple[str, tuple[int, int]]]:
    counts = {date.fromisoformat(item["day"]): (item["total"], item["current"]) for item in by_day}
    if not counts:
        return []
    first, last = min(counts), max(counts)
    length = (last - first).days + 1
    days = [first + timedelta(days=number) for number in range(length)]
    if length <= _DAYS:
        return [(_named(day, today), counts.get(day, (0, 0))) for day in days]
    begin = _monday if length <= _WEEKS else _month
    found = []
    for start, inner in groupby(days, key=begin):
        numbers = [counts.get(day, (0, 0)) for day in inner]
        label = _named(start, today) if begin is _monday else f"{start:%b %Y}"
        found.append((label, (sum(new for new, _ in numbers), sum(old for _, old in numbers))))
    return found


def _named(day: date, today: date) -> str:
    return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b} {day:%y}"


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month(day: date) -> date:
    return day.replace(day=1)


def priorities_of(by_priority: Mapping[str, Mapping[str, int]], words: Mapping[str, str]) -> Chart:
    """Return both series by priority."""
    return charts.grouped(_NAMES, [(name, (by_priority[key]["total"], by_priority[key]["current"])) for key, name in words.items()])


def verdict(answer: Mapping[str, Any]) -> str:
    """Return what comes of the change, in a sentence."""
    total, current = answer["total"], answer["current_total"]
    new, gone = answer["only_new_total"], answer["only_current_total"]
    if not new and not gone:
        return "The same tickets would have escalated."
    if total == current:
        return "As many tickets would have escalated, but not the same ones."
    more = abs(total - current)
    return f"{more:,} {'more' if total > current else 'fewer'} {'ticket' if more == 1 else 'tickets'} would have escalated."

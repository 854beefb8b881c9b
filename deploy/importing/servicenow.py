"""ServiceNow's incident log: a CSV file in which each row is the state of an incident from `sys_updated_at` on. Pure.

`?` is what is unknown. Rows of one minute stand in the order in which they came; `sys_mod_count` does not always rise.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import chain
from typing import IO

from deploy.importing.history import LONGEST_LINE, Broken, Change, Opening, Said, Unreadable, flaw, lines_of, plain

UNKNOWN = "?"
COLUMNS = (
    "number",
    "incident_state",
    "caller_id",
    "opened_at",
    "sys_updated_by",
    "sys_updated_at",
    "assigned_to",
    "priority",
    "category",
    "subcategory",
    "u_symptom",
)
"""What a file must have; it may have more."""
STATUS = {
    "New": "open",
    "Active": "in_progress",
    "Awaiting User Info": "in_progress",
    "Awaiting Problem": "in_progress",
    "Awaiting Vendor": "in_progress",
    "Awaiting Evidence": "in_progress",
    "Resolved": "resolved",
    "Closed": "resolved",
}
PRIORITY = {"1": "urgent", "2": "high", "3": "normal", "4": "low"}
"""By the digit that a priority begins with, as in "3 - Moderate"."""
_TIME = "%d-%m-%Y %H:%M"
_LONGEST_TITLE = 200
_SHOWN = 40


class _Refused(ValueError):
    """A row cannot be read; the message is the reason."""


def read(file: IO[bytes], zone: tzinfo = UTC) -> Iterator[Change | Broken]:
    """Yield the rows as they stand in the file, each as a change or as broken. `zone` is that of its times, which name none.

    Raises Unreadable when the file is no such log at all.
    """
    texts = (line.decode("utf-8", "surrogateescape") for line in lines_of(file))
    lines = _Lines(chain([next(texts, "").removeprefix("\ufeff")], texts))
    try:
        header = [name.strip() for name in next(csv.reader(lines), [])]
    except csv.Error as error:
        raise Unreadable(f"its first line is no CSV: {error}") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise Unreadable(f"its first line names no column {', '.join(missing)}")
    while True:
        lines.begin()
        try:
            record = next(csv.reader(lines), None)
            if record is None:
                return
            if record:
                yield _change(lines.first, header, record, zone)
        except (_Refused, csv.Error) as error:
            yield Broken(lines.first, str(error) if isinstance(error, _Refused) else f"is no CSV: {error}")
            lines.take_back()


class _Lines:
    """Lines that are read row by row. Those after the first of a broken row can be taken back: a stray quote swallows no other rows."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.first = 1
        self._texts, self._again, self._taken = texts, deque[str](), list[str]()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._texts)
        self._taken.append(line)
        return line

    def begin(self) -> None:
        """Begin a row."""
        self.first += len(self._taken)
        self._taken.clear()

    def take_back(self) -> None:
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]


def _change(line: int, header: Sequence[str], record: Sequence[str], zone: tzinfo) -> Change:
    if len(record) != len(header):
        raise _Refused(f"has {len(record)} fields, and the first line {len(header)}")
    values = dict(zip(header, map(_tidy, record), strict=True))
    _check_text(values.values())
    number, caller = _known(values, "number"), _known(values, "caller_id") or "Unknown caller"
    if number is None:
        raise _Refused("names no incident")
    said: dict[Said, str | None] = {
        "assignee": _known(values, "assigned_to"),
        "priority": _one_of(PRIORITY, values, "priority", values["priority"][:1]),
        "status": _one_of(STATUS, values, "incident_state", values["incident_state"]),
    }
    opened_at, at = _time(values, "opened_at", zone), _time(values, "sys_updated_at", zone)
    opening = Opening(requester=caller, at=opened_at, title=_title(number, values), fields=values)
    return Change(line=line, number=number, at=at, by=_known(values, "sys_updated_by") or "Unknown updater", said=said, opening=opening)


def _tidy(value: str) -> str:
    """Names in the file are padded ("Opened by  8"); the lines of a longer text stay lines."""
    return value.strip() if "\n" in value else plain(value)


def _check_text(values: Iterable[str]) -> None:
    text = "".join(values)
    if len(text) > LONGEST_LINE:
        raise _Refused(f"is longer than {LONGEST_LINE:,} characters")
    if wrong := flaw(text):
        raise _Refused(wrong)


def _known(values: Mapping[str, str], name: str) -> str | None:
    value = plain(values[name])
    return None if value in ("", UNKNOWN) else value


def _one_of(words: Mapping[str, str], values: Mapping[str, str], name: str, key: str) -> str:
    if key not in words:
        raise _Refused(f"has the {name} {_shown(values[name])}, which is none of {', '.join(words)}")
    return words[key]


def _time(values: Mapping[str, str], name: str, zone: tzinfo) -> datetime:
    try:
        return _moment(values[name], zone)
    except (ValueError, OverflowError):
        raise _Refused(f"has the {name} {_shown(values[name])}, which is no time as 29-02-2016 01:23") from None


@lru_cache(maxsize=4096)
def _moment(text: str, zone: tzinfo) -> datetime:
    """Return the moment that is written there; the rows of one incident repeat its opening, and many rows share a minute."""
    return datetime.strptime(text, _TIME).replace(tzinfo=zone).astimezone(UTC)


def _title(number: str, values: Mapping[str, str]) -> str:
    kind = [value for name in ("category", "subcategory", "u_symptom") if (value := _known(values, name))]
    title = f"{number}: {', '.join(kind)}" if kind else number
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")

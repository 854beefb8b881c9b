"""The real incident log: what stands in it, and what its people did. Pure but for opening the file.

One row is the state of an incident from `sys_updated_at` on, made by `sys_updated_by`; `?` is unknown. Rows of one minute stand in the file
in the order in which they came; `sys_mod_count` does not always rise.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

UNKNOWN = "?"
COLUMNS = (
    "number",
    "incident_state",
    "caller_id",
    "sys_updated_by",
    "sys_updated_at",
    "assigned_to",
    "priority",
    "category",
    "subcategory",
    "u_symptom",
    "location",
    "contact_type",
)
_STATUS = {
    "New": "open",
    "Active": "in_progress",
    "Awaiting User Info": "in_progress",
    "Awaiting Problem": "in_progress",
    "Awaiting Vendor": "in_progress",
    "Awaiting Evidence": "in_progress",
    "Resolved": "resolved",
    "Closed": "resolved",
}
_PRIORITY = {"1": "urgent", "2": "high", "3": "normal", "4": "low"}


class Unreadable(ValueError):
    """This is no incident log. The message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One change of an incident, in the desk's words. People are named as in the file; `assignee` is None for `?`."""

    incident: str
    at: datetime
    by: str
    caller: str
    status: str
    priority: str
    assignee: str | None
    title: str
    body: str


What = Literal["create", "assignee", "priority", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Something that a person does at the desk. `value` is the new assignee's name (or None), priority or status."""

    incident: str
    by: str
    what: What
    row: Row
    value: str | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the log, each once, in the order in which they appear. Updaters and resolvers are the desk's admins."""

    callers: tuple[str, ...]
    admins: tuple[str, ...]


def read_log(path: Path) -> list[Row]:
    """Return the rows in the order of time; rows of one minute as they stand in the file. Raises Unreadable."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise Unreadable(f"{path.name} has no column {', '.join(missing)}.")
            rows = [_row(values, reader.line_num) for values in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path.name} is no CSV file in UTF-8: {error}") from error
    if not rows:
        raise Unreadable(f"{path.name} has no rows.")
    return sorted(rows, key=lambda row: row.at)


def _row(values: dict[str, str], line: int) -> Row:
    def known(name: str) -> str | None:
        value = " ".join((values[name] or "").split())  # the names of the file are padded: "Opened by  8"
        return None if value in ("", UNKNOWN) else value

    try:
        at = datetime.strptime(values["sys_updated_at"], "%d-%m-%Y %H:%M")  # noqa: DTZ007 (the file names no zone; only the order counts)
        status, priority = _STATUS[values["incident_state"].strip()], _PRIORITY[values["priority"].strip()[:1]]
    except (KeyError, ValueError) as error:
        raise Unreadable(f"Line {line} cannot be read: {error}") from error
    number = known("number")
    if number is None:
        raise Unreadable(f"Line {line} names no incident.")
    return Row(
        incident=number,
        at=at,
        by=known("sys_updated_by") or "Unknown updater",
        caller=known("caller_id") or "Unknown caller",
        status=status,
        priority=priority,
        assignee=known("assigned_to"),
        title=f"{number}: {known('category') or 'no category'}, {known('subcategory') or 'no subcategory'}",
        body=f"{known('u_symptom') or 'Symptom unknown'}, reported by {known('contact_type') or 'unknown means'}"
        f" from {known('location') or 'an unknown place'}.",
    )


def people(rows: Iterable[Row]) -> People:
    callers, admins = dict[str, None](), dict[str, None]()
    for row in rows:
        callers.setdefault(row.caller)
        for name in (row.by, row.assignee):
            if name is not None:
                admins.setdefault(name)
    return People(tuple(name for name in callers if name not in admins), tuple(admins))


def calls(rows: Sequence[Row]) -> Iterator[Call]:
    """Yield what the rows stand for, in order of time: the caller asks, then each updater says who, how urgent and in which state.

    What a row leaves as it was is said again: the desk must take it as nothing new.
    """
    known = set[str]()
    for row in rows:
        if row.incident not in known:
            known.add(row.incident)
            yield Call(incident=row.incident, by=row.caller, what="create", row=row, value=row.priority)
        yield Call(incident=row.incident, by=row.by, what="assignee", row=row, value=row.assignee)
        yield Call(incident=row.incident, by=row.by, what="priority", row=row, value=row.priority)
        yield Call(incident=row.incident, by=row.by, what="status", row=row, value=row.status)

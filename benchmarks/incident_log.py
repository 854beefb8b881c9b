"""The real incident log, read as `ste import servicenow` reads it, and what its people did. Pure but for opening the file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from deploy.importing import servicenow
from deploy.importing.history import Broken, Change, Unreadable

COLUMNS = servicenow.COLUMNS

__all__ = ["COLUMNS", "Call", "People", "Row", "Unreadable", "calls", "people", "read_log"]


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
    """Return the rows in the order of time; rows of one minute as they stand in the file. Raises Unreadable, also for a single row."""
    with path.open("rb") as file:
        rows = [_row(item) for item in servicenow.read(file)]
    if not rows:
        raise Unreadable(f"{path.name} has no rows.")
    return sorted(rows, key=lambda row: row.at)


def _row(item: Change | Broken) -> Row:
    if isinstance(item, Broken):
        raise Unreadable(f"Line {item.line} {item.reason}.")
    opening, status, priority = item.opening, item.said["status"], item.said["priority"]
    assert opening is not None and status is not None and priority is not None, "every row of such a log says all of it"  # noqa: PT018
    return Row(
        incident=item.number,
        at=item.at,
        by=item.by,
        caller=opening.requester,
        status=status,
        priority=priority,
        assignee=item.said["assignee"],
        title=opening.title,
        body=opening.text(()),
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

"""A ticket's history as a time line: by day, with what each entry changed as people read it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any

from web import diffs, times

Entry = dict[str, Any]
_WORDS = ("title", "body")


def days(entries: Sequence[Entry], now: datetime, zone: tzinfo) -> list[tuple[str, list[Entry]]]:
    """Return the entries by the day that they fall on where the reader is, with its name, in their order."""
    return [(day, list(found)) for day, found in groupby(entries, lambda entry: times.day(times.parse(entry["time"]), now, zone))]


def with_changes(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries, each edit with its `diffs`: by field what differs, None where one of the texts was erased."""
    return [{**entry, "diffs": _diffs(entry) if entry["action"] == "ticket_edited" else {}} for entry in entries]


def _diffs(entry: Entry) -> dict[str, list[diffs.Part] | None]:
    before, after = entry["before"] or {}, entry["after"] or {}
    if not before.keys() | after.keys():
        return dict.fromkeys(("body",))
    return {name: _diff(before.get(name), after.get(name)) for name in _WORDS if name in before or name in after}


def _diff(before: str | None, after: str | None) -> list[diffs.Part] | None:
    return None if before is None or after is None else diffs.shown(diffs.between(before, after))


def names(entries: Sequence[Entry], *people: Mapping[str, Any] | None) -> dict[str, str | None]:
    """Return the names that are known without asking: of those who did something, and of `people`."""
    actors = [entry["actor"] for entry in entries if entry["actor"]["kind"] == "user"]
    return {person["id"]: person["name"] for person in [*actors, *people] if person}


def strangers(entries: Sequence[Entry], known: Mapping[str, str | None]) -> dict[str, int]:
    """Return whose names are not known, of those who were given the ticket, and after which event it was theirs."""
    given = [(entry["after"].get("assignee"), entry["sequence"]) for entry in entries if entry["after"] and _is_assignment(entry)]
    return {person: sequence for person, sequence in reversed(given) if person and person not in known}


def _is_assignment(entry: Entry) -> bool:
    return entry["action"] in ("ticket_assigned", "ticket_created")


def since(entries: Sequence[Entry], version: int) -> list[Entry]:
    """Return, of a whole history, the entries that came after a version: of those that make one, the first makes version 1."""
    making = [entry for entry in entries if entry["action"] not in ("ticket_note_added", "ticket_escalated")]
    return making[version:]

"""What a desk must hold and must have said after an incident log went through it, told from the rows alone. Pure.

This repeats the contract, not the desk: who hears what, and that equal values are no event.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.incident_log import Row


class Entry(NamedTuple):
    """A line of a ticket's history: the audit action, who did it, and the two values of what changed (None for a creation)."""

    action: str
    actor: str
    before: str | None
    after: str | None


class Heard(NamedTuple):
    """A notification: its kind and the incident."""

    kind: str
    incident: str


@dataclass
class Incident:
    """The ticket of an incident: as it is at the end, and its whole history."""

    caller: str
    priority: str
    status: str = "open"
    assignee: str | None = None
    history: list[Entry] = field(default_factory=list)


@dataclass
class Truth:
    """`heard` holds only people who heard something."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    heard: dict[str, Counter[Heard]] = field(default_factory=dict)

    @property
    def actions(self) -> Counter[str]:
        """How often each audit action must stand in the list."""
        return Counter(entry.action for incident in self.incidents.values() for entry in incident.history)

    @property
    def notifications(self) -> int:
        return sum(sum(counter.values()) for counter in self.heard.values())


def truth(rows: Iterable[Row]) -> Truth:
    """Return what must be; `rows` are in the order of time."""
    told = Truth()
    for row in rows:
        incident = told.incidents.get(row.incident)
        if incident is None:
            incident = told.incidents[row.incident] = Incident(row.caller, row.priority)
            incident.history.append(Entry("ticket_created", row.caller, None, None))
        _assign(told, row, incident)
        if row.priority != incident.priority:
            incident.history.append(Entry("ticket_priority_changed", row.by, incident.priority, row.priority))
            incident.priority = row.priority
        if row.status != incident.status:
            incident.history.append(Entry("ticket_status_changed", row.by, incident.status, row.status))
            incident.status = row.status
            _tell(told, incident.caller, Heard("ticket.status_changed", row.incident), by=row.by)
    return told


def _assign(told: Truth, row: Row, incident: Incident) -> None:
    before, after = incident.assignee, row.assignee
    if before == after:
        return
    incident.assignee = after
    incident.history.append(Entry("ticket_assigned" if after else "ticket_unassigned", row.by, before, after))
    _tell(told, after, Heard("ticket.assigned", row.incident), by=row.by)
    _tell(told, before, Heard("ticket.unassigned", row.incident), by=row.by)


def _tell(told: Truth, person: str | None, heard: Heard, *, by: str) -> None:
    """Nobody is told of what they did themselves."""
    if person is not None and person != by:
        told.heard.setdefault(person, Counter())[heard] += 1

"""What the pages call things, and small ways of saying them."""

from typing import Any

STATUSES = {"open": "Open", "in_progress": "In progress", "resolved": "Resolved"}
PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High", "urgent": "Urgent"}
SORTS = {
    "-created_at": "Newest first",
    "created_at": "Oldest first",
    "-updated_at": "Changed last",
    "updated_at": "Unchanged longest",
}
ACTIONS = {
    "ticket_created": "opened the ticket",
    "ticket_edited": "edited the text",
    "ticket_status_changed": "changed the status",
    "ticket_priority_changed": "changed the priority",
    "ticket_assigned": "assigned the ticket",
    "ticket_unassigned": "took the ticket from its assignee",
    "ticket_note_added": "added a note",
    "ticket_escalated": "escalated the ticket",
}
STEPS = {
    "request": "asked for",
    "event": "happened",
    "deadline": "deadline",
    "rule": "rule",
    "job": "job",
    "notification": "told",
    "obstacle": "in the way",
}
TABLES: dict[str, Any] = {"STATUSES": STATUSES, "PRIORITIES": PRIORITIES, "SORTS": SORTS, "ACTIONS": ACTIONS, "STEPS": STEPS}
_TINTS = 6


def initials(name: str | None) -> str:
    """Return one or two letters that stand for a name."""
    parts = [part for part in (name or "?").split() if part[0].isalnum()] or ["?"]
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper()


def tint(id_: str | None) -> int:
    """Return which of the colours stands for somebody: always the same one."""
    return sum((id_ or "").encode()) % _TINTS


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 ticket", "2 tickets", "1,200 tickets"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

"""What a notification says, made from facts and from the names that people have now: rows hold neither names nor titles. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.times import from_text
from notifier.rules import Kind

_STATUS = {"open": "open", "in_progress": "in progress", "resolved": "resolved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notification as one person reads it. A name is None where it is not known (any more)."""

    kind: Kind
    ticket: int
    reader: str
    actor: str | None = None
    other: str | None = None
    actor_name: str | None = None
    other_name: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def compose(told: Told) -> tuple[str, str]:
    """Return the subject and the message."""
    return _SUBJECTS[told.kind](told), _MESSAGES[told.kind](told)


def _status_subject(told: Told) -> str:
    after = told.facts["after"]
    return f"Ticket #{told.ticket} is {_STATUS.get(after, after)}{' again' if after == 'open' else ''}"


def _escalated_subject(told: Told) -> str:
    level = told.facts["level"]
    return f"Ticket #{told.ticket} was escalated{f' to level {level}' if level > 1 else ''}"


def _assigned(told: Told) -> str:
    if told.actor_name:
        return f"{told.actor_name} assigned ticket #{told.ticket} to you."
    return f"Ticket #{told.ticket} was assigned to you."


def _unassigned(told: Told) -> str:
    ticket, by = f"ticket #{told.ticket}", told.actor_name
    if told.other is None:
        return f"{by} took {ticket} from you. Nobody has it now." if by else f"Nobody has {ticket} now."
    if told.other == told.actor:
        return f"{by or 'Somebody else'} took {ticket} over from you."
    to = told.other_name or "somebody else"
    return f"{by} assigned {ticket} to {to}." if by else f"T{ticket[1:]} was assigned to {to}."


def _status_changed(told: Told) -> str:
    before, after = (_STATUS.get(told.facts[name], told.facts[name]) for name in ("before", "after"))
    if told.actor_name:
        return f"{told.actor_name} moved your ticket #{told.ticket} from {before} to {after}."
    return f"Your ticket #{told.ticket} moved from {before} to {after}."


def _escalated(told: Told) -> str:
    due = from_text(told.facts["due_at"])
    if told.other is None:
        whose = ", which nobody has taken on,"
    elif told.other == told.reader:
        whose = ", which is assigned to you,"
    else:
        whose = f", which is assigned to {told.other_name}," if told.other_name else ""
    return f"Ticket #{told.ticket}{whose} was open past its deadline of {due:%Y-%m-%d %H:%M} UTC."


_SUBJECTS = {
    "ticket.assigned": lambda told: f"Ticket #{told.ticket} was assigned to you",
    "ticket.unassigned": lambda told: f"Ticket #{told.ticket} is no longer assigned to you",
    "ticket.status_changed": _status_subject,
    "ticket.escalated": _escalated_subject,
}
_MESSAGES = {
    "ticket.assigned": _assigned,
    "ticket.unassigned": _unassigned,
    "ticket.status_changed": _status_changed,
    "ticket.escalated": _escalated,
}

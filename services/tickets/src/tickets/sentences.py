"""What happened, and why not, as sentences for people. Pure; names come in, since no event holds one."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from events.contracts.escalation import EscalationDue, EscalationPolicyChanged
from events.contracts.operation import JobRetried
from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEdited,
    TicketEscalated,
    TicketNoteAdded,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.times import from_text

Names = Mapping[str, str | None]
"""A person's id to their name, None where it was erased; who is not in it is not known here."""

_SYSTEM = {"tickets": "The desk", "escalator": "The escalator", "notifier": "The notifier", "auth": "The desk", "operator": "The operator"}
_STATUS = {"open": "open", "in_progress": "in progress", "resolved": "resolved"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_HEARS = {"assignee": "its assignee is told, or every admin where it has none", "admins": "every admin is told"}

RULES: Mapping[str, str] = {
    "ticket.assigned": "Whoever is given a ticket is told, unless they took it themselves.",
    "ticket.unassigned": "Whoever had a ticket is told that it is theirs no longer, unless they gave it away themselves.",
    "ticket.status_changed": "Whoever opened a ticket is told when its status changes, unless they changed it themselves.",
    "assignee": "Whoever has a ticket is told when it escalates.",
    "nobody": "Nobody had the ticket, so every active admin who can sign in is told.",
    "admins": "This level tells every active admin who can sign in.",
}
"""Who hears of what, by the kind of the notification; of an escalation by who is to be told."""


def moment(text: str) -> str:
    """Return a time as it is told: to the second, in UTC, spelled as everywhere else."""
    return f"{from_text(text):%Y-%m-%dT%H:%M:%SZ}"


def name_of(id_: str | None, names: Names, *, stranger: str = "somebody", first: bool = False) -> str:
    """Return how somebody is called; `stranger` where that is not known, or not to be told (`id_` None). `first`: a sentence begins so."""
    if id_ is None or id_ not in names:
        name = stranger
    elif (known := names[id_]) is not None:
        return known
    else:
        name = "somebody who was erased"
    return name[:1].upper() + name[1:] if first else name


def actor_of(kind: str, id_: str | None, names: Names, *, stranger: str = "somebody") -> str:
    """Return who did something, as a sentence begins with it."""
    if kind == "system":
        return _SYSTEM.get(id_ or "", "The desk")
    return name_of(id_, names, stranger=stranger, first=True)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return "a", "a and b", or "a, b and c"."""
    *rest, end = words
    return f"{', '.join(rest)} {last} {end}" if rest else end


def happened(event: Any, type_: str, who: str, names: Names) -> str:  # noqa: PLR0911 -- one per event
    """Return the sentence that says what an event says; `who` did it."""
    match event:
        case TicketCreated():
            return f"{who} opened the ticket, with priority {event.priority}."
        case TicketEdited():
            return f"{who} changed the ticket's {listed('text' if name == 'body' else name for name in event.fields)}."
        case TicketNoteAdded():
            return f"{who} wrote a note."
        case EscalationPolicyChanged():
            return _policy_changed(event, who)
        case EscalationDue():
            return f"{who} saw that level {event.level} of {_versioned(event)} was due, and asked the desk to escalate the ticket."
        case TicketEscalated():
            return f"{who} escalated the ticket to level {event.level} of {_versioned(event)}."
        case JobRetried():
            return f"{who} had the notifier try again."
    return _changed(event, who, names) or f"{who}: {type_}."


def _changed(event: Any, who: str, names: Names) -> str | None:
    match event:
        case TicketStatusChanged(before={"status": before}, after={"status": after}):
            return f"{who} moved the ticket from {status(before)} to {status(after)}."
        case TicketPriorityChanged(before={"priority": before}, after={"priority": after}):
            return f"{who} changed the ticket's priority from {before} to {after}."
        case TicketAssigned(before={"assignee": before}, after={"assignee": after}):
            had = f"; {name_of(before, names)} had it before" if before is not None else ""
            return f"{who} gave the ticket to {name_of(after, names)}{had}."
        case TicketUnassigned(before={"assignee": before}):
            return f"{who} took the ticket from {name_of(before, names)}. Nobody has it now."
    return None


def _versioned(event: EscalationDue | TicketEscalated) -> str:
    return f"the policy “{event.policy}” (version {event.policy_version})"


def level_of(event: EscalationPolicyChanged, number: int) -> Mapping[str, Any] | None:
    """Return a level of the policy as this change left it; None where there is none. They count from 1."""
    levels = event.after["levels"] if event.after is not None else []
    return levels[number - 1] if number <= len(levels) else None


def rule_of(event: EscalationPolicyChanged, number: int, created_at: str, due_at: str) -> str:
    """Return what a level of a policy asks for, and when it therefore is due for a ticket of that age; the level must be there."""
    level, policy = level_of(event, number), event.after
    assert level is not None, "it is asked about a level that is there"
    assert policy is not None, "a policy with a level is there"
    hours = " of working time" if policy.get("calendar") else ""
    hears = _HEARS.get(level["notify"], f"{level['notify']} is told")
    after = f"{_in_words(level['after'])}{hours}"
    rule = f"{_ticket_like(policy['when'])} open {after} after it was opened, or later, escalates to level {number}, and {hears}."
    if not hours and from_text(created_at) + _duration(level["after"]) != from_text(due_at):
        return f"{rule} This ticket keeps the deadline that it had before: {moment(due_at)}."
    return f"{rule} The deadline of this ticket is {moment(due_at)}."


def _duration(text: str) -> timedelta:
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _in_words(duration: str) -> str:
    number, unit = int(duration[:-1]), _UNITS[duration[-1]]
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"


def _ticket_like(when: Mapping[str, Any]) -> str:
    """Return for which tickets a policy is, as a sentence about them begins: "A ticket of priority high that nobody has and that is"."""
    priorities, assigned = when.get("priority"), when.get("assigned")
    which = "A ticket" if priorities is None else f"A ticket of priority {listed(priorities, 'or')}"
    if assigned is not None:
        which += " that somebody has and" if assigned else " that nobody has and"
    return f"{which} that is"


def _policy_changed(event: EscalationPolicyChanged, who: str) -> str:
    if event.after is None:
        return f"{who} took the policy away, with version {event.version}."
    named = f"the policy “{event.after['name']}” (version {event.version})"
    if event.before is None and who == _SYSTEM["escalator"]:  # at the first start
        return f"The desk came with {named}."
    what, past = "changed" if event.before is not None else "made", ", for tickets that were past it too" if event.apply_to_past else ""
    return f"{who} {what} {named}{past}."


def status(word: str) -> str:
    """Return a status as people say it."""
    return _STATUS.get(word, word)

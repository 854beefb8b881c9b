"""What happens to tickets. Owned by tickets; subject `ticket/<number>`.

Every event carries the ids of the requester and of the assignee, as they are after it, so that a reader needs no other source.
`before` and `after` hold both values of each changed field.
"""

from typing import Any

from events.catalogue import event, personal

Change = dict[str, Any]


@event("ticket.created", action="ticket_created")
class TicketCreated:
    requester: str
    assignee: str | None
    number: int
    priority: str
    status: str
    title: str | None = personal()
    body: str | None = personal()


@event("ticket.edited", action="ticket_edited")
class TicketEdited:
    """`fields` are the names of what changed; `before` and `after` are {"title": …, "body": …}, each only when it changed."""

    requester: str
    assignee: str | None
    fields: list[str]
    before: Change | None = personal()
    after: Change | None = personal()


@event("ticket.status_changed", action="ticket_status_changed")
class TicketStatusChanged:
    """`before` and `after` are {"status": …}."""

    requester: str
    assignee: str | None
    before: Change
    after: Change


@event("ticket.priority_changed", action="ticket_priority_changed")
class TicketPriorityChanged:
    """`before` and `after` are {"priority": …}."""

    requester: str
    assignee: str | None
    before: Change
    after: Change


@event("ticket.assigned", action="ticket_assigned")
class TicketAssigned:
    """`before` and `after` are {"assignee": id or None}. A reassignment is this one event, with both ids."""

    requester: str
    assignee: str | None
    before: Change
    after: Change


@event("ticket.unassigned", action="ticket_unassigned")
class TicketUnassigned:
    """`before` is {"assignee": id}, `after` is {"assignee": None}."""

    requester: str
    assignee: str | None
    before: Change
    after: Change


@event("ticket.note_added", action="ticket_note_added")
class TicketNoteAdded:
    requester: str
    assignee: str | None
    note: str
    body: str | None = personal()


@event("ticket.escalated", action="ticket_escalated")
class TicketEscalated:
    """`before` and `after` are {"escalated_at": time or None, "escalation_level": int}; `level` counts from 1."""

    requester: str
    assignee: str | None
    policy: str
    policy_version: int
    level: int
    due_at: str
    notify: str
    before: Change
    after: Change

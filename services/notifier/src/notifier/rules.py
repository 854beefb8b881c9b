"""Who hears of what happened to a ticket. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from events.contracts.ticket import TicketAssigned, TicketEscalated, TicketStatusChanged, TicketUnassigned
from events.envelope import Actor

Kind = Literal["ticket.assigned", "ticket.unassigned", "ticket.status_changed", "ticket.escalated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that somebody is to hear. People stand in it by their ids alone, so that names can change and be erased.

    `event` is the id of the event that it follows from. `to` None: every active admin who can sign in. `actor` is the person who did it,
    None when the desk itself did. `other` is whom the ticket belongs to now, where that matters. `facts` are what else its text needs.
    """

    event: str
    kind: Kind
    ticket: int
    to: str | None
    actor: str | None
    other: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def who_hears(event: Any, *, id_: str, ticket: int, actor: Actor, imported: bool) -> list[Notice]:
    """Return what follows from an event: at most one notice for each person. What was imported is news to nobody.

    Nobody is told of what they did themselves; of a notice to all admins whoever delivers it leaves out its `actor`.
    """
    if imported:
        return []
    person = None if actor.kind == "system" else actor.id
    notices = _notices(event, {"event": id_, "ticket": ticket, "actor": person})
    return [notice for notice in notices if notice.to is None or notice.to != person]


def _notices(event: Any, what: Mapping[str, Any]) -> Iterator[Notice]:
    match event:
        case (
            TicketAssigned(before={"assignee": before}, after={"assignee": after})
            | TicketUnassigned(before={"assignee": before}, after={"assignee": after})
        ):
            if after is not None and after != before:
                yield Notice(kind="ticket.assigned", to=after, **what)
            if before is not None and before != after:
                yield Notice(kind="ticket.unassigned", to=before, other=after, **what)
        case TicketStatusChanged(before={"status": before}, after={"status": after}):
            yield Notice(kind="ticket.status_changed", to=event.requester, facts={"before": before, "after": after}, **what)
        case TicketEscalated():
            to = None if event.notify == "admins" else event.assignee
            yield Notice(kind="ticket.escalated", to=to, other=event.assignee, facts={"level": event.level, "due_at": event.due_at}, **what)

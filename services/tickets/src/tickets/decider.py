"""The desk's domain: `decide` turns a command and a ticket into events, `evolve` folds an event into a ticket. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from events.catalogue import type_of
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
from events.decider import Fact, Fold
from events.errors import Stale
from events.times import to_text
from tickets.access import Caller, may_edit, may_handle, may_see
from tickets.commands import (
    AddNote,
    AssignTicket,
    ChangePriority,
    ChangeStatus,
    Command,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    Priority,
    Status,
)
from tickets.errors import AdminsOnly, ContentIsTheRequesters, NotAssignable, TicketNotFound
from tickets.rules import escalates


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket after some of its events. `version` counts the changes of title, body, status, priority and assignee, and its creation."""

    number: int
    requester: str
    title: str
    body: str
    status: Status
    priority: Priority
    assignee: str | None
    created_at: datetime
    updated_at: datetime
    version: int = 1
    escalated_at: datetime | None = None
    escalation_level: int = 0
    fired: frozenset[tuple[str, int]] = field(default=frozenset())
    """The (policy, level) pairs that have escalated it; each does so once, ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the desk knows of somebody who might be given a ticket."""

    id: str
    role: str
    active: bool

    @property
    def may_be_assigned(self) -> bool:
        """Tickets are given to admins who are still here."""
        return self.active and self.role == "admin"


def decide(command: Command, ticket: Ticket | None, candidate: Person | None = None) -> Sequence[Any]:  # noqa: PLR0911  one per command
    """Return the events that follow from a command, none when it changes nothing.

    `ticket` is None when there is none; `candidate` is the person an AssignTicket names, None when nobody is known by that id.
    Raises TicketNotFound, NotPermitted, Stale or NotAssignable, in this order.
    """
    match command:
        case OpenTicket():
            return [_open(command)]
        case EditTicket():
            return _edit(command, _seen(ticket, command.ticket, command.by))
        case ChangeStatus():
            return _change_status(command, _handled(ticket, command.ticket, command.by, "change a ticket's status"))
        case ChangePriority():
            return _change_priority(command, _handled(ticket, command.ticket, command.by, "change a ticket's priority"))
        case AssignTicket():
            return _assign(command, _handled(ticket, command.ticket, command.by, "assign tickets"), candidate)
        case AddNote():
            return [_add_note(command, _handled(ticket, command.ticket, command.by, "write notes"))]
        case EscalateTicket():
            return _escalate(command, ticket)


def _open(command: OpenTicket) -> TicketCreated:
    return TicketCreated(
        requester=command.by.id,
        assignee=None,
        number=command.number,
        priority=command.priority,
        status="open",
        title=command.title,
        body=command.body,
    )


def _edit(command: EditTicket, ticket: Ticket) -> list[TicketEdited]:
    if not may_edit(command.by, ticket.requester):
        raise ContentIsTheRequesters
    _check_version(command.expected, ticket)
    asked = {"title": command.title, "body": command.body}
    after = {name: value for name, value in asked.items() if value is not None and value != getattr(ticket, name)}
    if not after:
        return []
    before = {name: getattr(ticket, name) for name in after}
    return [TicketEdited(requester=ticket.requester, assignee=ticket.assignee, fields=list(after), before=before, after=after)]


def _change_status(command: ChangeStatus, ticket: Ticket) -> list[TicketStatusChanged]:
    _check_version(command.expected, ticket)
    if command.to == ticket.status:
        return []
    before, after = {"status": ticket.status}, {"status": command.to}
    return [TicketStatusChanged(requester=ticket.requester, assignee=ticket.assignee, before=before, after=after)]


def _change_priority(command: ChangePriority, ticket: Ticket) -> list[TicketPriorityChanged]:
    _check_version(command.expected, ticket)
    if command.to == ticket.priority:
        return []
    before, after = {"priority": ticket.priority}, {"priority": command.to}
    return [TicketPriorityChanged(requester=ticket.requester, assignee=ticket.assignee, before=before, after=after)]


def _assign(command: AssignTicket, ticket: Ticket, candidate: Person | None) -> list[TicketAssigned | TicketUnassigned]:
    _check_version(command.expected, ticket)
    if command.to == ticket.assignee:
        return []
    before, after = {"assignee": ticket.assignee}, {"assignee": command.to}
    if command.to is None:
        return [TicketUnassigned(requester=ticket.requester, assignee=None, before=before, after=after)]
    if candidate is None or not candidate.may_be_assigned:
        raise NotAssignable
    return [TicketAssigned(requester=ticket.requester, assignee=command.to, before=before, after=after)]


def _add_note(command: AddNote, ticket: Ticket) -> TicketNoteAdded:
    return TicketNoteAdded(requester=ticket.requester, assignee=ticket.assignee, note=command.note, body=command.body)


def _escalate(command: EscalateTicket, ticket: Ticket | None) -> list[TicketEscalated]:
    """The escalator asks by its own copy, which lags; whether anything happens is decided here, on the ticket itself."""
    if ticket is None or (command.policy, command.level) in ticket.fired or not escalates(ticket, command.when):
        return []
    escalated_at = None if ticket.escalated_at is None else to_text(ticket.escalated_at)
    level = max(command.level, ticket.escalation_level)
    return [
        TicketEscalated(
            requester=ticket.requester,
            assignee=ticket.assignee,
            policy=command.policy,
            policy_version=command.policy_version,
            level=command.level,
            due_at=command.due_at,
            notify=command.notify,
            before={"escalated_at": escalated_at, "escalation_level": ticket.escalation_level},
            after={"escalated_at": to_text(command.at), "escalation_level": level},
        )
    ]


def _seen(ticket: Ticket | None, number: int, by: Caller) -> Ticket:
    if ticket is None or not may_see(by, ticket.requester):
        raise TicketNotFound(number)
    return ticket


def _handled(ticket: Ticket | None, number: int, by: Caller, what: str) -> Ticket:
    seen = _seen(ticket, number, by)
    if not may_handle(by):
        raise AdminsOnly(what)
    return seen


def _check_version(expected: int | None, ticket: Ticket) -> None:
    if expected is not None and expected != ticket.version:
        raise Stale(ticket.version)


def evolve(ticket: Ticket | None, fact: Fact) -> Ticket | None:
    """Return the ticket after one more event. Its title and text are empty where they were erased."""
    match fact.event:
        case TicketCreated() as event:
            return Ticket(
                number=event.number,
                requester=event.requester,
                title=event.title or "",
                body=event.body or "",
                status=cast("Status", event.status),
                priority=cast("Priority", event.priority),
                assignee=event.assignee,
                created_at=fact.time,
                updated_at=fact.time,
            )
        case TicketEdited() as event if ticket:
            # an erased edit has no `after`: the texts that it named are gone, not those from before it
            after = {name: (event.after or {}).get(name, "") for name in event.fields}
            return _changed(ticket, fact, **after)
        case TicketStatusChanged() | TicketPriorityChanged() | TicketAssigned() | TicketUnassigned() as event if ticket:
            return _changed(ticket, fact, **event.after)
        case TicketEscalated() as event if ticket:
            return replace(
                ticket,
                escalated_at=fact.time,
                escalation_level=event.after["escalation_level"],
                fired=ticket.fired | {(event.policy, event.level)},
                updated_at=fact.time,
            )
    return ticket


def _changed(ticket: Ticket, fact: Fact, **changes: Any) -> Ticket:
    return replace(ticket, **changes, version=ticket.version + 1, updated_at=fact.time)


TICKET: Fold[Ticket | None] = Fold(
    initial=None,
    evolve=evolve,
    types=frozenset(
        type_of(cls).name
        for cls in (
            TicketCreated,
            TicketEdited,
            TicketStatusChanged,
            TicketPriorityChanged,
            TicketAssigned,
            TicketUnassigned,
            TicketEscalated,
        )
    ),
)

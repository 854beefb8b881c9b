"""The life of a deadline: waiting → asked → fired, or cancelled. Pure.

A deadline belongs to one (ticket, policy name, level). It is asked for once it is due, while the escalator's copy of the ticket is open,
was not opened by an import, and the policy's condition holds. What the tickets service makes of that comes back as an event of the ticket:
`ticket.escalated` makes the deadline fired, for ever; any event after which the ticket is no longer open, or the condition that was asked
under no longer holds, puts it back to waiting, and only then can it be asked for again. A deadline whose policy or level is gone is
cancelled, and comes back with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from escalator.policy import Change, Condition, Policies, term
from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEscalated,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)

State = Literal["waiting", "asked", "fired", "cancelled"]
Shown = Literal["pending", "fired", "cancelled"]


class Key(NamedTuple):
    """What a deadline fires once for, ever."""

    ticket: int
    policy: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketCopy:
    """What the escalator knows of a ticket. `version` and `event` are those of its last event; `imported`: what last opened it was."""

    number: int
    version: int
    event: str
    status: str
    priority: str
    assigned: bool
    imported: bool
    created_at: datetime

    @property
    def open(self) -> bool:
        return self.status == "open"

    def meets(self, condition: Condition) -> bool:
        """Whether a level under this condition takes effect now, if it is due."""
        return self.open and condition.holds(priority=self.priority, assigned=self.assigned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An `escalation.due` of our own log: asked for under the condition `when` and the policy's version `version`."""

    at: datetime
    when: Condition
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """`ask` is there while the state is `asked`, `fired_at` (when the ticket was escalated) when it is `fired`.

    `ready`: it waits for nothing but its time.
    """

    key: Key
    due_at: datetime
    state: State
    ready: bool = False
    shown: Shown = "pending"
    ask: Ask | None = None
    fired_at: datetime | None = None


Deadlines = Mapping[Key, Deadline]


def follow(copy: TicketCopy | None, event: Any, *, number: int, version: int, id_: str, at: datetime, imported: bool) -> TicketCopy | None:
    """Return the copy after an event of its ticket; None for a ticket whose creation is not known here."""
    if isinstance(event, TicketCreated):
        return TicketCopy(
            number=number,
            version=version,
            event=id_,
            status=event.status,
            priority=event.priority,
            assigned=event.assignee is not None,
            imported=imported,
            created_at=at,
        )
    if copy is None:
        return None
    copy = replace(copy, version=version, event=id_)
    match event:
        case TicketStatusChanged(after={"status": status}):
            return replace(copy, status=status, imported=imported if status == "open" else copy.imported)
        case TicketPriorityChanged(after={"priority": priority}):
            return replace(copy, priority=priority)
        case TicketAssigned() | TicketUnassigned():
            return replace(copy, assigned=event.assignee is not None)
        case _:
            return copy


def settle(copy: TicketCopy, deadlines: Deadlines, policies: Policies) -> dict[Key, Deadline]:
    """Return all deadlines of a ticket as its copy and the policies make them. Settling again changes nothing."""
    settled = {key: deadline for key, deadline in deadlines.items() if deadline.state == "fired"}
    for name, changes in policies.changes.items():
        for number in range(1, _levels_ever(changes) + 1):
            key = Key(copy.number, name, number)
            if key not in settled and (deadline := _settled(copy, key, deadlines.get(key), changes)) is not None:
                settled[key] = deadline
    return settled


def _settled(copy: TicketCopy, key: Key, before: Deadline | None, changes: Sequence[Change]) -> Deadline | None:
    due = term(copy.created_at, changes, key.level)
    if due is None:
        return None
    if due.gone:
        return Deadline(key=key, due_at=due.due_at, state="cancelled", shown="cancelled")
    ask = before.ask if before is not None else None
    if ask is not None and copy.meets(ask.when) and not _was_gone_since(ask.version, changes, key.level):
        return Deadline(key=key, due_at=due.due_at, state="asked", ask=ask)
    policy = changes[-1].policy
    ready = policy is not None and not copy.imported and copy.meets(policy.when)
    return Deadline(key=key, due_at=due.due_at, state="waiting", ready=ready, shown="cancelled" if copy.status == "resolved" else "pending")


def _levels_ever(changes: Iterable[Change]) -> int:
    return max(len(change.policy.levels) if change.policy is not None else 0 for change in changes)


def _was_gone_since(version: int, changes: Iterable[Change], level: int) -> bool:
    return any(change.version > version and change.level(level) is None for change in changes)


def may_ask(deadline: Deadline, now: datetime) -> bool:
    """Whether a settled deadline is to be asked for now."""
    return deadline.ready and deadline.due_at <= now


def asked(deadline: Deadline, ask: Ask) -> Deadline:
    """Return the deadline after its `escalation.due` was appended. What it then is for the ticket's copy, `settle` says."""
    return replace(deadline, state="asked", ready=False, shown="pending", ask=ask)


def fired(copy: TicketCopy, event: TicketEscalated, *, at: datetime, due_at: datetime) -> Deadline:
    """Return the deadline that the ticket was escalated for; the ticket's word counts, whatever is known of the policy here."""
    key = Key(copy.number, event.policy, event.level)
    return Deadline(key=key, due_at=due_at, state="fired", shown="fired", fired_at=at)

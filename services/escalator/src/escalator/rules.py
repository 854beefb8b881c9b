"""The life of a deadline: waiting → asked → fired, or cancelled. Pure.

A deadline belongs to one (ticket, policy name, level). When it is due, and whether it is ready, the engine says. What is added here is what
the way between two services needs, and one rule: a ticket that an import opened waits for a live event. A deadline is asked for once it is
due and ready by the escalator's copy of the ticket. What the tickets service makes of that comes back as an event of the ticket:
`ticket.escalated` makes the deadline fired, for ever; any event after which the ticket is no longer open, or the condition that was asked
under no longer holds, puts it back to waiting, and only then can it be asked for again. A deadline whose policy or level is gone is
cancelled, and comes back with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from escalator import engine
from escalator.engine import Due, Phase, dues
from escalator.policies import Change, Policies
from escalator.policy import Condition
from events.contracts.ticket import TicketCreated, TicketEscalated, TicketStatusChanged

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
    imported: bool
    created_at: datetime
    phase: Phase


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
    phase = engine.follow(copy.phase if copy is not None else None, event, at)
    if phase is None:
        return None
    if copy is None or isinstance(event, TicketCreated):
        return TicketCopy(number=number, version=version, event=id_, imported=imported, created_at=at, phase=phase)
    opened = isinstance(event, TicketStatusChanged) and phase.status == "open"
    return replace(copy, version=version, event=id_, imported=imported if opened else copy.imported, phase=phase)


def settle(copy: TicketCopy, deadlines: Deadlines, policies: Policies) -> dict[Key, Deadline]:
    """Return all deadlines of a ticket as its copy and the policies make them. Settling again changes nothing."""
    settled = {key: deadline for key, deadline in deadlines.items() if deadline.state == "fired"}
    for due in dues(copy.created_at, policies):
        key = Key(copy.number, due.policy, due.level)
        if key not in settled:
            settled[key] = _settled(copy, key, deadlines.get(key), due)
    return settled


def _settled(copy: TicketCopy, key: Key, before: Deadline | None, due: Due) -> Deadline:
    if due.when is None:
        return Deadline(key=key, due_at=due.due_at, state="cancelled", shown="cancelled")
    ask = before.ask if before is not None else None
    if ask is not None and copy.phase.meets(ask.when) and not _was_gone_since(ask.version, due.changes, key.level):
        return Deadline(key=key, due_at=due.due_at, state="asked", ask=ask)
    ready = due.ready(copy.phase) and not copy.imported
    shown: Shown = "cancelled" if copy.phase.status == "resolved" else "pending"
    return Deadline(key=key, due_at=due.due_at, state="waiting", ready=ready, shown=shown)


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

"""What the escalator does on the events of tickets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from escalator.policies import Policies
from escalator.policy import Condition
from escalator.projections import Held, load, save
from escalator.queries import asks_after
from escalator.rules import Ask, Key, asked, fired, follow
from events.catalogue import type_of
from events.contracts.escalation import EscalationDue
from events.contracts.ticket import (
    TicketAssigned,
    TicketCreated,
    TicketEscalated,
    TicketPriorityChanged,
    TicketStatusChanged,
    TicketUnassigned,
)
from events.decider import Transaction
from events.handling import Handler
from events.projections import Recorded
from events.times import from_text

POLICIES = ("policies", "all")
"""The writer's key of the whole set of policies."""


def receive(tx: Transaction, items: Sequence[Recorded]) -> None:
    """Bring the copies of tickets and their deadlines up to date: read at once, followed in order, written where they changed."""
    policies: Policies = tx.state(POLICIES)
    before = load(tx.connection, sorted({_number(item) for item in items}))
    after, begun = dict(before), []
    for item in items:
        was = after.get(_number(item))
        if (held := _followed(tx, was, item, policies)) is not None:
            after[held.copy.number] = held
            if was is None or was.copy.phase != held.copy.phase:
                begun.append(held.copy)
    save(tx.connection, before, after.values(), begun)


def _followed(tx: Transaction, was: Held | None, recorded: Recorded, policies: Policies) -> Held | None:
    """Return what is held of a ticket after one more of its events; None when nothing changes.

    The asks that once followed from this very event are applied too: there are some only when the tables are built again from the feed.
    """
    stored, number = recorded.stored, _number(recorded)
    if was is not None and was.copy.version >= stored.streamversion:
        return None
    at = from_text(stored.time)
    copy = follow(
        was.copy if was is not None else None,
        recorded.event,
        number=number,
        version=stored.streamversion,
        id_=stored.id,
        at=at,
        imported=stored.imported,
    )
    if copy is None:
        return None
    known = dict(was.deadlines) if was is not None else {}
    if isinstance(recorded.event, TicketEscalated):
        deadline = fired(copy, recorded.event, at=at, due_at=from_text(recorded.event.due_at))
        known[deadline.key] = deadline
    held = Held(copy, known).settled(policies)
    if policies.could_be_due(copy.created_at, tx.now):
        for due, asked_at in asks_after(tx.connection, number, stored.id):
            held = after_ask(held, due, asked_at).settled(policies)
    return held


def _number(item: Recorded) -> int:
    return int(item.stored.entity[1])


def after_ask(held: Held, due: EscalationDue, at: datetime) -> Held:
    """Return what is held of a ticket after one of its deadlines was asked for."""
    key = Key(due.ticket, due.policy, due.level)
    deadline = held.deadlines.get(key)
    if deadline is None or deadline.state == "fired":
        return held
    ask = Ask(at=at, when=Condition.of(due.when), version=due.policy_version)
    return replace(held, deadlines={**held.deadlines, key: asked(deadline, ask)})


HANDLERS: Mapping[str, Handler] = {
    type_of(cls).name: receive
    for cls in (TicketCreated, TicketStatusChanged, TicketPriorityChanged, TicketAssigned, TicketUnassigned, TicketEscalated)
}

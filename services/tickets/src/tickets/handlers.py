"""What the desk does on others' events."""

from collections.abc import Mapping, Sequence

from events.catalogue import type_of
from events.contracts.escalation import EscalationDue
from events.decider import Context, Transaction
from events.envelope import Actor
from events.handling import Handler
from events.projections import Recorded
from tickets.commands import EscalateTicket
from tickets.decider import decide
from tickets.units import moment, subject

DESK = Actor(kind="system", id="tickets")


def escalations_due(tx: Transaction, items: Sequence[Recorded]) -> None:
    """Escalate tickets whose deadlines the escalator found due."""
    tx.prefetch(("stream", subject(item.event.ticket)) for item in items)
    for item in items:
        escalation_due(tx, item)


def escalation_due(tx: Transaction, item: Recorded) -> None:
    """Escalate a ticket, if it still asks for it as it is now."""
    due: EscalationDue = item.event
    about = subject(due.ticket)
    stream = tx.stream(about)
    at = moment(tx.now, stream.time)
    command = EscalateTicket(
        ticket=due.ticket,
        policy=due.policy,
        policy_version=due.policy_version,
        level=due.level,
        due_at=due.due_at,
        when=due.when,
        notify=due.notify,
        at=at,
    )
    events = decide(command, stream.state)
    if events:
        stored = item.stored
        context = Context(actor=DESK, at=at, correlation=stored.correlationid, causation=stored.id, traceparent=stored.traceparent)
        tx.append(about, events, context)


HANDLERS: Mapping[str, Handler] = {type_of(EscalationDue).name: escalations_due}

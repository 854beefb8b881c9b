"""What the desk does on others' events."""

from collections.abc import Callable, Mapping

from events.catalogue import type_of
from events.contracts.escalation import EscalationDue
from events.decider import Context, Transaction
from events.envelope import Actor
from events.projections import Recorded
from tickets.commands import EscalateTicket
from tickets.decider import decide
from tickets.units import moment, subject

DESK = Actor(kind="system", id="tickets")


def escalation_due(tx: Transaction, item: Recorded) -> None:
    """Escalate a ticket whose deadline the escalator found due, if the ticket as it is now still asks for it."""
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


HANDLERS: Mapping[str, Callable[[Transaction, Recorded], None]] = {type_of(EscalationDue).name: escalation_due}

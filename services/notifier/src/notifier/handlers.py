"""What the notifier does on the events of tickets and of auth."""

from collections.abc import Callable, Mapping

from events.catalogue import type_of
from events.contracts.ticket import TicketAssigned, TicketEscalated, TicketStatusChanged, TicketUnassigned
from events.contracts.user import UserReactivated, UserRegistered, UserRoleChanged
from events.decider import Transaction
from events.envelope import Actor
from events.projections import Recorded
from notifier import jobs
from notifier.inbox import Post
from notifier.rules import who_hears

Handlers = Mapping[str, Callable[[Transaction, Recorded], None]]


def on_tickets(post: Post) -> Handlers:
    """Return the handlers that tell people what has happened to tickets."""

    def tell(tx: Transaction, item: Recorded) -> None:
        stored = item.stored
        actor = Actor(kind=stored.actorkind, id=stored.actorid)
        ticket = int(stored.entity[1])
        for notice in who_hears(item.event, id_=stored.id, ticket=ticket, actor=actor, imported=stored.imported):
            post.accept(tx.connection, notice, tx.now)

    return {type_of(cls).name: tell for cls in (TicketAssigned, TicketUnassigned, TicketStatusChanged, TicketEscalated)}


def on_people() -> Handlers:
    """Return the handlers that let what waits for an admin go on as soon as there may be one."""

    def hurry(tx: Transaction, _item: Recorded) -> None:
        jobs.hurry(tx.connection, tx.now)

    return {type_of(cls).name: hurry for cls in (UserRegistered, UserRoleChanged, UserReactivated)}

"""What the notifier does on the events of tickets and of auth."""

from collections.abc import Mapping, Sequence

from events.catalogue import type_of
from events.contracts.ticket import TicketAssigned, TicketEscalated, TicketStatusChanged, TicketUnassigned
from events.contracts.user import UserReactivated, UserRegistered, UserRoleChanged
from events.decider import Transaction
from events.envelope import Actor
from events.handling import Handler
from events.projections import Recorded
from notifier import jobs
from notifier.inbox import Post
from notifier.rules import Notice, who_hears

Handlers = Mapping[str, Handler]


def on_tickets(post: Post) -> Handlers:
    """Return the handlers that tell people what has happened to tickets."""

    def tell(tx: Transaction, items: Sequence[Recorded]) -> None:
        post.accept(tx.connection, [notice for item in items for notice in _notices(item)], tx.now)

    return {type_of(cls).name: tell for cls in (TicketAssigned, TicketUnassigned, TicketStatusChanged, TicketEscalated)}


def _notices(item: Recorded) -> list[Notice]:
    stored = item.stored
    actor = Actor(kind=stored.actorkind, id=stored.actorid)
    return who_hears(item.event, id_=stored.id, ticket=int(stored.entity[1]), actor=actor, imported=stored.imported)


def on_people() -> Handlers:
    """Return the handlers that let what waits for an admin go on as soon as there may be one."""

    def hurry(tx: Transaction, _items: Sequence[Recorded]) -> None:
        jobs.hurry(tx.connection, tx.now)

    return {type_of(cls).name: hurry for cls in (UserRegistered, UserRoleChanged, UserReactivated)}

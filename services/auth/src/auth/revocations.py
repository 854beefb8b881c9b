"""After the commit, every service is told whose session, token or standing is not what it was.

What is told follows from the log, not from the request: a client that hangs up, another replica's commit and a sweep are all heard of.
"""

import logging
from collections.abc import Mapping
from typing import Any

from chassis.principals import announce
from chassis.service import Running
from events.catalogue import type_of
from events.contracts import CATALOGUE
from events.contracts.user import (
    TokenRevoked,
    UserDeactivated,
    UserErased,
    UserLoggedOut,
    UserReactivated,
    UserRoleChanged,
    UserSessionEnded,
)
from events.envelope import StoredEvent
from events.store import log_head, read_log

logger = logging.getLogger(__name__)

_AT_ONCE = 500
_MOST_NAMED = 100
"""At once; when there are more, "all" is told instead: hints wait in a bounded queue, and those that find it full are dropped."""
_TELLING = {
    type_of(cls).name
    for cls in (TokenRevoked, UserDeactivated, UserErased, UserLoggedOut, UserReactivated, UserRoleChanged, UserSessionEnded)
}


def revoked_by(event: Any, user: str) -> Mapping[str, str] | None:
    """Return what an event of this user takes back, as {"session" | "token" | "user": id}; None when it takes nothing back."""
    match event:
        case UserLoggedOut(session=session) | UserSessionEnded(session=session):
            return {"session": session}
        case TokenRevoked(token=token):
            return {"token": token}
        case UserRoleChanged() | UserDeactivated() | UserReactivated() | UserErased():
            return {"user": user}
    return None


async def tell(running: Running) -> None:
    """Follow the log from its end on, until cancelled. What came before, also while this was down, is told with "all"."""
    with running.store.read() as connection:
        position = log_head(connection).sequence
    announce(running.broker)
    generation = running.wake.generation
    while True:
        with running.store.read() as connection:
            new = read_log(connection, position, _AT_ONCE)
        taken_back = [named for named in map(_taken_back, new) if named is not None]
        if len(taken_back) > _MOST_NAMED:
            announce(running.broker)
        else:
            for named in taken_back:
                announce(running.broker, **named)
        position = new[-1].sequence if new else position
        if len(new) < _AT_ONCE:
            generation = await running.wake.after(generation)


def _taken_back(stored: StoredEvent) -> Mapping[str, str] | None:
    return revoked_by(stored.decode(CATALOGUE), stored.entity[1]) if stored.type in _TELLING else None

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
    """Follow the log from its end on, until cancelled; "all" was told at the start (`chassis.principals.beats`)."""
    with running.store.read() as connection:
        position = log_head(connection).sequence
    generation = running.wake.generation
    while True:
        with running.store.read() as connection:
            new = read_log(connection, position, _AT_ONCE)
        for stored in new:
            _tell_of(running, stored)
            position = stored.sequence
        if len(new) < _AT_ONCE:
            generation = await running.wake.after(generation)


def _tell_of(running: Running, stored: StoredEvent) -> None:
    if stored.type in _TELLING:
        taken_back = revoked_by(stored.decode(CATALOGUE), stored.entity[1])
        if taken_back is not None:
            announce(running.broker, **taken_back)

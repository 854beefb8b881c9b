"""What the notifier keeps of a person: their inbox, how they want to be told, and what is still to be told to them.

Texts are made when they are read, from the names that people have then, so no notification of somebody else holds a name.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, delete, func, select

from events.blanking import AT_ONCE, Found, Step
from notifier import inbox
from notifier.tables import inboxes, jobs, notifications, preferences

_mine: Any = bindparam("person")
_INBOX = select(notifications.c.position).where(notifications.c.recipient == _mine).limit(AT_ONCE)
_LEFT = select(func.count()).where(notifications.c.recipient == _mine, notifications.c.read_at.is_(None))
_COUNTED = select(inboxes.c.unread).where(inboxes.c.recipient == _mine)
_PREFERENCES = select(preferences.c.person).where(preferences.c.person == _mine)
_QUEUED = select(jobs.c.id).where(jobs.c.status == "queued", jobs.c.recipient == _mine).limit(AT_ONCE)


def _settle_inbox(connection: Connection, person: str) -> None:
    """Count what is left unread, and let open streams know. The row stays: its number must not be given a second time."""
    counted = connection.scalar(_COUNTED, {"person": person})
    if counted is not None:
        inbox.change(connection, person, unread=connection.scalar(_LEFT, {"person": person}) - counted)


def _nothing(_connection: Connection, _person: str) -> None:
    """Nothing follows."""


def _dropping(name: str, which: Select[Any], key: Column[Any], after: Callable[[Connection, str], None] = _nothing) -> Step:
    def find(connection: Connection, *, person: str, position: str) -> Found:  # noqa: ARG001 (what is deleted is not found again)
        keys = list(connection.scalars(which, {"person": person}))
        return keys, "" if len(keys) == AT_ONCE else None

    def blank(connection: Connection, person: str, keys: Sequence[Any]) -> int:
        count = connection.execute(delete(key.table).where(key.in_(keys))).rowcount
        after(connection, person)
        return count

    return Step(name=name, find=find, blank=blank)


STEPS = (
    _dropping("jobs", _QUEUED, jobs.c.id),
    _dropping("notifications", _INBOX, notifications.c.position, _settle_inbox),
    _dropping("preferences", _PREFERENCES, preferences.c.person),
)
"""Jobs that were done are kept: they hold ids, and keep anything from being told twice."""

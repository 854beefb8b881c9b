"""What the notifier keeps of a person: their inbox, how they want to be told, and what is still to be told to them.

Texts are made when they are read, from the names that people have then, so no notification of somebody else holds a name.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from events.blanking import AT_ONCE, dropping
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


STEPS = (
    dropping("jobs", _QUEUED, jobs.c.id),
    dropping("notifications", _INBOX, notifications.c.position, _settle_inbox),
    dropping("preferences", _PREFERENCES, preferences.c.person),
)
"""Jobs that were done are kept: they hold ids, and keep anything from being told twice."""

"""What becomes of notifications and jobs when a desk is put back.

What people were told because of a later event goes. Marks of reading and preferences are nobody's effect and stay. Of what was still to be
done nothing is done by itself that might have been done already: it is dead, and an operator can queue it again.
"""

from sqlalchemy import Connection, delete, func, select, update

from chassis.service import Running
from events.cutting import Cut, gone
from notifier.jobs import FAN_OUT
from notifier.tables import inboxes, jobs, notifications, preferences

PORTABLE = (notifications, inboxes, preferences, jobs)
_EVENT_ID = 36
"""How long an event's id is, with which each dedupe key begins."""
_NOT_DONE = jobs.c.status.in_(("queued", "processing"))
_WHY = "The desk was restored before this was done. It may have been done since; queue it again if it was not."
_DEAD = {"status": "dead", "last_error": _WHY, "claim": None, "claimed_until": None, "sending": False}


def cut(connection: Connection, _where: Cut) -> None:
    """Take away what follows from later events, count anew what nobody has read, and let no job run that was not done."""
    later = select(gone.c.id)
    connection.execute(delete(notifications).where(notifications.c.event.in_(later)))
    connection.execute(delete(inboxes).where(inboxes.c.recipient.not_in(select(notifications.c.recipient))))
    connection.execute(delete(jobs).where(func.substr(jobs.c.dedupe_key, 1, _EVENT_ID).in_(later)))
    unread = select(func.count()).where(notifications.c.recipient == inboxes.c.recipient, notifications.c.read_at.is_(None))
    connection.execute(update(inboxes).values(unread=unread.scalar_subquery()))
    connection.execute(update(jobs).where(_NOT_DONE).values(_DEAD))


def adopt(_connection: Connection) -> None:
    """What people were told follows from no event but when it happens: nobody is told again of what is history."""


def settle(connection: Connection) -> None:
    """Let nothing leave the house by itself that may have left it since the backup. Telling the admins here does no such thing."""
    connection.execute(update(jobs).where(_NOT_DONE, jobs.c.type != FAN_OUT).values(_DEAD))


async def resume(_live: Running) -> None:
    """Nothing is left to be said."""

"""Inboxes: what is put into them, what is marked in them, and their kept counts. Runs in the writer's transaction."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.times import to_text
from notifier import jobs
from notifier.jobs import EMAIL, FAN_OUT, IN_APP, NewJob
from notifier.queries import wants_email
from notifier.rules import Notice
from notifier.tables import inboxes, notifications

_ADD = insert(notifications)
_change = upsert(inboxes).values(
    recipient=bindparam("recipient"),
    unread=bindparam("unread"),
    changed=select(func.coalesce(func.max(inboxes.c.changed), 0) + 1).scalar_subquery(),
)
_CHANGE = _change.on_conflict_do_update(
    index_elements=[inboxes.c.recipient],
    set_={"unread": inboxes.c.unread + _change.excluded.unread, "changed": _change.excluded.changed},
)
_mine = notifications.c.recipient == bindparam("person")
_this = (notifications.c.id == bindparam("which"), _mine)
_READ = update(notifications).where(*_this, notifications.c.read_at.is_(None)).values(read_at=bindparam("at"))
_UNREAD = update(notifications).where(*_this, notifications.c.read_at.is_not(None)).values(read_at=None)
_READ_ALL = update(notifications).where(_mine, notifications.c.read_at.is_(None)).values(read_at=bindparam("at"))
_EXISTS = select(notifications.c.position).where(*_this)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Puts notices into inboxes, each once however often it is asked, with a job for each of the `channels` beside the inbox."""

    new_id: Callable[[], str]
    channels: Collection[str] = ()

    def accept(self, connection: Connection, notice: Notice, now: datetime) -> None:
        """Tell one person now; for all admins leave a job that finds out who they are when it runs."""
        if notice.to is not None:
            self.deliver(connection, notice, notice.to, now)
        else:
            told = json.dumps(asdict(notice))
            job = NewJob(id=self.new_id(), type=FAN_OUT, dedupe_key=f"{notice.event}:admins:{FAN_OUT}", notice=told)
            jobs.queue(connection, job, now)

    def deliver(self, connection: Connection, notice: Notice, recipient: str, now: datetime) -> None:
        """Put a notice into one inbox."""
        id_ = self.new_id()
        if not jobs.record_done(connection, self._job(IN_APP, notice, recipient, id_), now):
            return  # this person has heard of this event
        row = {"id": id_, "recipient": recipient, "kind": notice.kind, "ticket": notice.ticket, "event": notice.event}
        details = {"actor": notice.actor, "other": notice.other, "facts": json.dumps(dict(notice.facts))}
        connection.execute(_ADD, {**row, **details, "created_at": to_text(now)})
        change(connection, recipient, unread=1)
        for channel in self.channels:
            if channel != EMAIL or wants_email(connection, recipient):
                jobs.queue(connection, self._job(channel, notice, recipient, id_), now)

    def _job(self, type_: str, notice: Notice, recipient: str, about: str) -> NewJob:
        key = f"{notice.event}:{recipient}:{type_}"
        return NewJob(id=self.new_id(), type=type_, dedupe_key=key, recipient=recipient, notification=about)


def change(connection: Connection, recipient: str, *, unread: int) -> None:
    """Add to the count of what somebody has not read, and let open streams know."""
    connection.execute(_CHANGE, {"recipient": recipient, "unread": unread})


def mark(connection: Connection, person: str, id_: str, read_at: datetime | None) -> bool:
    """Mark a notification read, or, with None, unread. Return False when this person has no such notification."""
    what = {"which": id_, "person": person}
    if read_at is not None:
        marked = connection.execute(_READ, {**what, "at": to_text(read_at)}).rowcount
    else:
        marked = connection.execute(_UNREAD, what).rowcount
    if marked:
        change(connection, person, unread=-1 if read_at is not None else 1)
    return bool(marked) or connection.execute(_EXISTS, what).one_or_none() is not None


def mark_all(connection: Connection, person: str, read_at: datetime) -> int:
    """Mark everything of a person read, and return how many were not."""
    marked = connection.execute(_READ_ALL, {"person": person, "at": to_text(read_at)}).rowcount
    if marked:
        change(connection, person, unread=-marked)
    return marked

"""Inboxes: what is put into them, what is marked in them, and their kept counts. Runs in the writer's transaction."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.prepared import Prepared, Row
from events.times import to_text
from notifier import jobs, people
from notifier.jobs import EMAIL, FAN_OUT, IN_APP, NewJob
from notifier.queries import wants_email
from notifier.rules import Notice
from notifier.tables import inboxes, notifications

_ADDED = ("id", "recipient", "kind", "ticket", "event", "actor", "other", "facts", "created_at")
_ADD = Prepared(insert(notifications), _ADDED)
_change = upsert(inboxes).values(
    recipient=bindparam("recipient"),
    unread=bindparam("unread"),
    changed=select(func.coalesce(func.max(inboxes.c.changed), literal_column("0")) + literal_column("1")).scalar_subquery(),
)
_CHANGE = Prepared(
    _change.on_conflict_do_update(
        index_elements=[inboxes.c.recipient],
        set_={"unread": inboxes.c.unread + _change.excluded.unread, "changed": _change.excluded.changed},
    ),
    ("recipient", "unread"),
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

    def accept(self, connection: Connection, notices: Sequence[Notice], now: datetime) -> None:
        """Tell people now, but those who can never sign in; what is for all admins is left as a job that finds out who they are."""
        told = [(notice, notice.to) for notice in notices if notice.to is not None]
        nobody = people.shut_out(connection, {recipient for _, recipient in told}) if told else ()
        self.deliver(connection, [(notice, recipient) for notice, recipient in told if recipient not in nobody], now)
        jobs.queue(connection, [self._fan_out(notice) for notice in notices if notice.to is None], now)

    def deliver(self, connection: Connection, told: Iterable[tuple[Notice, str]], now: datetime) -> None:
        """Put notices into inboxes, each with its recipient. Who has heard of an event hears nothing of it again."""
        posts = {(notice.event, recipient): (self._job(IN_APP, notice, recipient, self.new_id()), notice) for notice, recipient in told}
        new = jobs.record_done(connection, [job for job, _ in posts.values()], now)
        at, fresh = to_text(now), [(job, notice) for job, notice in posts.values() if job.dedupe_key in new]
        _ADD.run(connection, [_row(job, notice, at) for job, notice in fresh])
        _CHANGE.run(connection, list(Counter(_recipient(job) for job, _ in fresh).items()))
        for channel in self.channels:
            wanted = [(job, notice) for job, notice in fresh if channel != EMAIL or wants_email(connection, _recipient(job))]
            jobs.queue(connection, [self._job(channel, notice, _recipient(job), job.notification) for job, notice in wanted], now)

    def _fan_out(self, notice: Notice) -> NewJob:
        told = json.dumps(asdict(notice))
        return NewJob(id=self.new_id(), type=FAN_OUT, dedupe_key=f"{notice.event}:admins:{FAN_OUT}", notice=told)

    def _job(self, type_: str, notice: Notice, recipient: str, about: str | None) -> NewJob:
        key = f"{notice.event}:{recipient}:{type_}"
        return NewJob(id=self.new_id(), type=type_, dedupe_key=key, recipient=recipient, notification=about)


def _recipient(job: NewJob) -> str:
    assert job.recipient is not None, "what is put into an inbox is somebody's"
    return job.recipient


def _row(job: NewJob, notice: Notice, at: str) -> Row:
    what = job.notification, job.recipient, notice.kind, notice.ticket, notice.event
    return *what, notice.actor, notice.other, json.dumps(dict(notice.facts)), at


def change(connection: Connection, recipient: str, *, unread: int) -> None:
    """Add to the count of what somebody has not read, and let open streams know."""
    _CHANGE.run(connection, [(recipient, unread)])


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

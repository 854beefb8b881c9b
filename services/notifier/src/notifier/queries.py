"""One function per read. A notification comes as its row with the names of those who stand in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from notifier.tables import inboxes, jobs, notifications, people, preferences

Row = Mapping[str, Any]

_actor, _other = people.alias("actor_person"), people.alias("other_person")
NAMED: Select[Any] = select(notifications, _actor.c.name.label("actor_name"), _other.c.name.label("other_name")).select_from(
    notifications.outerjoin(_actor, _actor.c.id == notifications.c.actor).outerjoin(_other, _other.c.id == notifications.c.other)
)
_NOTIFICATIONS = NAMED.where(notifications.c.recipient == bindparam("person")).limit(bindparam("limit"))
_NEWEST = _NOTIFICATIONS.order_by(notifications.c.position.desc())
_FOLLOWING = _NOTIFICATIONS.where(notifications.c.position > bindparam("after")).order_by(notifications.c.position)
_LAST = select(func.max(notifications.c.position)).where(notifications.c.recipient == bindparam("person"))
_COUNT = select(inboxes.c.unread).where(inboxes.c.recipient == bindparam("person"))
_CHANGED = (
    select(inboxes.c.changed, inboxes.c.recipient)
    .where(inboxes.c.changed > bindparam("after"))
    .order_by(inboxes.c.changed)
    .limit(bindparam("limit"))
)
_LAST_CHANGE = select(func.coalesce(func.max(inboxes.c.changed), 0))
_PREFERS = select(preferences.c.email).where(preferences.c.person == bindparam("person"))
_JOB = select(jobs).where(jobs.c.id == bindparam("which"))
_JOBS = select(jobs).order_by(jobs.c.id.desc()).limit(bindparam("limit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedNotifications:
    """`unread` false: only what is read; None: either."""

    unread: bool | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJobs:
    status: str | None = None
    type: str | None = None


def inbox(connection: Connection, person: str, wanted: WantedNotifications, *, limit: int, after: int | None) -> list[Row]:
    """Return up to `limit` notifications, newest first; `after` is the position of the last one seen, None at first."""
    statement = _NEWEST
    if wanted.unread is not None:
        statement = statement.where(notifications.c.read_at.is_(None) if wanted.unread else notifications.c.read_at.is_not(None))
    if wanted.kind is not None:
        statement = statement.where(notifications.c.kind == wanted.kind)
    if after is not None:
        statement = statement.where(notifications.c.position < after)
    return _rows(connection, statement, person=person, limit=limit)


def following(connection: Connection, person: str, after: int, limit: int) -> list[Row]:
    """Return up to `limit` notifications that came after the one at that position, oldest first."""
    return _rows(connection, _FOLLOWING, person=person, after=after, limit=limit)


def last_position(connection: Connection, person: str) -> int:
    """Return the position of a person's newest notification, 0 when there is none."""
    return connection.execute(_LAST, {"person": person}).scalar_one() or 0


def unread_count(connection: Connection, person: str) -> int:
    """Return how many notifications a person has not read; the count is kept, not counted."""
    return connection.execute(_COUNT, {"person": person}).scalar_one_or_none() or 0


def last_change(connection: Connection) -> int:
    """Return the number of the last change of any inbox."""
    return int(connection.execute(_LAST_CHANGE).scalar_one())


def changed_inboxes(connection: Connection, after: int, limit: int) -> list[tuple[int, str]]:
    """Return (change, person) of the inboxes that have changed since the change `after`, in order."""
    return [(row.changed, row.recipient) for row in connection.execute(_CHANGED, {"after": after, "limit": limit})]


def wants_email(connection: Connection, person: str) -> bool:
    """Return whether a person wants mail. Who has not said wants it."""
    return connection.execute(_PREFERS, {"person": person}).scalar_one_or_none() is not False


def job(connection: Connection, id_: str) -> Row | None:
    """Return a job, or None."""
    return connection.execute(_JOB, {"which": id_}).mappings().one_or_none()  # type: ignore[return-value]


def job_list(connection: Connection, wanted: WantedJobs, *, limit: int, after: str | None) -> list[Row]:
    """Return up to `limit` jobs, newest first; `after` is the id of the last one seen, None at first."""
    statement = _JOBS
    if wanted.status is not None:
        statement = statement.where(jobs.c.status == wanted.status)
    if wanted.type is not None:
        statement = statement.where(jobs.c.type == wanted.type)
    if after is not None:
        statement = statement.where(jobs.c.id < after)
    return _rows(connection, statement, limit=limit)


def _rows(connection: Connection, statement: Select[Any], **values: Any) -> list[Row]:
    return list(connection.execute(statement, values).mappings())  # type: ignore[arg-type]

"""What the notifier knows about why somebody was, or was not, told of an event: its rows, and what its rules say of the rest."""

from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from events.contracts import CATALOGUE
from events.envelope import Actor, StoredEvent
from events.fates import fate
from events.handling import Subscription
from events.store import read_stream
from notifier.explaining import Person, Progress, why_not
from notifier.jobs import EMAIL, FAN_OUT, IN_APP
from notifier.queries import NAMED, Row
from notifier.schemas import job_out, notification_out
from notifier.tables import jobs, notifications, people

_NOTIFICATION = NAMED.where(notifications.c.id == bindparam("which"))
_TOLD_BY = select(jobs.c.notification).where(jobs.c.dedupe_key == bindparam("key"))
_JOBS: Select[Any] = select(jobs).where(jobs.c.dedupe_key.in_(bindparam("keys", expanding=True))).order_by(jobs.c.id)
_PERSON = select(people).where(people.c.id == bindparam("person"))


def about_notification(connection: Connection, id_: str) -> dict[str, Any]:
    """Return {"notification", "jobs", "events"} of anybody's notification; {"notification": None} when there is none."""
    row: Row | None = connection.execute(_NOTIFICATION, {"which": id_}).mappings().one_or_none()  # type: ignore[assignment]
    if row is None:
        return {"notification": None}
    facts = {name: row[name] for name in ("event", "recipient")}
    done = _jobs_of(connection, row["event"], row["recipient"])
    by_hand = [stored.wire().decode() for job in done for stored in read_stream(connection, f"job/{job['id']}")]
    return {"notification": notification_out(row) | facts, "jobs": [job_out(job) for job in done], "events": by_hand}


def about_event(connection: Connection, stored: StoredEvent, person: str, subscription: Subscription) -> dict[str, Any]:
    """Return the same of what a person was told of an event; else {"notification": None, "reason", "told", "waits"}.

    `told` are the ids of who hears of it instead, None for all admins; `waits` is what the job that tells them said last.
    """
    told = connection.execute(_TOLD_BY, {"key": f"{stored.id}:{person}:{IN_APP}"}).scalar_one_or_none()
    if told is not None and (found := about_notification(connection, told))["notification"] is not None:
        return found
    telling = next(iter(_jobs_of(connection, stored.id)), None)
    answer = why_not(
        stored.decode(CATALOGUE) if subscription.handles(stored.type) else None,
        ticket=int(stored.entity[1]),
        actor=Actor(kind=stored.actorkind, id=stored.actorid),
        imported=stored.imported,
        person=_person(connection, person),
        progress=Progress(
            fate=fate(connection, "/notifier", stored.source, stored.sequence),
            telling=telling["status"] if telling is not None else None,
            waits=telling["last_error"] if telling is not None else None,
        ),
    )
    waits = telling["last_error"] if telling is not None else None
    return {"notification": None, "reason": answer.reason, "told": answer.told, "waits": waits}


def _jobs_of(connection: Connection, event: str, person: str | None = None) -> list[Row]:
    """Return the job that told all admins of an event, if one did, and those that told this person."""
    keys = [f"{event}:admins:{FAN_OUT}", *(f"{event}:{person}:{type_}" for type_ in (IN_APP, EMAIL) if person is not None)]
    return list(connection.execute(_JOBS, {"keys": keys}).mappings())  # type: ignore[arg-type]


def _person(connection: Connection, id_: str) -> Person:
    row = connection.execute(_PERSON, {"person": id_}).one_or_none()
    if row is None:
        return Person(id=id_)
    return Person(id=id_, role=row.role, active=row.active, can_sign_in=row.can_sign_in, erased=row.name is None)

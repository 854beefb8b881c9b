"""Jobs: what is to be done once, from `queued` to `succeeded`, `dead` or `unknown`. Runs in the writer's transaction.

queued ─▶ processing ─▶ succeeded
▲           │
├───────────┤  a failure, or a worker that crashed before anything left the house: again, later each time
│           ├─▶ dead      after the last try; an operator can queue it again
│           └─▶ unknown   it may have arrived; shown, and never repeated by itself
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, false, func, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.prepared import Prepared, Row
from events.times import to_text
from notifier.policy import CLAIM, MAX_ATTEMPTS, Outcome, after_lost_claim
from notifier.tables import PROCESSING, jobs

IN_APP = "in_app"
FAN_OUT = "fan_out"
EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that a worker has claimed. `attempts` counts this try; `claim` is what makes its outcome the worker's own."""

    id: str
    type: str
    claim: str
    attempts: int
    max_attempts: int
    dedupe_key: str
    """The same at every try: what a mail's Message-ID or a webhook's id is made from."""
    recipient: str | None
    notification: str | None
    notice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """Something to be done once: a second one with the same `dedupe_key` (event, recipient, channel) is not added.

    It is about a `notification`, or, where there is none yet, about a `notice` as JSON. `recipient` None: all admins.
    """

    id: str
    type: str
    dedupe_key: str
    recipient: str | None = None
    notification: str | None = None
    notice: str | None = None


_ASKED_AT_ONCE = 1000  # keys in one question: databases take only so many values
_ADDED = (
    "id",
    "type",
    "status",
    "attempts",
    "max_attempts",
    "run_at",
    "dedupe_key",
    "recipient",
    "notification",
    "notice",
    "sending",
    "created_at",
    "finished_at",
)
_ADD = Prepared(insert(jobs).on_conflict_do_nothing(index_elements=[jobs.c.dedupe_key]), _ADDED)
_KNOWN = select(jobs.c.dedupe_key).where(jobs.c.dedupe_key.in_(bindparam("keys", expanding=True)))
_mine = (jobs.c.id == bindparam("which"), jobs.c.claim == bindparam("mine"))
_LOST = select(jobs.c.id, jobs.c.sending, jobs.c.attempts, jobs.c.max_attempts).where(PROCESSING, jobs.c.claimed_until <= bindparam("now"))
_DUE = (
    select(*(jobs.c[name] for name in Job.__slots__))
    .where(jobs.c.status == "queued", jobs.c.type.in_(bindparam("types", expanding=True)), jobs.c.run_at <= bindparam("now"))
    .order_by(jobs.c.run_at)
    .limit(bindparam("limit"))
)
_NEXT_DUE = (
    select(jobs.c.run_at)
    .where(jobs.c.status == "queued", jobs.c.type.in_(bindparam("types", expanding=True)))
    .order_by(jobs.c.run_at)
    .limit(1)
)
_NEXT_LOST = select(func.min(jobs.c.claimed_until)).where(PROCESSING)
_CLAIM = Prepared(
    update(jobs)
    .where(jobs.c.id == bindparam("which"))
    .values(
        status=literal_column("'processing'"),
        attempts=jobs.c.attempts + literal_column("1"),
        claim=bindparam("mine"),
        claimed_until=bindparam("until"),
        sending=false(),
    ),
    ("mine", "until", "which"),
)
_SUCCEED = Prepared(
    update(jobs)
    .where(*_mine)
    .values(
        status=literal_column("'succeeded'"),
        last_error=null(),
        claim=null(),
        claimed_until=null(),
        sending=false(),
        finished_at=bindparam("at"),
    ),
    ("at", "which", "mine"),
)
_SENDING = update(jobs).where(*_mine, jobs.c.claimed_until > bindparam("now")).values(sending=True, claimed_until=bindparam("until"))
_FREE = {"claim": None, "claimed_until": None, "sending": False}
_REOPEN = (
    update(jobs)
    .where(jobs.c.id == bindparam("which"), jobs.c.status == "dead")
    .values(status="queued", attempts=0, run_at=bindparam("at"), finished_at=None)
)
_WAIT = (
    update(jobs)
    .where(*_mine)
    .values(status="queued", attempts=jobs.c.attempts - 1, run_at=bindparam("again"), last_error=bindparam("why"), **_FREE)
)
_HURRY = (
    update(jobs).where(jobs.c.status == "queued", jobs.c.run_at > bindparam("at"), jobs.c.type == FAN_OUT).values(run_at=bindparam("at"))
)


def queue(connection: Connection, new: Iterable[NewJob], now: datetime) -> None:
    """Leave things to be done, due at once."""
    _ADD.run(connection, [_row(job, "queued", 0, to_text(now), None) for job in new])


def record_done(connection: Connection, new: Sequence[NewJob], now: datetime) -> set[str]:
    """Record things that are done in this very transaction. Return the dedupe keys of those that were not done before."""
    if not new:
        return set()
    keys, known = [job.dedupe_key for job in new], set[str]()
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        known.update(connection.scalars(_KNOWN, {"keys": keys[start : start + _ASKED_AT_ONCE]}))
    fresh, at = [job for job in new if job.dedupe_key not in known], to_text(now)
    _ADD.run(connection, [_row(job, "succeeded", 1, at, at) for job in fresh])
    return {job.dedupe_key for job in fresh}


def _row(job: NewJob, status: str, attempts: int, at: str, finished: str | None) -> Row:
    about = job.dedupe_key, job.recipient, job.notification, job.notice
    return job.id, job.type, status, attempts, MAX_ATTEMPTS, at, *about, False, at, finished


def claim(connection: Connection, *, types: Sequence[str], limit: int, mine: str, now: datetime) -> list[Job]:
    """Take up to `limit` due jobs for a worker, the longest due first; what workers that never came back held is settled before."""
    release_lost(connection, now)
    due = connection.execute(_DUE, {"types": list(types), "now": to_text(now), "limit": limit}).mappings().all()
    _CLAIM.run(connection, [(mine, to_text(now + CLAIM), row["id"]) for row in due])
    return [Job(**{**row, "claim": mine, "attempts": row["attempts"] + 1}) for row in due]


def release_lost(connection: Connection, now: datetime) -> None:
    """Settle the jobs whose claim has ended."""
    for row in connection.execute(_LOST, {"now": to_text(now)}).all():
        outcome = after_lost_claim(sending=row.sending, attempts=row.attempts, max_attempts=row.max_attempts, now=now)
        error = "The worker did not come back while it was sending." if row.sending else "The worker did not come back."
        connection.execute(update(jobs).where(jobs.c.id == row.id).values(_ended(outcome, now, error)))


def mark_sending(connection: Connection, job: Job, now: datetime) -> bool:
    """Note that something may leave the house from now on, and begin the claim anew. Return False when the claim is lost."""
    times = {"now": to_text(now), "until": to_text(now + CLAIM)}
    return connection.execute(_SENDING, {"which": job.id, "mine": job.claim, **times}).rowcount == 1


def end(connection: Connection, job: Job, outcome: Outcome, now: datetime, error: str | None) -> bool:
    """Write down what became of a job. Return False, and do nothing, when the claim is lost: somebody else decides."""
    ended = update(jobs).where(jobs.c.id == job.id, jobs.c.claim == job.claim).values(_ended(outcome, now, error))
    return connection.execute(ended).rowcount == 1


def succeed(connection: Connection, done: Iterable[Job], now: datetime) -> None:
    """Write down that jobs which were claimed in this very transaction are done."""
    _SUCCEED.run(connection, [(to_text(now), job.id, job.claim) for job in done])


def _ended(outcome: Outcome, now: datetime, error: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {**_FREE, "status": outcome.status, "last_error": error}
    if outcome.run_at is not None:
        return {**values, "run_at": to_text(outcome.run_at)}
    return {**values, "finished_at": to_text(now)}


def wait(connection: Connection, job: Job, until: datetime, why: str) -> None:
    """Put a job back that could not begin yet; that was no try."""
    connection.execute(_WAIT, {"which": job.id, "mine": job.claim, "again": to_text(until), "why": why})


def hurry(connection: Connection, now: datetime) -> None:
    """Let what waits for an admin run now."""
    connection.execute(_HURRY, {"at": to_text(now)})


def reopen(connection: Connection, id_: str, now: datetime) -> bool:
    """Queue a dead job again, with all its tries. Return False when it is not dead."""
    return connection.execute(_REOPEN, {"which": id_, "at": to_text(now)}).rowcount == 1


def next_at(connection: Connection, types: Sequence[str]) -> str | None:
    """Return when a worker has something to do next: a job is due, or a claim ends. None: nothing is known of."""
    due = connection.execute(_NEXT_DUE, {"types": list(types)}).scalar_one_or_none()
    lost = connection.execute(_NEXT_LOST).scalar_one_or_none()
    return min((at for at in (due, lost) if at is not None), default=None)


def figures(connection: Connection) -> Mapping[str, float]:
    """Return how many jobs wait, and how many need a look."""
    wanted = ("queued", "processing", "dead", "unknown")
    counted = select(jobs.c.status, func.count()).where(jobs.c.status.in_(wanted)).group_by(jobs.c.status)
    found = {status: float(count) for status, count in connection.execute(counted)}
    return {f"jobs_{status}": found.get(status, 0.0) for status in wanted}

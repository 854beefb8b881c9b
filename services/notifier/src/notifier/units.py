"""Commands, claims and outcomes as units of the writer."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.contracts.operation import JobRetried
from events.decider import Context, Key, Transaction
from events.failpoints import reach
from events.handling import describe, is_the_stores
from notifier import inbox, jobs, people, queries
from notifier.errors import JobNotFound, NotDead, NotificationNotFound
from notifier.inbox import Post
from notifier.jobs import Job
from notifier.policy import NO_ADMIN, Failure, Outcome, after_failure
from notifier.rules import Notice
from notifier.tables import preferences

logger = logging.getLogger(__name__)

_prefer = insert(preferences).values(person=bindparam("who"), email=bindparam("wanted"))
_PREFER = _prefer.on_conflict_do_update(index_elements=[preferences.c.person], set_={"email": _prefer.excluded.email})


class _Sql:
    """Runs SQL of its own, and says beforehand of nothing that it will read."""

    __slots__ = ()
    sql = True

    def reads(self) -> Iterable[Key]:
        return ()


@dataclass(frozen=True, slots=True)
class Mark(_Sql):
    """Marks a notification of `person` read or unread."""

    person: str
    notification: str
    read: bool

    def run(self, tx: Transaction) -> None:
        if not inbox.mark(tx.connection, self.person, self.notification, tx.now if self.read else None):
            raise NotificationNotFound


@dataclass(frozen=True, slots=True)
class MarkAll(_Sql):
    """Marks all notifications of `person` read; returns how many were not."""

    person: str

    def run(self, tx: Transaction) -> int:
        return inbox.mark_all(tx.connection, self.person, tx.now)


@dataclass(frozen=True, slots=True)
class Prefer(_Sql):
    person: str
    email: bool

    def run(self, tx: Transaction) -> None:
        tx.connection.execute(_PREFER, {"who": self.person, "wanted": self.email})


@dataclass(frozen=True, slots=True)
class Retry(_Sql):
    """Queues a dead job again, which is audited; returns the job."""

    job: str
    by: Context

    def run(self, tx: Transaction) -> Mapping[str, Any]:
        job = queries.job(tx.connection, self.job)
        if job is None:
            raise JobNotFound
        if not jobs.reopen(tx.connection, self.job, tx.now):
            raise NotDead(job["status"])
        tx.append(f"job/{self.job}", [JobRetried(job=self.job, type=job["type"])], self.by)
        reopened = queries.job(tx.connection, self.job)
        assert reopened is not None, "it was there a moment ago, under the same lock"
        return reopened


@dataclass(frozen=True, slots=True)
class Claim(_Sql):
    """Takes up to `limit` jobs of these types for a worker; `mine` is an id that nobody else uses."""

    types: Sequence[str]
    limit: int
    mine: str

    def run(self, tx: Transaction) -> list[Job]:
        return jobs.claim(tx.connection, types=self.types, limit=self.limit, mine=self.mine, now=tx.now)


@dataclass(frozen=True, slots=True)
class MarkSending(_Sql):
    """Notes that something may leave the house from now on. Returns False when the claim is lost."""

    job: Job

    def run(self, tx: Transaction) -> bool:
        return jobs.mark_sending(tx.connection, self.job, tx.now)


@dataclass(frozen=True, slots=True)
class End(_Sql):
    """Writes down what became of a job. Returns False when the claim is lost; then nothing is written."""

    job: Job
    outcome: Outcome
    error: str | None = None

    def run(self, tx: Transaction) -> bool:
        return jobs.end(tx.connection, self.job, self.outcome, tx.now, self.error)


@dataclass(frozen=True, slots=True)
class FanOutDue(_Sql):
    """Tells all admins what the fan-outs are about that are due, at most `limit` of them; returns how many were taken.

    Where no admin is known they wait. Nothing leaves the house, so each is taken, done and written down in one transaction: no crash leaves
    one taken for a while.
    """

    limit: int
    mine: str
    post: Post
    jitter: float

    def run(self, tx: Transaction) -> int:
        taken = jobs.claim(tx.connection, types=[jobs.FAN_OUT], limit=self.limit, mine=self.mine, now=tx.now)
        if self._try(tx, taken) is not None:
            for job in taken:  # one of them cannot be told; the others are
                if error := self._try(tx, [job]):
                    self._fail(tx, job, error)
        if __debug__ and taken:
            reach("fanout.told")
        return len(taken)

    def _try(self, tx: Transaction, taken: Sequence[Job]) -> str | None:
        """Tell what these are about, all or none; return what was wrong."""
        try:
            with tx.savepoint():
                self._tell_all(tx, taken)
        except Exception as error:
            if is_the_stores(error):
                raise
            return describe(error)
        return None

    def _tell_all(self, tx: Transaction, taken: Sequence[Job]) -> None:
        connection, now = tx.connection, tx.now
        admins = people.admins(connection)
        if not admins:
            for job in taken:
                jobs.wait(connection, job, now + NO_ADMIN, "No admin is known yet.")
            return
        notices = [Notice(**json.loads(job.notice or "{}")) for job in taken]
        told = [(notice, admin) for notice in notices for admin in admins if admin != notice.actor]
        self.post.deliver(connection, told, now)
        jobs.succeed(connection, taken, now)

    def _fail(self, tx: Transaction, job: Job, error: str) -> None:
        attempt = {"attempts": job.attempts, "max_attempts": job.max_attempts}
        outcome = after_failure(Failure.NOT_DELIVERED, **attempt, now=tx.now, jitter=self.jitter)
        logger.warning("The job %s (%s, try %s) has failed and is %s now: %s", job.id, job.type, job.attempts, outcome.status, error)
        jobs.end(tx.connection, job, outcome, tx.now, error)

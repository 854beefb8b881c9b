"""Sessions that nobody came back to are ended, with an event each, and what is over is thrown away."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, delete, or_, select

from auth.rules import ABSOLUTE, ENROLMENT, IDLE
from auth.tables import api_tokens, login_challenges, sessions, two_factor
from auth.units import SYSTEM, end
from events.decider import Context, Key, Transaction
from events.environment import Environment
from events.errors import DomainError
from events.times import to_text
from events.writer import Writer

PAUSE = 60.0
"""Seconds between two sweeps."""
AT_ONCE = 200
KEPT_AFTER_THE_END = timedelta(days=30)
"""The log tells of them for ever; the rows are only in the way."""

_RUN_OUT = (
    select(sessions.c.user_id, sessions.c.id)
    .where(
        sessions.c.ended_at.is_(None),
        or_(sessions.c.last_seen_at <= bindparam("idle"), sessions.c.created_at <= bindparam("absolute")),
    )
    .limit(AT_ONCE)
)
_OLD_SESSIONS = delete(sessions).where(sessions.c.ended_at < bindparam("before"))
_OLD_TOKENS = delete(api_tokens).where(api_tokens.c.expires_at < bindparam("before"))
_OLD_CHALLENGES = delete(login_challenges).where(login_challenges.c.expires_at <= bindparam("now"))
_OLD_ENROLMENTS = delete(two_factor).where(two_factor.c.enabled_at.is_(None), two_factor.c.begun_at <= bindparam("begun"))


@dataclass(frozen=True, kw_only=True)
class SweepUnit:
    """End up to 200 sessions that have run out, and forget what has been over for 30 days or was not finished in time.

    Returns how many were ended.
    """

    environment: Environment
    sql = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> int:
        now = tx.now
        limits = {"idle": to_text(now - IDLE), "absolute": to_text(now - ABSOLUTE)}
        run_out = defaultdict(set)
        for user, id_ in tx.connection.execute(_RUN_OUT, limits):
            run_out[user].add(id_)
        context = Context(actor=SYSTEM, at=now, correlation=self.environment.new_id())
        for user, ids in sorted(run_out.items()):
            live = tx.state(("sessions", user))
            end(tx, user, [session for id_, session in sorted(live.items()) if id_ in ids], context)
        for statement in (_OLD_SESSIONS, _OLD_TOKENS):
            tx.connection.execute(statement, {"before": to_text(now - KEPT_AFTER_THE_END)})
        tx.connection.execute(_OLD_CHALLENGES, {"now": to_text(now)})
        tx.connection.execute(_OLD_ENROLMENTS, {"begun": to_text(now - ENROLMENT)})
        return sum(map(len, run_out.values()))


async def sweep(writer: Writer, environment: Environment) -> None:
    """Sweep, again and again, until cancelled."""
    while True:
        try:
            ended = await writer.execute(SweepUnit(environment=environment))
        except DomainError:
            ended = 0  # the store is full or busy; the next time will do
        if ended < AT_ONCE:
            await environment.sleep(PAUSE)

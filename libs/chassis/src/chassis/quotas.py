"""Limits on what commands create, counted by the writer in the command's own transaction.

So all processes share them, and an answer that was kept does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from chassis.tables import QUOTAS
from chassis.waits import again_in
from events.decider import Key, Transaction
from events.errors import TooMany
from events.times import from_text, to_text

KIND = "quota"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` in each window of `window_s` seconds, for one bucket, such as "tickets/user/0192…"."""

    bucket: str
    limit: int
    window_s: int

    @property
    def key(self) -> Key:
        return KIND, self.bucket


@dataclass(frozen=True, slots=True)
class Spent:
    count: int
    ends: datetime


def reads(quotas: Sequence[Quota]) -> list[Key]:
    """Return the keys that a unit which spends these quotas has to name."""
    return [quota.key for quota in quotas]


def spend(tx: Transaction, quotas: Sequence[Quota]) -> None:
    """Count one in each bucket. Raises TooMany, and counts nowhere, when one of them is spent: with the longest wait among those."""
    standing = {quota: _standing(tx, quota) for quota in quotas}
    waits = [spent.ends - tx.now for quota, spent in standing.items() if spent.count >= quota.limit]
    if waits:
        wait = -int(-max(waits).total_seconds() // 1)
        raise TooMany(f"That was a lot in a short time. {again_in(wait)}", wait)
    for quota, spent in standing.items():
        tx.put(quota.key, Spent(spent.count + 1, spent.ends))
        tx.write(_KEEP, {"bucket": quota.bucket, "spent": spent.count + 1, "ends_at": to_text(spent.ends)})


def _standing(tx: Transaction, quota: Quota) -> Spent:
    spent: Spent | None = tx.state(quota.key)
    if spent is None or spent.ends <= tx.now:
        return Spent(0, tx.now + timedelta(seconds=quota.window_s))
    return spent


def load(connection: Connection, buckets: Sequence[str]) -> Mapping[str, Spent | None]:
    """Load what is spent; the writer's loader for the kind "quota"."""
    found: dict[str, Spent | None] = dict.fromkeys(buckets)
    rows = connection.execute(_LOAD, {"buckets": list(buckets)}).all()
    found.update((row.bucket, Spent(row.spent, from_text(row.ends_at))) for row in rows)
    return found


_LOAD = select(QUOTAS).where(QUOTAS.c.bucket.in_(bindparam("buckets", expanding=True)))
_insert = insert(QUOTAS)
_KEEP = _insert.on_conflict_do_update(
    index_elements=[QUOTAS.c.bucket], set_={"spent": _insert.excluded.spent, "ends_at": _insert.excluded.ends_at}
)

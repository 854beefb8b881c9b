"""Throws away what no longer counts: answers that were kept for a day, and quotas whose window is over."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from chassis.idempotency import KEPT_FOR
from chassis.tables import KEPT, QUOTAS
from events.decider import Key, Transaction
from events.errors import DomainError
from events.times import to_text

if TYPE_CHECKING:
    from chassis.service import Running

logger = logging.getLogger(__name__)

EVERY = 300.0
AT_ONCE = 1000

_OLD_ANSWERS = select(KEPT.c.id).where(KEPT.c.kept_at <= bindparam("before")).limit(AT_ONCE)
_OLD_QUOTAS = select(QUOTAS.c.bucket).where(QUOTAS.c.ends_at <= bindparam("before")).limit(AT_ONCE)
_DROP_ANSWERS = delete(KEPT).where(KEPT.c.id.in_(bindparam("gone", expanding=True)))
_DROP_QUOTAS = delete(QUOTAS).where(QUOTAS.c.bucket.in_(bindparam("gone", expanding=True)))


class Sweep:
    """Deletes up to 1,000 rows of each table; returns whether there may be more."""

    sql = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> bool:
        answers = tx.connection.execute(_OLD_ANSWERS, {"before": to_text(tx.now - KEPT_FOR)}).scalars().all()
        quotas = tx.connection.execute(_OLD_QUOTAS, {"before": to_text(tx.now)}).scalars().all()
        tx.connection.execute(_DROP_ANSWERS, {"gone": answers})
        tx.connection.execute(_DROP_QUOTAS, {"gone": quotas})
        return max(len(answers), len(quotas)) == AT_ONCE


async def sweep(running: "Running") -> None:
    """Sweep every five minutes, for ever."""
    while True:
        try:
            more = await running.writer.execute(Sweep())
        except DomainError as error:
            logger.warning("What is out of date could not be thrown away: %s", error)
            more = False
        if not more:
            await running.environment.sleep(EVERY)

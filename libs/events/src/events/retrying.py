"""Parked events tried again: by themselves with growing delays, or when an operator says so; or given up."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import select

from events import parking
from events.catalogue import Catalogue
from events.contracts import CATALOGUE
from events.contracts.operation import EventRetried, EventSkipExplained, EventSkipped
from events.decider import Context, Key, Transaction, Unit
from events.envelope import from_wire
from events.environment import Environment
from events.errors import Conflict, NotFound
from events.forms import demand
from events.handling import Subscription, attempt, describe, is_the_stores
from events.store import Store
from events.tables import parked
from events.times import to_text
from events.writer import Writer

logger = logging.getLogger(__name__)

R = TypeVar("R")
Execute = Callable[[Unit[bool]], Awaitable[R]]
"""Runs a unit, as `Writer.execute` does, and returns what is made of its result. A unit that it raised for was not done."""

_LOOK = 1.0  # seconds
_TOGETHER = 100  # events that are tried in one look


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Tries a parked event once more, and those behind it when it succeeds: a unit of the writer. Returns whether it succeeded.

    `by` is the operator who asked; then it is audited. `error`: it was refused outside of the handler's reach, so that is only noted.
    """

    own: str
    subscription: Subscription
    catalogue: Catalogue
    sequence: int
    by: Context | None = None
    error: str | None = None
    following: int = parking.TOGETHER
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> bool:
        demand(tx.connection, self.subscription)
        row = parking.head_row(tx.connection, self.subscription.source, self.sequence)
        event = from_wire(row["wire"])
        if self.by is not None:
            retried = EventRetried(source=event.source, sequence=event.sequence, event=event.id)
            tx.append(f"store/{self.own.strip('/')}", [retried], self.by)
        error = self.error or attempt(tx, self.subscription, [event], self.catalogue)
        if error is None:
            parking.remove(tx, event)
            parking.follow(tx, self.subscription, self.catalogue, event.subject, self.following)
        else:
            parking.fail(tx, row, error, tries=row["tries"] + 1)
        return error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Gives a parked event up, for a `reason` if one is told, and lets those behind it follow: a unit of the writer."""

    own: str
    subscription: Subscription
    catalogue: Catalogue
    sequence: int
    by: Context
    reason: str | None = None
    following: int = parking.TOGETHER
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> bool:
        demand(tx.connection, self.subscription)
        event = from_wire(parking.head_row(tx.connection, self.subscription.source, self.sequence)["wire"])
        told: list[Any] = [EventSkipped(source=event.source, sequence=event.sequence, event=event.id)]
        if self.reason is not None:
            told.append(EventSkipExplained(source=event.source, sequence=event.sequence, event=event.id, reason=self.reason))
        tx.append(f"store/{self.own.strip('/')}", told, self.by)
        parking.remove(tx, event)
        parking.follow(tx, self.subscription, self.catalogue, event.subject, self.following)
        return True


class Parking:
    """Tries the first parked event of each subject again with growing delays, and does what an operator decides."""

    def __init__(
        self,
        *,
        writer: Writer,
        store: Store,
        source: str,
        subscriptions: Sequence[Subscription],
        environment: Environment,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self._writer = writer
        self._store = store
        self._own = source
        self._subscriptions = {subscription.source: subscription for subscription in subscriptions}
        self._environment = environment
        self._catalogue = catalogue

    async def run(self) -> None:
        """Try again what is due, for ever."""
        while True:
            try:
                await self.step()
            except Exception:
                logger.exception("Parked events could not be tried again.")
            await self._environment.sleep(_LOOK)

    async def step(self) -> None:
        """Try everything once that is due now."""
        now = to_text(self._environment.now())
        due = select(parked.c.source, parked.c.sequence).where(parked.c.next_at <= now).order_by(parked.c.source, parked.c.sequence)
        with self._store.read() as connection:
            rows = connection.execute(due.limit(_TOGETHER)).all()
        failed: Exception | None = None
        for source, sequence in rows:
            if source in self._subscriptions:
                try:
                    await self._again(source, sequence, None, self._writer.execute)
                except Exception as error:  # noqa: BLE001 -- the others are tried all the same
                    failed = failed or error
        if failed is not None:
            raise failed

    async def retry(self, source: str, sequence: int, by: Context) -> bool:
        """Try a parked event now, and return whether it succeeded. Raises NotFound, or Conflict when another of its subject is first."""
        return await self.retry_with(self._writer.execute, source, sequence, by)

    async def retry_with(self, execute: Execute[R], source: str, sequence: int, by: Context) -> R:
        """Do the same by `execute`, which is given another unit when one is refused, and return what it returns of the last."""
        return await self._again(source, sequence, by, execute)

    async def skip(self, source: str, sequence: int, by: Context) -> None:
        """Give a parked event up. Raises NotFound, or Conflict when another of its subject is first."""
        await self.skip_with(self._writer.execute, source, sequence, by)

    async def skip_with(self, execute: Execute[R], source: str, sequence: int, by: Context, reason: str | None = None) -> R:
        """Do the same by `execute`, and say for which reason; see `retry_with`."""
        skip = Skip(
            own=self._own, subscription=self._of(source, sequence), catalogue=self._catalogue, sequence=sequence, by=by, reason=reason
        )
        try:
            return await execute(skip)
        except Exception as error:
            if isinstance(error, NotFound | Conflict) or is_the_stores(error):
                raise
            return await execute(replace(skip, following=0))  # it is one of those behind it that is refused

    async def _again(self, source: str, sequence: int, by: Context | None, execute: Execute[R]) -> R:
        unit = Again(own=self._own, subscription=self._of(source, sequence), catalogue=self._catalogue, sequence=sequence, by=by)
        try:
            return await execute(unit)
        except Exception as error:
            if isinstance(error, NotFound | Conflict) or is_the_stores(error):
                raise
        try:
            return await execute(replace(unit, following=0))
        except Exception as error:
            if is_the_stores(error):
                raise
            return await execute(replace(unit, error=describe(error)))

    def _of(self, source: str, sequence: int) -> Subscription:
        if source not in self._subscriptions:
            raise NotFound(f"The event {sequence} of {source} is not parked.")
        return self._subscriptions[source]

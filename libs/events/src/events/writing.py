"""A batch at work: runs of pure units are loaded, decided and written in bulk; units with SQL of their own stand between them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from events.appending import Tail
from events.batch import Batch, Changes, UnitTransaction, execute_writes, keys_of
from events.decider import Unit
from events.envelope import StoredEvent
from events.errors import DomainError
from events.failpoints import reach
from events.following import Followers, LogFeed, News
from events.handling import passes_by_itself
from events.projections import Recorded
from events.savepoints import savepoint

Appended = Callable[[Connection, Sequence[Recorded]], News]
"""Is called in the transaction with the events that a batch appended to the log; returns what that gave to other feeds."""


@dataclass(slots=True)
class Call:
    """A unit that waits for its batch, and who waits for it."""

    unit: Unit[Any]
    future: "Future[Any] | asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop | None = None
    """Where an asyncio future is at home."""
    result: Any = None
    error: BaseException | None = None
    answered: bool = False
    """Whether the answer is on its way; an asyncio future is done only once its loop has come to it."""

    @property
    def sql(self) -> bool:
        """Whether the unit runs SQL of its own."""
        return bool(getattr(self.unit, "sql", False))

    @property
    def forgets(self) -> bool:
        """Whether nothing that is known of streams holds after the unit: its SQL blanks events. Such a unit runs SQL of its own."""
        return bool(getattr(self.unit, "forgets", False))

    def begin(self) -> bool:
        """Return whether somebody still waits. From here on the unit is run, whoever goes."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()

    def settle(self) -> None:
        """Give the waiter its answer, at home: unless it has gone, or has one."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # no future of asyncio takes it, and those behind would wait for ever
            self.future.set_exception(RuntimeError("A unit raised StopIteration."))
        elif self.error:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def answer(calls: Iterable[Call], error: BaseException | None = None) -> None:
    """Give every call its answer, `error` if there is one for all. Each loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Call]] = {}
    for call in calls:
        call.error = error or call.error
        call.answered = True
        if call.loop is None:
            call.settle()
        else:
            by_loop.setdefault(call.loop, []).append(call)
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # it has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, some)


def _settle(calls: Iterable[Call]) -> None:
    for call in calls:
        call.settle()


class Writing:
    """Runs the calls of one batch. What a refused unit did leaves no trace; what is the store's fault is raised and ends the batch."""

    def __init__(
        self, batch: Batch, tail: Tail, followers: Followers, appended: Appended | None, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._batch, self._tail, self._followers = batch, tail, followers
        self._appended, self._random_bytes = appended, random_bytes
        self._pending = Changes()
        self._stored: list[StoredEvent] = []

    def run(self, calls: Sequence[Call]) -> list[StoredEvent]:
        """Decide in queue order, and write everything down; each call has its result or its error then. Return what was appended."""
        for sql, some in groupby(calls, key=lambda call: call.sql):
            if sql:
                for call in some:
                    self._run_sql(call)
            else:
                self._decide(list(some))
        self._flush()
        return self._stored

    def _decide(self, calls: Sequence[Call]) -> None:
        self._batch.prepare(keys_of(call.unit for call in calls))
        for call in calls:
            transaction = UnitTransaction(self._batch, sql=False)
            try:
                call.result = call.unit.run(transaction)
            except Exception as error:  # noqa: BLE001 (whatever a unit raises is its caller's to see)
                _refuse(call, error)
            else:
                self._accept(transaction.changes)

    def _run_sql(self, call: Call) -> None:
        self._flush()  # its SQL sees what the units before it did
        self._batch.forget_reservations()
        transaction = UnitTransaction(self._batch, sql=True)
        try:
            self._batch.prepare(keys_of([call.unit]))
            with savepoint(self._batch.connection):
                call.result = call.unit.run(transaction)
        except Exception as error:  # noqa: BLE001 (as above)
            _refuse(call, error)
        else:
            self._accept(transaction.changes)
            self._flush()
        self._batch.forget_reservations()
        if call.forgets:
            self._batch.forget_streams()

    def _accept(self, changes: Changes) -> None:
        self._batch.decided.update(changes.states)
        self._pending.drafts += changes.drafts
        self._pending.writes += changes.writes
        self._pending.news += changes.news

    def _flush(self) -> None:
        """Write primary rows, the log, and what follows from both."""
        pending, self._pending = self._pending, Changes()
        connection = self._batch.connection
        execute_writes(connection, pending.writes)
        if __debug__:
            reach("writer.primary")
        for news in pending.news:
            self._followers.advance(connection, news)
        if pending.drafts:
            appended = self._tail.append(connection, pending.drafts, self._batch.now, self._random_bytes)
            if __debug__:
                reach("writer.logged")
            self._stored += [item.stored for item in appended]
            news = {LogFeed.name: [(item.stored.sequence, item) for item in appended]}
            self._followers.advance(connection, {**news, **(self._appended(connection, appended) if self._appended else {})})
            if __debug__:
                reach("writer.projected")


def _refuse(call: Call, error: Exception) -> None:
    """Refuse this unit alone, unless it is the store that failed: then the whole batch does."""
    if passes_by_itself(error) and not isinstance(error, DomainError):
        raise error
    call.error = error

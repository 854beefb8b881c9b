"""The writer: the one door into a store. One queue of units, one transaction per batch, one commit for all of them (group commit).

What is waiting is taken together; the head row is locked; units are decided in queue order; the log and the projections are written by a
few statements; one commit; only then are the answers given. What is known in memory is known only while the head's batch is our own.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from events.appending import Tail
from events.batch import Batch
from events.catalogue import Catalogue
from events.checkpoints import EVERY, Signer, checkpoint_body, checkpoint_origin
from events.decider import Fold, Key, Transaction, Unit
from events.envelope import ZERO_HASH, StoredEvent
from events.environment import Environment
from events.erasures import Tombstones
from events.errors import OutcomeUnknown, Unavailable
from events.failpoints import reach
from events.following import Filling, Followers
from events.handling import passes_by_itself
from events.loading import COUNTER, STREAM, Loader, Loading
from events.prepared import Prepared, Query
from events.projections import Feed, Projection
from events.savepoints import TransactionLost
from events.store import HEAD, LogHead, Store, head_in
from events.tables import batches, checkpoints, events, head
from events.times import to_text
from events.writing import Appended, Call, Writing, answer

logger = logging.getLogger(__name__)
R = TypeVar("R")

LARGEST_BATCH = 128  # units
LONGEST_QUEUE = 2048  # units that wait; then callers are sent away
REMEMBERED_STREAMS = 4096
_REMEMBERED = (STREAM, COUNTER)
_KEPT_BATCHES = 1000
_DROP_EVERY = 100  # batches: those that are older are dropped together
_CHECKPOINT_AFTER = timedelta(seconds=60)
_DISK_ERROR = 10  # SQLite's primary code for an I/O error
_FILL = 1.0  # seconds in which projections are filled in one batch, as long as nobody waits here
_LET_IN = 0.11  # seconds between two such batches: who waits for SQLite's lock in another process looks ten times a second
_LOOK_FOR = 30.0  # seconds in which a batch of unknown outcome is looked for; a database that fails over is back by then
_LOOK_AGAIN = 0.25

_LOCK_HEAD = select(head).with_for_update()
_READ_HEAD = Query(select(*HEAD).with_for_update())
_THE_HEAD = update(head).where(head.c.id == literal_column("1"))
_MOVED = ("sequence", "hash", "tree", "recordedtime", "batch")
_MOVE_HEAD = Prepared(_THE_HEAD.values({name: bindparam(f"new_{name}") for name in _MOVED}), [f"new_{name}" for name in _MOVED])
_NEXT_BATCH = _THE_HEAD.values(batch=head.c.batch + 1)
_KEEP_BATCH = Prepared(insert(batches), ("batch", "token"))
_DROP_BATCHES = delete(batches).where(batches.c.batch <= bindparam("old"))
_FIND_BATCH = select(batches.c.token).where(batches.c.batch == bindparam("number"))
_SIGN = insert(checkpoints)
_FIRST_TIME = select(events.c.recordedtime).where(events.c.sequence == 1)
_LAST_CHECKPOINT = select(checkpoints.c.size, checkpoints.c.time).order_by(checkpoints.c.size.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Commit:
    """What a batch did: the log's last sequence, and the events that it appended."""

    sequence: int
    events: Sequence[StoredEvent]


@dataclass(slots=True)
class _Memory:
    """What is known while the head's batch is `batch`."""

    batch: int
    tail: Tail
    checkpoint: int
    checkpoint_at: str
    streams: "OrderedDict[Key, Any]" = field(default_factory=OrderedDict)

    def remember(self, states: Mapping[Key, Any]) -> None:
        for key, value in states.items():
            if key[0] in _REMEMBERED:
                self.streams[key] = value
                self.streams.move_to_end(key)
        while len(self.streams) > REMEMBERED_STREAMS:
            self.streams.popitem(last=False)


class Vouch:
    """Asks for a checkpoint over everything that is in the log by the end of its batch, if there is none: a unit without anything to do."""

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        """The writer itself signs."""


class _UnknownOutcome(Exception):
    """The commit itself failed; what it did is known only to the store."""


class Writer:
    """Runs units, in batches, in a thread of its own. `on_commit` and `on_fatal` are called in that thread."""

    def __init__(
        self,
        store: Store,
        *,
        source: str,
        catalogue: Catalogue,
        environment: Environment,
        folds: Mapping[str, Fold[Any]] | None = None,
        loaders: Mapping[str, Loader] | None = None,
        feeds: Sequence[tuple[Feed, Sequence[Projection]]] = (),
        appended: Appended | None = None,
        signer: Signer | None = None,
        tombstones: Tombstones | None = None,
        on_commit: Callable[[Commit], None] | None = None,
        on_fatal: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.source = source
        self.followers = Followers(feeds)
        self._store, self._environment, self._signer, self._tombstones = store, environment, signer, tombstones
        self._loading = Loading(catalogue, folds or {}, loaders or {})
        self._appended, self._on_commit, self._on_fatal = appended, on_commit, on_fatal
        self._queue: deque[Call] = deque()
        self._between: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._waiting = threading.Condition()
        self._stopping = False
        self._running = False
        self._ended = threading.Event()
        self._memory: _Memory | None = None

    # the door

    async def execute(self, unit: Unit[R]) -> R:
        """Run the unit in the next batch and return its result once that is on disk.

        Raises what the unit raises; Unavailable when the queue is full, the store does not take it now, or the writer has ended.
        """
        loop = asyncio.get_running_loop()
        call = Call(unit, loop.create_future(), loop)
        self._put(call)
        result: R = await call.future  # type: ignore[misc]
        return result

    def execute_blocking(self, unit: Unit[R]) -> R:
        """As `execute`, for callers without an event loop. Never from within a unit."""
        return self.submit(unit).result()

    def submit(self, unit: Unit[R]) -> "Future[R]":
        """Put a unit into the queue; its result comes to the future. Raises Unavailable when the queue is full, or the writer has ended."""
        result: Future[R] = Future()
        self._put(Call(unit, result))
        return result

    def between_batches(self, work: Callable[[], R]) -> "Future[R]":
        """Let the writer's thread do something that cannot be part of a transaction, such as writing the whole file anew.

        Commands wait meanwhile. Raises Unavailable when the writer has ended; the future has what `work` returns or raises.
        """
        result: Future[R] = Future()
        with self._waiting:
            if self._stopping or not self._running:
                raise Unavailable("The service is going down. Try again in a moment.", 2)
            self._between.append((work, result))
            self._waiting.notify()
        return result

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return len(self._queue)

    def start(self) -> None:
        """Make what the writer needs in the store, and begin to take units. Blocking; raises what the store raises."""
        with self._store.writing.begin() as connection:
            if connection.execute(_LOCK_HEAD).one_or_none() is None:
                connection.execute(insert(head), _first_head(self.source, self._environment))
            self.followers.prepare(connection)
            connection.execute(_NEXT_BATCH)  # other processes forget where projections stood that are anew now
        opening: Future[None] = Future()
        self.write([Call(Filling(), opening)])
        opening.result()
        self._running = True
        self._environment.start_thread(self._run, f"writer {self.source}")

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        with self._waiting:
            self._stopping = True
            self._waiting.notify()
        if self._running:
            await asyncio.to_thread(self._ended.wait)

    def _put(self, call: Call) -> None:
        with self._waiting:
            if self._stopping or not self._running:
                raise Unavailable("The service is going down. Try again in a moment.", 2)
            if len(self._queue) >= LONGEST_QUEUE:
                raise Unavailable("Too much is waiting to be written. Try again in a moment.", 1)
            self._queue.append(call)
            self._waiting.notify()

    # the thread

    def _run(self) -> None:
        calls: list[Call] = []
        try:
            while calls := self._take():
                self.write(calls)
                self._work_between()
        except BaseException as error:
            logger.exception("The writer of %s ends.", self.source)
            if self._on_fatal:
                self._on_fatal(error)
        finally:
            with self._waiting:
                self._running = False
                left = [call for call in calls if not call.answered]
                left += [call for call in self._queue if call.begin()]
                self._queue.clear()
                undone = [result for _, result in self._between if result.set_running_or_notify_cancel()]
                self._between.clear()
            for result in undone:
                result.set_exception(Unavailable("The service is going down. Try again in a moment.", 2))
            answer(left, Unavailable("The service is going down. Try again in a moment.", 2))
            self._ended.set()

    def _take(self) -> list[Call]:
        with self._waiting:
            while not self._queue and not self._stopping and not self._between:
                if self.followers.behind:
                    self._waiting.wait(_LET_IN)
                    break
                if not self._waiting.wait(_CHECKPOINT_AFTER.total_seconds()) and self._has_news():
                    break
            if not self._queue and self._stopping:
                return []
            calls = [self._queue.popleft() for _ in range(min(LARGEST_BATCH, len(self._queue)))]
        # a cancelled waiter is skipped; whoever goes from here on has the unit run all the same
        wanted = [call for call in calls if call.begin()]
        return wanted or [Call(Filling(), Future())]

    def _work_between(self) -> None:
        while self._between:
            work, result = self._between.popleft()
            if not result.set_running_or_notify_cancel():
                continue
            try:
                done = work()
            except Exception as error:  # noqa: BLE001 (it is whose who asked for it)
                result.set_exception(error)
            else:
                result.set_result(done)

    def _has_news(self) -> bool:
        return self._signer is not None and self._memory is not None and self._memory.tail.sequence > self._memory.checkpoint

    def write(self, calls: Sequence[Call]) -> None:
        """Write one batch and give the answers. Raises only what ends the writer."""
        try:
            commit = self._batch(calls)
        except Exception as error:
            self._memory = None
            self.followers.behind.clear()  # the next batch finds out anew
            unknown = isinstance(error, OutcomeUnknown)  # it may be there: run again, everything would happen twice
            if len(calls) > 1 and not unknown and not passes_by_itself(error):
                # one of them is refused by the store: alone, only that one fails
                for call in calls:
                    call.result = call.error = None
                    self.write([call])
                return
            _fail(calls, error)
            if unknown or _disk_is_broken(error):
                raise
            return
        if self._on_commit:
            self._on_commit(commit)
        answer(calls)

    def _batch(self, calls: Sequence[Call]) -> Commit:
        token = self._environment.random_bytes(16).hex()
        if __debug__:
            reach("writer.begin")
        with self._store.writing.connect() as connection:
            try:
                transaction = connection.begin()
                locked = head_in(_READ_HEAD.first(connection, {}))
                if __debug__:
                    reach("writer.locked")
                ours = self._memory is not None and self._memory.batch == locked.batch
                memory = self._memory if self._memory is not None and ours else self._recall(connection, locked)
                self._memory = None  # until the commit, what is in memory is ahead of the store
                appended = self._decide(connection, memory, calls, fresh=not ours)
                vouch = any(isinstance(call.unit, Vouch) for call in calls)
                self._close(connection, memory, locked.batch + 1, token, vouch=vouch)
                if __debug__:
                    reach("writer.closed")
                try:
                    transaction.commit()
                except Exception as error:
                    connection.invalidate()  # its transaction may still be open, and nobody would end it
                    if _disk_is_broken(error):
                        raise  # what is in the file need not be on the disk
                    raise _UnknownOutcome from error
            except _UnknownOutcome as unknown:
                if not self._is_there(locked.batch + 1, token):
                    raise unknown.__cause__ or unknown from None
        self._memory = None if any(call.forgets for call in calls) else memory
        if __debug__:
            reach("writer.committed")
        return Commit(memory.tail.sequence, appended)

    def _decide(self, connection: Connection, memory: _Memory, calls: Sequence[Call], *, fresh: bool) -> list[StoredEvent]:
        if fresh or self.followers.behind:  # others may have written since, or what is being filled may be near enough now
            self.followers.catch_up(connection)
        if self.followers.behind:
            until = time.monotonic() + _FILL
            self.followers.fill(connection, lambda: bool(self._queue) or time.monotonic() > until)
        environment = self._environment
        if self._tombstones is not None:
            self._tombstones.refresh(connection)
        batch = Batch(connection, self._loading, environment.now(), environment.new_id, memory.streams, erased=self._tombstones or ())
        appended = Writing(batch, memory.tail, self.followers, self._appended, environment.random_bytes).run(calls)
        memory.remember(batch.decided)
        return appended

    def _recall(self, connection: Connection, locked: LogHead) -> _Memory:
        self.followers.load(connection)
        size, time = connection.execute(_LAST_CHECKPOINT).one_or_none() or (0, connection.scalar(_FIRST_TIME))
        now = to_text(self._environment.now())
        return _Memory(locked.batch, Tail(locked), size, min(time or now, now))  # or a clock set back would put the next one off

    def _close(self, connection: Connection, memory: _Memory, number: int, token: str, *, vouch: bool) -> None:
        tail, now = memory.tail, self._environment.now()
        _MOVE_HEAD.run(connection, [(tail.sequence, tail.hash, tail.frontier.dump(), tail.recordedtime, number)])
        _KEEP_BATCH.run(connection, [(number, token)])
        if number % _DROP_EVERY == 0:
            connection.execute(_DROP_BATCHES, {"old": number - _KEPT_BATCHES})
        memory.batch = number
        self._sign(connection, memory, now, vouch=vouch)

    def _sign(self, connection: Connection, memory: _Memory, now: datetime, *, vouch: bool) -> None:
        """Sign a checkpoint when the batch crossed a multiple of 1,000, each minute that brought news, and when it is asked for."""
        tail, crossed = memory.tail, memory.tail.sequence // EVERY > memory.checkpoint // EVERY
        due = to_text(now - _CHECKPOINT_AFTER) >= memory.checkpoint_at
        if self._signer is None or tail.sequence <= memory.checkpoint or not (crossed or due or vouch):
            return
        signed_at = max(to_text(now), tail.recordedtime)  # by no clock before what it is over
        body = checkpoint_body(checkpoint_origin(self.source, tail.origin), tail.sequence, tail.frontier.root(), signed_at)
        connection.execute(_SIGN, {"size": tail.sequence, "note": self._signer.sign(body), "time": signed_at})
        memory.checkpoint, memory.checkpoint_at = tail.sequence, to_text(now)

    def _is_there(self, number: int, token: str) -> bool:
        """Return whether a batch whose commit failed is in the store all the same; it is asked until it answers.

        Raises OutcomeUnknown when it does not: nobody may be told that nothing happened.
        """
        until = time.monotonic() + _LOOK_FOR
        while True:
            try:
                return self._finds(number, token)
            except Exception as error:
                if not isinstance(error, DBAPIError | NoConnectionFree) or time.monotonic() > until:
                    raise OutcomeUnknown from error
            time.sleep(_LOOK_AGAIN)

    def _finds(self, number: int, token: str) -> bool:
        """Look under the lock, so that the batch cannot come later."""
        with self._store.writing.begin() as connection:
            connection.execute(_LOCK_HEAD)
            return connection.execute(_FIND_BATCH, {"number": number}).scalar_one_or_none() == token


def _first_head(source: str, environment: Environment) -> dict[str, Any]:
    return {
        "id": 1,
        "source": source,
        "origin": environment.new_id(),
        "sequence": 0,
        "hash": ZERO_HASH,
        "tree": b"",
        "recordedtime": to_text(environment.now()),
        "batch": 0,
    }


def _fail(calls: Sequence[Call], error: Exception) -> None:
    """Tell everybody what the store said; what passes by itself is worth another try."""
    if not isinstance(error, IntegrityError):  # that one is the caller's own affair
        logger.error("A batch of %s units was not written.", len(calls), exc_info=error)
    passing = passes_by_itself(error)
    answer(calls, Unavailable("The store does not take anything now. Try again in a moment.", 2) if passing else error)


def _disk_is_broken(error: BaseException | None) -> bool:
    while isinstance(error, TransactionLost):  # savepoints stand in savepoints, and each says so
        error = error.__cause__
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code is not None and code & 0xFF == _DISK_ERROR

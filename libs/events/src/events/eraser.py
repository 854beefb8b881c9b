"""The eraser: takes what a store keeps of erased people away, in bounded units of the writer, and goes on after a crash where it was.

For each person, step by step, what is there is blanked; then, once for all of them, the files are written anew, so that nothing is left in
pages that are free, and the stream at the broker is deleted and filled again from the blanked log.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from events.blanking import EVENTS, Step
from events.decider import Key, Transaction
from events.environment import Environment
from events.erasures import Erasure, finish, is_under_way, last_number, move, under_way
from events.errors import Unavailable
from events.handling import describe
from events.hints import Wake
from events.recent import Recent
from events.rewriting import rewrite, truncate_log
from events.store import Store
from events.streams import BrokerError
from events.writer import Writer

logger = logging.getLogger(__name__)

FILES, STREAM = "files", "stream"
"""The two last steps; they are no `Step`s, since they are done for all people at once."""

_BREATH = 0.2  # seconds between two looks: each commit rings, and hardly one brings an erasure
_PAUSE = 1.0  # seconds after something went wrong
_AGAIN = 0.25  # seconds between two looks for a moment in which nobody else is at the file
_TRIES = 3  # at writing it anew in spite of other processes

Compact = Callable[[Connection], None]
"""Takes what is deleted out of a search index for good."""


class Stream(Protocol):
    """What the eraser needs of the relay."""

    async def refill(self) -> None:
        """Delete the stream and fill it again from the log. Raises BrokerError."""


@dataclass(frozen=True, slots=True)
class _Unit:
    sql = True

    def reads(self) -> Iterable[Key]:
        return ()


@dataclass(frozen=True, slots=True)
class Blank(_Unit):
    """Blanks some rows in one step of an erasure and moves it on. Returns the erasure as it is then."""

    erasure: Erasure
    step: Step
    keys: Sequence[Any]
    forgets = True
    """What the writer remembers of streams holds what was blanked."""

    def run(self, tx: Transaction) -> Erasure:
        count = self.step.blank(tx.connection, self.erasure.person, self.keys) if self.keys else 0
        moved = self.erasure.counted(self.step.name, count)
        move(tx.connection, moved)
        return moved


@dataclass(frozen=True, slots=True)
class Move(_Unit):
    """Moves erasures on to another step."""

    erasures: Sequence[Erasure]

    def run(self, tx: Transaction) -> None:
        for erasure in self.erasures:
            move(tx.connection, erasure)


@dataclass(frozen=True, slots=True)
class Compacting(_Unit):
    """Compacts a search index, in one transaction: where others go on writing, an index that is merged bit by bit is never done."""

    compact: Compact

    def run(self, tx: Transaction) -> None:
        self.compact(tx.connection)


@dataclass(frozen=True, slots=True)
class Finish(_Unit):
    """Notes that this store is done with these people."""

    people: Sequence[str]

    def run(self, tx: Transaction) -> None:
        for person in self.people:
            finish(tx.connection, person, tx.now)


class Eraser:
    """Erases, in the process that leads. `steps` are the service's; the log comes before them."""

    def __init__(
        self,
        *,
        writer: Writer,
        store: Store,
        wake: Wake,
        stream: Stream,
        recent: Recent,
        environment: Environment,
        steps: Sequence[Step],
        compact: Compact | None = None,
    ) -> None:
        self.trouble: str | None = None
        """What keeps it from going on, as long as it does; it tries again by itself."""
        self._writer, self._store, self._wake, self._stream = writer, store, wake, stream
        self._recent, self._environment = recent, environment
        self._steps, self._compact = (EVENTS, *steps), compact

    async def run(self) -> None:
        """Erase whoever is to be, for ever."""
        while True:
            generation = self._wake.generation
            try:
                await self.erase_all()
            except (Unavailable, BrokerError) as error:
                self._note(str(error))
                await self._environment.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 -- an erasure that fails is tried again, and said to be under way until it succeeds
                self._note(describe(error))
                await self._environment.sleep(_PAUSE)
            else:
                self._note(None)
                await self._environment.sleep(_BREATH)
                await self._wake.after(generation)

    async def erase_all(self) -> int:
        """Erase everybody who is to be now, and return how many that were. Raises what keeps it from being done to the end."""
        with self._store.glance() as reader:
            if not is_under_way(reader):
                return 0
        waiting = await self._store.read_in_thread(under_way)
        blanked = [await self._blank(erasure) for erasure in waiting]
        self._recent.clear()  # before anything of the log is published again
        if rewritten := [erasure for erasure in blanked if erasure.step == FILES]:
            await self._rewrite_files()
            await self._writer.execute(Move([replace(erasure, step=STREAM) for erasure in rewritten]))
        if any(erasure.blanked.get(EVENTS.name) for erasure in blanked):
            await self._stream.refill()
        people = [erasure.person for erasure in blanked]
        await self._writer.execute(Finish(people))
        logger.info("Erasures are done: %s.", len(people))
        return len(people)

    async def _blank(self, erasure: Erasure) -> Erasure:
        """Do all steps that are left for a person, and return the erasure at what comes after them."""
        if erasure.step in (FILES, STREAM):
            return erasure
        names = [step.name for step in self._steps]
        first = names.index(erasure.step) if erasure.step in names else 0
        for step in self._steps[first:]:
            position = erasure.position if step.name == erasure.step else ""
            erasure = await self._walk(replace(erasure, step=step.name, position=position), step)
        after = replace(erasure, step=FILES, position="")
        await self._writer.execute(Move([after]))
        return after

    async def _walk(self, erasure: Erasure, step: Step) -> Erasure:
        position: str | None = erasure.position
        while position is not None:
            keys, position = await self._store.read_in_thread(partial(step.find, person=erasure.person, position=position))
            if keys or position is None:
                erasure = await self._writer.execute(Blank(replace(erasure, position=position or ""), step, keys))
        return erasure

    async def _rewrite_files(self) -> None:
        """Leave nothing in what is free: in the pages of search index and database, and in the write-ahead log."""
        if self._compact is not None:
            await self._writer.execute(Compacting(self._compact))
        tries = 1
        while not await self._between(partial(rewrite, insist=tries > _TRIES)):
            tries += 1
            await self._environment.sleep(_AGAIN)  # another process wrote meanwhile
        while not await self._between(truncate_log):
            self.trouble = "A long read holds the write-ahead log; it is cut off when that has ended."
            await self._environment.sleep(_AGAIN)

    async def _between(self, work: Callable[[Store], bool]) -> bool:
        return await asyncio.wrap_future(self._writer.between_batches(partial(work, self._store)))

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            logger.warning("An erasure goes on later: %s", trouble)
        self.trouble = trouble


async def forget_the_erased(store: Store, wake: Wake, recent: Recent, environment: Environment) -> None:
    """Let a process that does not lead forget what it committed last whenever somebody was erased, for ever."""
    known = 0
    while True:
        generation = wake.generation
        with store.glance() as reader:
            last = last_number(reader)
        if last != known:
            recent.clear()
            known = last
        await environment.sleep(_BREATH)
        await wake.after(generation)

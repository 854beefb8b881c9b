"""A store and a writer without threads: who goes first is drawn, so that a seed is the whole order of things and always gives the same."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection

from events.decider import Unit
from events.store import Store
from events.writer import Writer
from events.writing import Call

T = TypeVar("T")

_TURNS = 2  # at most, that others may have before or after something is done


class Turns:
    """Lets others go first, as often as is drawn."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def pass_by(self) -> None:
        for _ in range(self._random.randint(0, _TURNS)):
            await asyncio.sleep(0)


class TurnsStore(Store):
    """Reads on the loop what is read in a thread elsewhere; what was read may be old by the time that it is given."""

    def __init__(self, url: str, turns: Turns) -> None:
        super().__init__(url)
        self._turns = turns

    async def read_in_thread(self, function: Callable[[Connection], T]) -> T:
        await self._turns.pass_by()
        with self.read() as connection:
            found = function(connection)
        await self._turns.pass_by()
        return found


class TurnsWriter(Writer):
    """Writes on the loop, while its thread has nothing to do: units that wait when one's turn comes are a batch."""

    def __init__(self, store: Store, *, turns: Turns, **arguments: Any) -> None:
        super().__init__(store, **arguments)
        self._turns = turns
        self._units: list[Call] = []

    async def execute(self, unit: Unit[T]) -> T:
        future: Future[T] = Future()
        self._units.append(Call(unit, future))
        try:
            await self._turns.pass_by()
        except asyncio.CancelledError:
            future.cancel()
            raise
        if not future.done():  # nobody has taken it along
            calls, self._units = [call for call in self._units if call.begin()], []
            self.write(calls)
        await self._turns.pass_by()
        return future.result()

    def submit(self, unit: Unit[T]) -> "Future[T]":
        future: Future[T] = Future()
        self.write([Call(unit, future)])
        return future

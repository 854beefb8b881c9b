"""Whose turn it is to verify: a lease in the store, so that of several processes one does, and the others know that it does."""

import asyncio
import os
import platform
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, bindparam, select

from events.environment import Environment
from events.errors import DomainError
from events.lease import RENEW, Release, Take
from events.tables import leases
from events.times import to_text
from events.writer import Writer

NAME = "verification"
_UNTIL = select(leases.c.until).where(leases.c.name == bindparam("name"))


class Turn:
    """`take` it, then hold it for the block of an `async with`: it is renewed meanwhile, and given back at the end."""

    def __init__(self, writer: Writer, environment: Environment) -> None:
        self._writer, self._environment = writer, environment
        self._holder = f"{platform.node()}/{os.getpid()}/{environment.random_bytes(8).hex()}"
        self._renewing: asyncio.Task[None] | None = None

    @staticmethod
    def taken(connection: Connection, now: datetime) -> bool:
        """Whether somebody has it."""
        until = connection.execute(_UNTIL, {"name": NAME}).scalar_one_or_none()
        return until is not None and until > to_text(now)

    async def take(self) -> bool:
        """Take it, and return whether it is ours now. Raises what the writer raises."""
        return await self._writer.execute(Take(NAME, self._holder))

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew(), name="renew the turn to verify")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        with suppress(DomainError):  # it ends by itself soon
            await asyncio.shield(self._writer.execute(Release(NAME, self._holder)))

    async def _renew(self) -> None:
        while True:
            await self._environment.sleep(RENEW)
            with suppress(DomainError):
                await self.take()

"""One leader per store: who holds the lease runs the relay, the consumers, the timers and the job worker.

It is economy, not safety. Two may run for a moment, and never two take effect: every effect is fenced where it happens.
"""

import asyncio
import logging
import os
import platform
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's ON CONFLICT is written alike, and this form compiles for both

from events.decider import Key, Transaction
from events.environment import Environment
from events.errors import DomainError
from events.tables import leases
from events.times import to_text
from events.writer import Writer

logger = logging.getLogger(__name__)

VALID = timedelta(seconds=9)
RENEW = 3.0  # seconds

_HELD = select(leases.c.holder, leases.c.until).where(leases.c.name == bindparam("name"))
_insert = insert(leases).values(name=bindparam("name"), holder=bindparam("holder"), until=bindparam("until"))
_TAKE = _insert.on_conflict_do_update(
    index_elements=[leases.c.name], set_={"holder": _insert.excluded.holder, "until": _insert.excluded.until}
)
_RELEASE = delete(leases).where(leases.c.name == bindparam("wanted"), leases.c.holder == bindparam("mine"))


@dataclass(frozen=True, slots=True)
class Take:
    """Takes or renews a lease that is free, ours, run out, or held by a process of this host that is gone. Returns whether it is ours."""

    name: str
    holder: str
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> bool:
        row = tx.connection.execute(_HELD, {"name": self.name}).one_or_none()
        if row is not None and row.holder != self.holder and row.until > to_text(tx.now) and not _is_gone(row.holder):
            return False
        tx.write(_TAKE, {"name": self.name, "holder": self.holder, "until": to_text(tx.now + VALID)})
        return True


@dataclass(frozen=True, slots=True)
class Release:
    """Gives a lease back, if it is ours."""

    name: str
    holder: str

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        tx.write(_RELEASE, {"wanted": self.name, "mine": self.holder})


class Lease:
    """The lease `name` of a store, for one process."""

    def __init__(self, writer: Writer, name: str, environment: Environment) -> None:
        self.held = False
        self._writer, self._name, self._environment = writer, name, environment
        self._holder = f"{platform.node()}/{os.getpid()}/{environment.random_bytes(8).hex()}"

    async def run(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body` whenever the lease is ours, and cancel it when it is not any more; for ever, until this is cancelled."""
        try:
            while True:
                if await self._take():
                    await self._lead(body)
                else:
                    await self._environment.sleep(RENEW)
        finally:
            self.held = False
            with suppress(DomainError):
                await asyncio.shield(self._writer.execute(Release(self._name, self._holder)))

    async def _lead(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run the body until it ends by itself, by raising as a rule, or until the lease is another's or has run out."""
        self.held = True
        work = asyncio.ensure_future(body())
        try:
            renewed = self._environment.now()
            while not work.done():
                pause = asyncio.ensure_future(self._environment.sleep(RENEW))
                await asyncio.wait([work, pause], return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                asked = self._environment.now()
                ours = await self._take()
                if ours:
                    renewed = asked
                elif ours is False or self._environment.now() - renewed >= VALID:
                    logger.warning("The lease %s is not ours any more.", self._name)
                    return
            await work
        finally:
            self.held = False
            work.cancel()
            await asyncio.wait([work])

    async def _take(self) -> bool | None:
        """Ask for the lease; None when the store does not answer."""
        try:
            return await self._writer.execute(Take(self._name, self._holder))
        except DomainError:
            return None


def _is_gone(holder: str) -> bool:
    """Return whether the holder was a process of this host that does not run any more, so that nobody need wait for its lease to end."""
    host, pid, _ = holder.split("/", 2)
    if host != platform.node() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

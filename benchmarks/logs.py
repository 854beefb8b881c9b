"""A log alone: a store on SQLite and the writer of `events` at work, with chain, tree and signed checkpoints, and no service around."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations

from events.checkpoints import Signer
from events.contracts import CATALOGUE
from events.contracts.ticket import TicketCreated
from events.decider import Context, Key, Stream, Transaction
from events.envelope import Actor
from events.environment import real_environment
from events.migrations import create_log
from events.store import Store, read_log
from events.writer import Writer

PERSON = "0192f0c1-2345-7abc-8def-0123456789ab"
SOURCE = "/tickets"
_TITLE, _BODY = "The printer on the second floor burns", "It began this morning, in tray 2."
_NEW = Stream(0, None, None)


@dataclass(frozen=True, slots=True)
class Append:
    """Appends one event to a stream of its own; the library `eventsourcing` saves an aggregate with the same facts."""

    number: int

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        about = f"ticket/{self.number}"
        tx.put(("stream", about), _NEW)
        facts = {"number": self.number, "priority": "normal", "status": "open", "title": _TITLE, "body": _BODY}
        event = TicketCreated(requester=PERSON, assignee=None, **facts)  # type: ignore[arg-type] # its facts, by name
        tx.append(about, [event], Context(actor=Actor(kind="user", id=PERSON), at=datetime.now(UTC)))


@dataclass(slots=True)
class Log:
    store: Store
    writer: Writer
    public_key: str
    last: int = 0
    """The number of the last stream that was begun."""

    async def append(self, count: int, appenders: int) -> None:
        """Let so many append at once, each the next when the one before is on disk, until `count` events are."""

        async def one() -> None:
            while self.last < end:
                self.last += 1
                await self.writer.execute(Append(self.last))

        end = self.last + count
        await asyncio.gather(*(one() for _ in range(appenders)))

    def wires(self, limit: int) -> list[bytes]:
        """Return the first events, each as the bytes that travel."""
        with self.store.read() as connection:
            return [event.wire() for event in read_log(connection, 0, limit)]


@asynccontextmanager
async def log(path: Path) -> AsyncIterator[Log]:
    """Open a new log in the file `path`."""
    store = Store(f"sqlite:///{path}")
    try:
        with store.writing.begin() as connection:
            create_log(Operations(MigrationContext.configure(connection)))
        signer = Signer(os.urandom(32), "bench")
        writer = Writer(store, source=SOURCE, catalogue=CATALOGUE, environment=real_environment(), signer=signer)
        await asyncio.to_thread(writer.start)
        try:
            yield Log(store, writer, signer.public_key)
        finally:
            await writer.stop()
    finally:
        store.close()

"""Stores of the tests' own with a writer at work: one that owns a log, and ones that consume it."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, bindparam, insert, select, update

from events import parking, tables
from events.contracts import CATALOGUE
from events.contracts.operation import StoreRestored
from events.decider import Context, Key, Transaction
from events.envelope import Actor, StoredEvent
from events.environment import Environment
from events.handling import Handler, one_by_one
from events.migrations import create_log
from events.projections import Recorded
from events.store import Store, log_head, read_log
from events.writer import Writer
from tests.support.turns import Turns, TurnsStore, TurnsWriter

OWN = MetaData()

handled = Table(
    "handled",
    OWN,
    Column("number", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
)
"""What the handlers of the tests did, in their order."""

journal = Table(
    "journal",
    OWN,
    Column("number", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("wire", LargeBinary, nullable=False),
)

once = Table("once", OWN, Column("subject", String(140), primary_key=True))
"""Refuses a subject that comes a second time."""

fussy = Table(
    "fussy",
    OWN,
    Column("number", Integer, primary_key=True),
    Column("subject", String(140), ForeignKey(once.c.subject, deferrable=True, initially="DEFERRED"), nullable=False),
)
"""Refuses, when the transaction is committed, a subject that `once` does not have."""

_HANDLED = insert(handled).values(source=bindparam("source"), sequence=bindparam("sequence"))
_FUSSY = insert(fussy).values(subject=bindparam("subject"))
_ONCE = insert(once).values(subject=bindparam("subject"))


HandlesOne = Callable[[Transaction, Recorded], None]


def each(handlers: Mapping[str, HandlesOne]) -> dict[str, Handler]:
    """Return the handlers that do this on one event after the other."""
    return {type_: one_by_one(handler) for type_, handler in handlers.items()}


def handle(tx: Transaction, recorded: Recorded) -> None:
    """A handler that notes what it handled."""
    tx.write(_HANDLED, {"source": recorded.stored.source, "sequence": recorded.stored.sequence})


def handle_once_per_subject(tx: Transaction, recorded: Recorded) -> None:
    """A handler that a constraint refuses for each further event of a subject."""
    handle(tx, recorded)
    tx.write(_ONCE, {"subject": recorded.stored.subject})


def handle_once_per_subject_late(tx: Transaction, recorded: Recorded) -> None:
    """The same, but the constraint looks only when the transaction is committed."""
    handle(tx, recorded)
    known = tx.connection.scalar(select(once.c.subject).where(once.c.subject == recorded.stored.subject))
    tx.write(_FUSSY, {"subject": "nobody" if known else recorded.stored.subject})
    if not known:
        tx.write(_ONCE, {"subject": recorded.stored.subject})


def record(tx: Transaction, events: Sequence[StoredEvent]) -> None:
    """Write a journal."""
    rows = [{"source": event.source, "sequence": event.sequence, "wire": event.wire()} for event in events]
    tx.connection.execute(insert(journal), rows)


@dataclass(frozen=True)
class Append:
    """Appends events to one stream, as a service's command does."""

    subject: str
    events: Sequence[Any]
    context: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", self.subject)]

    def run(self, tx: Transaction) -> None:
        tx.append(self.subject, self.events, self.context)


class Shop:
    """A service without a face: its store and its writer."""

    def __init__(self, path: Path, source: str, environment: Environment, turns: Turns | None = None) -> None:
        """With `turns` everything is done on the loop of the test, in an order that they draw."""
        self.path, self.source, self.environment = path, source, environment
        self.on_commit: Callable[[], None] = lambda: None
        self.store = TurnsStore(f"sqlite:///{path}", turns) if turns else Store(f"sqlite:///{path}")
        if not path.exists() or not path.stat().st_size:
            with self.store.writing.begin() as connection:
                create_log(Operations(MigrationContext.configure(connection)))
                OWN.create_all(connection)
        make: Callable[..., Writer] = partial(TurnsWriter, turns=turns) if turns else Writer
        self.writer = make(self.store, source=source, catalogue=CATALOGUE, environment=environment, on_commit=lambda _: self.on_commit())
        self.writer.start()

    def context(self) -> Context:
        return Context(actor=Actor(kind="system", id="tests"), at=self.environment.now())

    def append(self, subject: str, *events: Any) -> None:
        self.writer.execute_blocking(Append(subject, events, self.context()))

    def log(self) -> list[StoredEvent]:
        with self.store.read() as connection:
            return read_log(connection, 0, 1_000_000)

    def wires(self, after: int = 0, limit: int = 1_000_000) -> list[bytes]:
        """Return what `/internal/events` answers."""
        with self.store.read() as connection:
            return [event.wire() for event in read_log(connection, after, limit)]

    async def feed(self, source: str, after: int, limit: int) -> list[bytes]:
        assert source == self.source
        return self.wires(after, limit)

    def handled(self) -> list[int]:
        """Return the sequences that were handled, in the order in which they were."""
        with self.store.read() as connection:
            return list(connection.scalars(select(handled.c.sequence).order_by(handled.c.number)))

    def journalled(self) -> list[bytes]:
        with self.store.read() as connection:
            return [bytes(wire) for wire in connection.scalars(select(journal.c.wire).order_by(journal.c.number))]

    def parked(self) -> list[parking.Parked]:
        with self.store.read() as connection:
            return sorted(parking.parked_events(connection), key=lambda event: event.sequence)

    async def close(self) -> None:
        await self.writer.stop()
        self.store.close()


def restore(backup: Path, path: Path, source: str, environment: Environment) -> Shop:
    """Return a service whose store is a copy of `backup`, under a new origin; its log tells what of the old one was cut off."""
    shutil.copy(backup, path)
    store = Store(f"sqlite:///{path}")
    with store.writing.begin() as connection:
        before = log_head(connection)
        connection.execute(update(tables.head).values(origin=environment.new_id()))
    store.close()
    shop = Shop(path, source, environment)
    shop.append(f"store/{source.strip('/')}", StoreRestored(origin_before=before.origin, cut=before.sequence))
    return shop


def backup(shop: Shop, path: Path) -> Path:
    """Return `path`, a copy of the store as it is now."""
    library: Any = shop.store.reading.dialect.dbapi  # another SQLite in this process would drop the locks of this one
    connection = library.connect(shop.path)
    try:
        connection.execute("VACUUM INTO ?", [str(path)])
    finally:
        connection.close()
    return path

"""Stores that are copied while they are written, and logs that are cut: what is left is a whole log that goes on under a new origin."""

import importlib
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import select

from chassis.settings import SERVICES
from chassis.tables import CHASSIS
from events import tables
from events.checkpoints import Signer
from events.contracts import CATALOGUE
from events.contracts.operation import EventSkipped
from events.contracts.ticket import TicketCreated
from events.cutting import (
    Cut,
    Mark,
    Restored,
    common,
    cut_log,
    ids_behind,
    mark_at,
    name_the_gone,
    renew_origin,
    sign_head,
    since,
    skipped_behind,
)
from events.decider import Context
from events.envelope import Actor, StoredEvent
from events.environment import real_environment
from events.erasures import ERASURES
from events.errors import Unavailable
from events.ledger_tables import LEDGER
from events.migrations import create_log
from events.positions import START
from events.snapshots import Hold, Snapshot
from events.store import Store, log_head, read_log
from events.tables import LOG, parked
from events.verify import Seen, StoreReport, verify_store
from events.writer import Writer
from tests.support.stores import Append

SOURCE = "/shop"
SIGNER = Signer(bytes(32), "ste-shop")
BY = Context(actor=Actor(kind="system", id="tests"), at=real_environment().now())


def created(number: int) -> TicketCreated:
    return TicketCreated(requester="anna", assignee=None, number=number, priority="normal", status="open", title="A", body="B")


class Till:
    """A store with a signing writer."""

    def __init__(self, path: Path, *, new: bool = True) -> None:
        self.path = path
        self.store = Store(f"sqlite:///{path}")
        if new:
            with self.store.writing.begin() as connection:
                create_log(Operations(MigrationContext.configure(connection)))
                LEDGER.create_all(connection)
        self.writer = Writer(self.store, source=SOURCE, catalogue=CATALOGUE, environment=real_environment(), signer=SIGNER)
        self.writer.start()

    def add(self, first: int, count: int) -> None:
        waiting = [self.writer.submit(Append(f"ticket/{number}", [created(number)], BY)) for number in range(first, first + count)]
        for future in waiting:
            future.result(60)

    def verify(self, seen: dict[str, Seen] | None = None) -> StoreReport:
        return verify_store(self.store.read, source=SOURCE, public_keys=[SIGNER.public_key], seen=seen or {})

    async def close(self) -> None:
        await self.writer.stop()
        self.store.close()


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    made = Till(tmp_path / "shop.sqlite3")
    yield made
    await made.close()


# copying


async def test_a_snapshot_stays_what_it_was_and_so_does_its_copy(till: Till, tmp_path: Path) -> None:
    till.add(1, 300)
    snapshot = Snapshot.of(till.store)
    till.add(301, 300)
    steps: list[tuple[int, int]] = []

    def far(done: int, total: int) -> None:
        steps.append((done, total))
        till.add(1000 + len(steps), 1)  # written in the very middle of it

    snapshot.copy_to(tmp_path / "copy", far)
    snapshot.close()
    copy = Store(f"sqlite:///{tmp_path / 'copy'}")
    with copy.read() as there, till.store.read() as here:
        assert log_head(there).sequence == 300
        assert read_log(there, 0, 1000) == read_log(here, 0, 300)
    copy.close()
    assert steps[-1][0] == steps[-1][1] > 0
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


async def test_a_copy_that_is_given_up_leaves_no_file(till: Till, tmp_path: Path) -> None:
    def enough(_done: int, _total: int) -> None:
        raise Unavailable("Enough.")

    snapshot = Snapshot.of(till.store)
    with pytest.raises(Unavailable):
        snapshot.copy_to(tmp_path / "copy", enough)
    assert not (tmp_path / "copy").exists()
    (tmp_path / "letter").write_text("Dear all,")
    with pytest.raises(FileExistsError):
        snapshot.copy_to(tmp_path / "letter")
    assert (tmp_path / "letter").read_text() == "Dear all,"
    snapshot.close()


def hold_of(till: Till, seconds: float) -> tuple[Hold, threading.Event, list[Snapshot]]:
    held, snapshots = threading.Event(), list[Snapshot]()

    def tell(snapshot: Snapshot) -> None:
        snapshots.append(snapshot)
        held.set()

    return Hold(look=lambda: Snapshot.of(till.store), held=tell, stopping=lambda: False, seconds=seconds), held, snapshots


async def test_while_a_head_is_held_nothing_is_committed(till: Till) -> None:
    till.add(1, 5)
    hold, held, [*snapshots] = hold_of(till, 3.0)
    answer = till.writer.submit(hold)
    assert held.wait(30)
    waiting = till.writer.submit(Append("ticket/6", [created(6)], BY))
    with till.store.read() as connection:
        assert log_head(connection).sequence == 5
    assert not waiting.done()
    hold.released.set()
    assert answer.result(30) is True
    waiting.result(30)
    for snapshot in snapshots:
        snapshot.close()


async def test_a_hold_that_nobody_releases_ends_and_says_so(till: Till) -> None:
    hold, held, snapshots = hold_of(till, 0.2)
    answer = till.writer.submit(hold)
    till.add(1, 1)
    assert answer.result(30) is False
    assert held.is_set()
    snapshots[0].close()
    again = till.writer.submit(hold)
    with pytest.raises(Unavailable):
        again.result(30)


# cutting


def cut_to(till: Till, kept: int) -> list[StoredEvent]:
    """Cut a store that nobody uses, and return what is left of its log."""
    with till.store.writing.begin() as connection:
        marks = {SOURCE: mark_at(connection, kept)}
        cut = Cut(own=SOURCE, position=0, marks=marks, since=since(connection, kept))
        name_the_gone(connection, list(ids_behind(connection, kept)))
        cut_log(connection, cut, [])
        connection.exec_driver_sql("DROP TABLE gone")
        return read_log(connection, 0, 10_000)


def begin_anew(till: Till) -> str:
    """Give a store a new origin, and let its log tell of it; return the former one."""
    with till.store.writing.begin() as connection:
        head = log_head(connection)
        before = mark_at(connection, head.sequence).origin
        renew_origin(connection, real_environment().new_id())
    till.writer.submit(Restored("shop", [(before, head.sequence)], BY)).result(30)
    with till.store.writing.begin() as connection:
        sign_head(connection, SIGNER, real_environment().now())
    return before


@pytest.mark.parametrize("kept", [0, 1, 7, 999, 1000, 1001, 1290])
async def test_a_log_that_was_cut_is_whole_and_goes_on(till: Till, kept: int) -> None:
    till.add(1, 1290)
    with till.store.read() as connection:
        before = read_log(connection, 0, 2000)
    assert cut_to(till, kept) == before[:kept]
    former = begin_anew(till)
    till.add(2001, 20)
    report = till.verify({"somebody": Seen(before[-1].origin, 1290, before[-1].hash)} if kept else None)
    assert report.ok, report.reason
    assert report.events == kept + 21
    assert former == before[0].origin
    with till.store.read() as connection:
        after = read_log(connection, 0, 2000)
    assert {event.origin for event in after[kept:]}.isdisjoint({former})


async def test_a_log_is_cut_again_and_again_above_at_and_below_an_earlier_restore(till: Till) -> None:
    till.add(1, 30)
    for kept in (20, 24, 21, 20, 10, 3):
        cut_to(till, kept)
        begin_anew(till)
        till.add(kept * 100, 5)
        report = till.verify()
        assert report.ok, report.reason
        assert report.events == kept + 6


async def test_the_common_beginning_of_two_logs_is_found(till: Till, tmp_path: Path) -> None:
    till.add(1, 40)
    snapshot = Snapshot.of(till.store)
    snapshot.copy_to(tmp_path / "copy")
    snapshot.close()
    other = Till(tmp_path / "copy", new=False)
    cut_to(other, 25)
    begin_anew(other)
    other.add(500, 30)
    with till.store.read() as ours, other.store.read() as theirs:
        assert common(ours, theirs) == common(theirs, ours) == 25
    await other.close()


async def test_events_are_still_never_deleted_after_a_cut(till: Till) -> None:
    till.add(1, 3)
    cut_to(till, 2)
    with pytest.raises(Exception, match="Events are never deleted"), till.store.writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    with till.store.writing.begin() as connection:
        sign_head(connection, SIGNER, real_environment().now())
        assert connection.scalar(select(tables.checkpoints.c.size).limit(1))
    with pytest.raises(Exception, match="Checkpoints are never deleted"), till.store.writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM checkpoints")


async def test_a_consumer_steps_back_and_what_was_skipped_later_waits_again(till: Till) -> None:
    till.add(1, 4)
    with till.store.read() as connection:
        first, second, third, fourth = read_log(connection, 0, 10)
    skipped = [EventSkipped(source="/auth", sequence=sequence, event="e") for sequence in (1, 3)]
    till.writer.submit(Append("store/shop", skipped, BY)).result(30)
    auth = Mark("their-origin", 2, "h" * 64, BY_TEXT)
    with till.store.writing.begin() as connection:
        connection.execute(tables.consumed.insert(), {"source": "/auth", "origin": "newer", "sequence": 3, "hash": "i" * 64})
        changes = [{"source": "/auth", "first_sequence": at, "origin": origin} for at, origin in ((1, "their-origin"), (3, "newer"))]
        connection.execute(tables.origins.insert(), changes)
        cut = Cut(own=SOURCE, position=0, marks={SOURCE: mark_at(connection, 4), "/auth": auth}, since=since(connection, 4))
        assert skipped_behind(connection, cut) == [("/auth", 1)]
        cut_log(connection, cut, [first])
        assert connection.execute(select(tables.consumed)).all() == [("/auth", "their-origin", 2, "h" * 64)]
        assert connection.execute(select(tables.origins)).all() == [("/auth", 1, "their-origin")]
        [waiting] = connection.execute(select(parked)).all()
        assert (waiting.source, waiting.next_at) == (first.source, None)
        assert read_log(connection, 0, 10) == [first, second, third, fourth]
        nobody = Cut(own=SOURCE, position=0, marks={SOURCE: mark_at(connection, 0), "/auth": Mark("x", 0, "0" * 64, None)}, since=None)
        cut_log(connection, nobody, [])
        assert connection.execute(select(tables.consumed)).all() == []
        assert log_head(connection).sequence == START.sequence


BY_TEXT = "2026-11-23T09:00:00.123456Z"


# what is decided for each table


def not_derived() -> Iterator[str]:
    for metadata in (LOG, LEDGER, ERASURES, CHASSIS):
        yield from metadata.tables
    for service in SERVICES:
        declared = importlib.import_module(f"{service}.tables")
        for kind in ("PRIMARY", "HOUSEKEEPING"):
            yield from getattr(declared, kind).tables if hasattr(declared, kind) else ()


def test_for_every_table_that_is_not_derived_it_is_said_what_a_cut_does_to_it() -> None:
    text = (Path(__file__).parents[2] / "docs" / "backup.md").read_text()
    told = set(re.findall(r"`([a-z_]+)`", text.partition("### To a position")[2].partition("## Export")[0]))
    assert [name for name in not_derived() if name not in told] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_becomes_of_its_tables(service: str) -> None:
    rewinding = importlib.import_module(f"{service}.rewinding")
    own = importlib.import_module(f"{service}.tables")
    assert {table.name for table in rewinding.PORTABLE} <= set(own.PRIMARY.tables if hasattr(own, "PRIMARY") else ())
    assert all(callable(getattr(rewinding, name)) for name in ("adopt", "cut", "settle"))

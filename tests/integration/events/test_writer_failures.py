"""The writer on a store that fails: nothing acknowledged is lost, nobody waits for ever, and nobody hears what is not so."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, event, insert, select, text
from sqlalchemy.exc import DBAPIError

from events import tables
from events.decider import Key, Transaction
from events.errors import Conflict, OutcomeUnknown, Unavailable
from events.following import Filling
from events.projections import Recorded
from events.store import SQLITE_FLOOR, Store, doubt_about, log_head, read_log, sqlite_version
from events.verify import verify_store
from events.writer import LONGEST_QUEUE, Writer
from events.writing import Call
from tests.integration.events.test_writer import ANNA, House, Move, Open, Statuses, created, names, together

FULL, BUSY, FSYNC = 13, 5, 10 | 4 << 8  # SQLite's codes


class Disk:
    """What lies under the driver: it fails when it is told to, once, before or after the work is done."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self._commit = store.writing.dialect.do_commit
        self._driver: Any = store.writing.dialect.dbapi
        self._code = 0
        self._done = False
        self._matching = ""
        self._next: list[str] = []
        self.failed = 0
        monkeypatch.setattr(store.writing.dialect, "do_commit", self._do_commit)
        event.listen(store.writing.dialect, "do_execute", self._do_execute)
        event.listen(store.writing.dialect, "do_executemany", self._do_execute)

    def fail_commit(self, code: int, *, done: bool) -> None:
        """Let the next commit fail; `done`: it is there all the same."""
        self._code, self._done, self._matching = code, done, "COMMIT"

    def fail_statement(self, code: int, matching: str) -> None:
        """Let the next statement fail that begins so."""
        self._code, self._matching = code, matching

    def then_fail(self, matching: str, *, times: int) -> None:
        """After the failure that was asked for, let the next statements fail that begin so."""
        self._next = [matching] * times

    def _do_commit(self, connection: Any) -> None:
        if self._matching != "COMMIT":
            self._commit(connection)
            return
        if self._done:
            self._commit(connection)
        self._fail()

    def _do_execute(self, _cursor: Any, statement: str, _parameters: Any, _context: Any) -> None:
        if self._matching and statement.startswith(self._matching):
            self._fail()

    def _fail(self) -> None:
        self._matching = self._next.pop() if self._next else ""
        self.failed += 1
        error = self._driver.OperationalError(f"the disk says {self._code}")
        error.sqlite_errorcode = self._code
        raise error


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "tickets.sqlite3")
    made.migrate()
    yield made
    made.store.close()


@pytest.fixture
def writer(house: House) -> Iterator[Writer]:
    made = house.writer()
    yield made
    asyncio.run(made.stop())


@pytest.fixture
def disk(house: House, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(house.store, monkeypatch)


def subjects(house: House) -> list[str]:
    with house.store.read() as connection:
        return [stored.subject for stored in read_log(connection, 0, 10_000)]


def sound(house: House) -> bool:
    """Return whether the store verifies, and its projection has what the log has."""
    with house.store.read() as connection:
        projected = connection.execute(select(Statuses.table.c.subject)).scalars().all()
        position = connection.scalar(select(tables.projections.c.position).where(tables.projections.c.name == "statuses"))
        head = log_head(connection).sequence
    report = verify_store(house.store.read, source="/tickets", public_keys=[house.signer.public_key], seen={})
    return report.ok is True and set(projected) == set(subjects(house)) and position == head


# a commit of unknown outcome


def test_a_commit_that_failed_and_is_there_all_the_same_is_answered_by_what_is_there(house: House, writer: Writer, disk: Disk) -> None:
    disk.fail_commit(BUSY, done=True)
    assert writer.execute_blocking(Open()) == 1
    assert writer.execute_blocking(Open()) == 2
    assert subjects(house) == ["ticket/1", "ticket/2"]
    assert sound(house)


@pytest.mark.parametrize("done", [True, False])
def test_a_batch_of_unknown_outcome_is_looked_for_until_the_store_answers(house: House, writer: Writer, disk: Disk, *, done: bool) -> None:
    disk.fail_commit(BUSY, done=done)
    disk.then_fail("BEGIN", times=3)
    if done:
        assert writer.execute_blocking(Open()) == 1
    else:
        with pytest.raises(Unavailable):
            writer.execute_blocking(Open())
    assert disk.failed == 4
    assert subjects(house) == ["ticket/1"] * done
    assert writer.execute_blocking(Open()) == 1 + done


@pytest.mark.parametrize("many", [1, 3])
def test_who_cannot_be_told_the_outcome_is_told_that_and_the_writer_ends(
    house: House, writer: Writer, disk: Disk, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("events.writer._LOOK_FOR", 0.0)
    disk.fail_commit(BUSY, done=True)
    disk.then_fail("BEGIN", times=1)
    calls = [Call(Open(), Future()) for _ in range(many)]
    with pytest.raises(OutcomeUnknown):
        writer.write(calls)
    assert [type(call.future.exception()) for call in calls] == [OutcomeUnknown] * many
    assert subjects(house) == [f"ticket/{number}" for number in range(1, many + 1)], "nothing was run again"


async def test_who_is_told_that_the_outcome_is_unknown_is_not_told_something_else_by_the_writers_end(
    writer: Writer, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.writer._LOOK_FOR", 0.0)
    disk.fail_commit(BUSY, done=True)
    disk.then_fail("BEGIN", times=1)
    waiting = asyncio.create_task(writer.execute(Open()))
    await asyncio.sleep(0)
    assert writer._ended.wait(30), "the loop is held until the writer's thread has ended"
    with pytest.raises(OutcomeUnknown):
        await waiting


@dataclass(frozen=True)
class Stops(Open):
    """Raises what no future of asyncio takes."""

    def run(self, tx: Transaction) -> int:
        raise StopIteration


async def test_what_no_future_takes_keeps_nobody_waiting(writer: Writer) -> None:
    stopped, opened = await asyncio.gather(writer.execute(Stops()), writer.execute(Open()), return_exceptions=True)
    assert (type(stopped), opened) == (RuntimeError, 1)


def test_a_commit_that_failed_and_is_not_there_sends_everybody_away(house: House, writer: Writer, disk: Disk) -> None:
    disk.fail_commit(BUSY, done=False)
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open())
    assert subjects(house) == []
    assert writer.execute_blocking(Open()) == 1
    assert sound(house)


@pytest.mark.parametrize("done", [True, False])
def test_what_could_not_be_synced_is_not_acknowledged_though_it_may_be_seen(
    house: House, writer: Writer, disk: Disk, *, done: bool
) -> None:
    disk.fail_commit(FSYNC, done=done)
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open())
    with pytest.raises(Unavailable):  # and the writer has ended: its process is to start anew
        writer.execute_blocking(Open())
    second = house.writer()
    assert second.execute_blocking(Open()) == (2 if done else 1)
    asyncio.run(second.stop())
    assert sound(house)


# a full or broken disk on the way


@pytest.mark.parametrize(
    "statement", ["BEGIN", "SELECT head", "INSERT INTO events", "INSERT INTO statuses", "UPDATE head", "INSERT INTO batches"]
)
def test_a_disk_that_is_full_for_a_moment_sends_away_and_stores_nothing(house: House, writer: Writer, disk: Disk, statement: str) -> None:
    assert writer.execute_blocking(Open()) == 1
    disk.fail_statement(FULL, statement)
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open())
    assert subjects(house) == ["ticket/1"]
    assert writer.execute_blocking(Open()) == 2
    assert writer.followers.places["statuses"].error is None
    assert sound(house)


def test_a_disk_that_is_really_full_leaves_a_sound_store(house: House, writer: Writer) -> None:
    """SQLite undoes the whole transaction then, savepoints and all; nothing may be written outside of it."""

    def limit(pages: int) -> None:
        with house.store.writing.connect() as connection:  # the one connection that the writer has
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    with house.store.read() as connection:
        limit(int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()) + 3)
    outcomes = [together(writer, Open(), Note(), Open(), Note())[0] for _ in range(12)]
    assert isinstance(outcomes[-1], Unavailable)
    limit(1_000_000)
    assert isinstance(writer.execute_blocking(Open()), int)
    with house.store.read() as connection:
        noted = connection.scalars(select(names.c.name)).all()
    assert sorted(noted) == sorted(f"note {subject}" for subject in subjects(house) if "note" in subject)
    assert sound(house)


@dataclass(frozen=True)
class Note:
    """Appends a long event and writes a row that tells of it, both by SQL of its own; both are there or neither."""

    sql: bool = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        count = int(tx.connection.execute(text("SELECT count(*) FROM names")).scalar_one())
        tx.write(insert(names), {"name": f"note ticket/note{count}", "owner": "x" * 5000})
        tx.append(f"ticket/note{count}", [created(count)], ANNA)


def test_a_unit_that_hides_the_end_of_its_transaction_does_not_write_outside_of_one(house: House, writer: Writer) -> None:
    @dataclass(frozen=True)
    class Careless:
        sql: bool = True

        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            tx.connection.exec_driver_sql("ROLLBACK")  # as SQLite itself does on a full disk
            raise Conflict("Something else.")

    outcomes = together(writer, Open(), Careless(), Open())
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert subjects(house) == []
    assert writer.execute_blocking(Open()) == 1
    assert sound(house)


def test_an_error_of_the_disk_itself_ends_the_writer_and_everybody_is_told(house: House, writer: Writer, disk: Disk) -> None:
    ended: list[BaseException] = []
    writer._on_fatal = ended.append
    disk.fail_statement(FSYNC, "INSERT INTO events")
    outcomes = together(writer, *[Open() for _ in range(5)])
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
    asyncio.run(writer.stop())
    assert len(ended) == 1
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open())


def test_an_error_of_the_disk_within_savepoints_ends_the_writer_as_well(house: House, writer: Writer, disk: Disk) -> None:
    @dataclass(frozen=True)
    class Handling:
        """Does what a consumer's batch does, on a disk that breaks; SQLite undoes the transaction then."""

        sql: bool = True

        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            with tx.savepoint():
                tx.connection.exec_driver_sql("ROLLBACK")
                disk.fail_statement(FSYNC, "INSERT INTO names")
                tx.write(insert(names), {"name": "a", "owner": "b"})

    ended: list[BaseException] = []
    writer._on_fatal = ended.append
    with pytest.raises(Unavailable):
        writer.execute_blocking(Handling())
    asyncio.run(writer.stop())
    assert len(ended) == 1


# another process, a full queue, waiters that went away


def test_a_store_that_another_process_holds_too_long_sends_away(house: House, writer: Writer) -> None:
    with house.store.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")  # milliseconds; the writer's connection is this one
    other = Store(f"sqlite:///{house.path}")
    with other.writing.begin(), pytest.raises(Unavailable):
        writer.execute_blocking(Open())
    other.close()
    assert writer.execute_blocking(Open()) == 1


@dataclass(frozen=True)
class Gate:
    """Holds the writer until it is opened."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    end: BaseException | None = None

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        self.entered.set()
        assert self.opened.wait(10)
        if self.end:
            raise self.end


def test_a_full_queue_sends_away_and_takes_again(house: House, writer: Writer) -> None:
    gate = Gate()
    held = writer.submit(gate)
    assert gate.entered.wait(10)
    waiting = [writer.submit(Filling()) for _ in range(LONGEST_QUEUE)]
    with pytest.raises(Unavailable) as refused:
        writer.execute_blocking(Open())
    assert refused.value.retry_after
    gate.opened.set()
    assert [future.result(30) for future in (held, *waiting)] == [None] * (LONGEST_QUEUE + 1)
    assert writer.execute_blocking(Open()) == 1


def test_a_cancelled_waiter_is_skipped(house: House, writer: Writer) -> None:
    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(10)
    gone, stays = writer.submit(Open()), writer.submit(Open())
    assert gone.cancel()
    gate.opened.set()
    assert stays.result(10) == 1
    assert subjects(house) == ["ticket/1"]


def test_a_dying_writer_answers_all_who_wait_though_some_have_gone(house: House, writer: Writer) -> None:
    gate = Gate(end=SystemExit("the end"))
    dying = writer.submit(gate)
    assert gate.entered.wait(10)
    first, gone, last = (writer.submit(Open()) for _ in range(3))
    assert gone.cancel()
    gate.opened.set()
    for future in (dying, first, last):
        assert isinstance(future.exception(10), Unavailable)
    with pytest.raises(CancelledError):
        gone.result(0)
    asyncio.run(writer.stop())


def test_a_writer_that_dies_among_units_run_one_by_one_answers_them_all(house: House, writer: Writer, disk: Disk) -> None:
    @dataclass(frozen=True)
    class Double:
        """Refused by the store each time; at the second time the disk breaks afterwards."""

        times: list[int] = field(default_factory=list)

        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            self.times.append(1)
            for _ in range(2):
                tx.write(insert(names), {"name": "double", "owner": "double"})
            if len(self.times) == 2:
                disk.fail_statement(FSYNC, "INSERT INTO names")

    outcomes = together(writer, Open(), Double(), Open(), Open())
    assert outcomes[0] == 1
    assert [type(outcome) for outcome in outcomes[1:]] == [Unavailable] * 3
    asyncio.run(writer.stop())


def test_one_unit_that_the_driver_cannot_store_does_not_take_the_others_along(house: House, writer: Writer) -> None:
    @dataclass(frozen=True)
    class Huge:
        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            tx.write(insert(names), {"name": "huge", "owner": 2**70})

    outcomes = together(writer, Open(), Huge(), Open())
    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], OverflowError)
    assert sound(house)


def test_one_unit_with_a_parameter_of_no_known_type_does_not_take_the_others_along(house: House, writer: Writer) -> None:
    @dataclass(frozen=True)
    class Strange:
        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            tx.write(insert(names), {"name": "strange", "owner": ["no", "text"]})

    outcomes = together(writer, Open(), Strange(), Open())
    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], DBAPIError)
    assert sound(house)


def test_a_projection_that_binds_what_no_driver_knows_stops_nobody_else(
    house: House, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(connection: Connection, _items: Sequence[tuple[int, Recorded]]) -> None:
        connection.execute(insert(Statuses.table), {"subject": ["no", "text"], "status": "open"})

    monkeypatch.setattr(house.statuses, "apply", apply)
    assert writer.execute_blocking(Open()) == 1
    assert writer.execute_blocking(Open()) == 2
    assert writer.followers.places["statuses"].error is not None


def test_under_load_everybody_is_answered_what_their_own_command_made(house: House, writer: Writer) -> None:
    writer.execute_blocking(Open())

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(writer.execute(Move(1, f"status {n}")) for n in range(300)))

    assert asyncio.run(all_at_once()) == [f"status {n}" for n in range(300)]


# at the start


def test_a_store_that_cannot_be_opened_is_said_at_the_start(house: House, disk: Disk) -> None:
    disk.fail_statement(FULL, "INSERT INTO batches")
    with pytest.raises(Unavailable):
        house.writer()
    second = house.writer()
    assert second.execute_blocking(Open()) == 1
    asyncio.run(second.stop())


class Anew(Statuses):
    """The next version of the projection, with tables of another form."""

    version = 2
    metadata = MetaData()
    table = Table(
        "statuses", metadata, Column("subject", String(20), primary_key=True), Column("status", String(20)), Column("more", String(9))
    )

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        for _, (stored, _event) in items:
            connection.execute(insert(self.table), {"subject": stored.subject, "status": "anew", "more": "more"})


def test_an_old_replica_beside_a_new_one_leaves_the_new_projection_alone(house: House, writer: Writer) -> None:
    assert writer.execute_blocking(Open()) == 1
    newer = House(house.path, statuses=Anew())
    transactions: list[Any] = []

    def the_old_one_writes_between(connection: Any, _record: Any, _proxy: Any) -> None:
        """It writes when the new one has made its tables, and before its first batch."""
        transactions.append(connection)
        if len(transactions) == 2:
            assert writer.execute_blocking(Open()) == 2

    event.listen(newer.store.writing, "checkout", the_old_one_writes_between)
    second = newer.writer()
    assert writer.execute_blocking(Open()) == 3
    assert second.execute_blocking(Open()) == 4
    with newer.store.read() as connection:
        rows = connection.execute(select(Anew.table.c.subject, Anew.table.c.status)).all()
    assert sorted(map(tuple, rows)) == [(f"ticket/{n}", "anew") for n in range(1, 5)]
    asyncio.run(second.stop())
    newer.store.close()


def test_an_old_replica_that_starts_again_leaves_the_new_projection_alone(house: House) -> None:
    newer = House(house.path, statuses=Anew())
    second = newer.writer()
    assert second.execute_blocking(Open()) == 1
    old = house.writer()
    assert old.execute_blocking(Open()) == 2
    asyncio.run(old.stop())
    assert second.execute_blocking(Open()) == 3
    with newer.store.read() as connection:
        assert connection.scalars(select(Anew.table.c.status)).all() == ["anew"] * 3
    asyncio.run(second.stop())
    newer.store.close()


def test_a_projection_stops_at_what_only_a_newer_release_can_read(house: House, writer: Writer) -> None:
    """Passed over, the event would be missing from its tables for good."""
    assert writer.execute_blocking(Open()) == 1
    asyncio.run(writer.stop())
    with house.store.writing.begin() as connection:
        connection.execute(text("DROP TRIGGER events_are_facts"))
        connection.execute(text("UPDATE events SET dataversion = 2"))
        connection.execute(text("UPDATE projections SET position = 0"))
    second = house.writer()
    place = second.followers.places["statuses"]
    assert (place.position, "UnknownVersion" in (place.error or "")) == (0, True)
    assert second.execute_blocking(Open()) == 2
    asyncio.run(second.stop())


def test_a_place_where_nothing_is_durable_is_refused(tmp_path: Path) -> None:
    store = Store(f"sqlite:///file:{tmp_path / 'any.sqlite3'}?vfs=unix-dotfile&uri=true")  # which has no shared memory
    with pytest.raises(RuntimeError, match="journal_mode is delete"), store.writing.connect():
        pass
    store.close()


def test_a_library_that_is_too_old_is_told_and_ours_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert doubt_about(SQLITE_FLOOR) is None
    assert "3.40.1" in (doubt_about((3, 40, 1)) or "")
    with caplog.at_level(logging.WARNING, logger="events.store"):
        Store(f"sqlite:///{tmp_path / 'any.sqlite3'}").close()
    assert bool(caplog.records) == (sqlite_version() < SQLITE_FLOOR)


def test_what_a_failing_batch_held_is_not_in_the_log(house: House, writer: Writer, disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    disk.fail_statement(FULL, "INSERT INTO names")
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open("secret name"))
    assert "was not written" in caplog.text
    assert "secret name" not in caplog.text

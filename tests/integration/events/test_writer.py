"""The writer on a real SQLite store: what it promises to those who call it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from events import tables
from events.catalogue import Catalogue
from events.catalogue import event as declared
from events.checkpoints import Signer
from events.contracts import CATALOGUE
from events.contracts.ticket import TicketCreated, TicketStatusChanged
from events.decider import Context, Fact, Fold, Key, Transaction
from events.envelope import Actor
from events.environment import Environment, real_environment
from events.errors import Conflict, Invalid, Unavailable
from events.following import LARGEST_STEP, LogFeed
from events.migrations import create_log
from events.projections import Recorded
from events.replay import replay
from events.store import Store, log_head, read_log, read_stream
from events.times import to_text
from events.verify import verify_store
from events.writer import Vouch, Writer

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANNA = Context(actor=Actor(kind="user", id="anna"), at=NOON)
EXTRA = MetaData()
names = Table("names", EXTRA, Column("name", String(20), primary_key=True), Column("owner", String(20), nullable=False))
ADD_NAME = insert(names)


def evolve(status: str | None, fact: Fact) -> str | None:
    return fact.event.status if isinstance(fact.event, TicketCreated) else fact.event.after["status"]


class Statuses:
    """A projection: each ticket's status."""

    name, version = "statuses", 1
    metadata = MetaData()
    table = Table("statuses", metadata, Column("subject", String(20), primary_key=True), Column("status", String(20)))

    def __init__(self) -> None:
        self.broken = False

    def apply(self, connection: Connection, items: Sequence[tuple[int, Recorded]]) -> None:
        if self.broken:
            raise RuntimeError("The projection is broken.")
        for _, (stored, event) in items:
            if isinstance(event, TicketCreated):
                connection.execute(insert(self.table), {"subject": stored.subject, "status": event.status})
            elif isinstance(event, TicketStatusChanged):
                moved = self.table.update().where(self.table.c.subject == stored.subject)
                connection.execute(moved.values(status=event.after["status"]))


@dataclass
class House:
    path: Path
    statuses: Statuses = field(default_factory=Statuses)
    signer: Signer = field(default_factory=lambda: Signer(bytes(32), "ste-tickets"))

    def __post_init__(self) -> None:
        self.store = Store(f"sqlite:///{self.path}")

    def migrate(self) -> None:
        with self.store.writing.begin() as connection:
            create_log(SimpleNamespace(get_bind=lambda: connection, execute=lambda sql: connection.execute(text(sql))))
            EXTRA.create_all(connection)

    def writer(self, read_by: Catalogue = CATALOGUE, environment: Environment | None = None) -> Writer:
        made = Writer(
            self.store,
            source="/tickets",
            catalogue=CATALOGUE,
            environment=environment or real_environment(),
            folds={"ticket": Fold(initial=None, evolve=evolve)},
            loaders={"name": load_names},
            feeds=[(LogFeed(read_by), [self.statuses])],
            signer=self.signer,
        )
        made.start()
        return made


def load_names(connection: Connection, ids: Sequence[str]) -> Mapping[str, str]:
    return {row.name: row.owner for row in connection.execute(select(names).where(names.c.name.in_(ids)))}


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


def created(number: int) -> TicketCreated:
    return TicketCreated(requester="anna", assignee=None, number=number, priority="low", status="open", title="Printer", body="It burns.")


@dataclass(frozen=True)
class Open:
    name: str | None = None

    def reads(self) -> list[Key]:
        return [("counter", "ticket"), *([("name", self.name)] if self.name else [])]

    def run(self, tx: Transaction) -> int:
        number = int(tx.state(("counter", "ticket"))) + 1
        tx.put(("counter", "ticket"), number)
        tx.append(f"ticket/{number}", [created(number)], ANNA)
        if self.name:
            tx.write(ADD_NAME, {"name": self.name, "owner": str(number)})
            if tx.state(("name", self.name)):
                raise Conflict("The name is taken.")
            tx.put(("name", self.name), str(number))
        return number


@dataclass(frozen=True)
class Move:
    number: int
    to: str
    expected: int | None = None

    def reads(self) -> list[Key]:
        return [("stream", f"ticket/{self.number}")]

    def run(self, tx: Transaction) -> str:
        stream = tx.stream(f"ticket/{self.number}")
        if self.expected is not None and stream.version != self.expected:
            raise Conflict("It has moved on.")
        changed = TicketStatusChanged(requester="anna", assignee=None, before={"status": stream.state}, after={"status": self.to})
        return str(tx.append(f"ticket/{self.number}", [changed], ANNA))


@dataclass(frozen=True)
class Blind:
    """Writes a name without asking whether it is taken: the store refuses it."""

    name: str

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        tx.write(ADD_NAME, {"name": self.name, "owner": "blind"})


@dataclass(frozen=True)
class Sql:
    """Looks with SQL of its own, undoes a part of what it did, and then may fail."""

    fail: bool = False
    sql: bool = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> int:
        before = int(tx.connection.execute(text("SELECT count(*) FROM events")).scalar_one())
        tx.append("ticket/900", [created(900)], ANNA)
        try:
            with tx.savepoint():
                tx.append("ticket/901", [created(901)], ANNA)
                tx.write(ADD_NAME, {"name": "undone", "owner": "sql"})
                refuse()
        except Conflict:
            pass
        if self.fail:
            raise Conflict("All of it.")
        return before


def refuse() -> None:
    raise Conflict("Not that one.")


def together(writer: Writer, *units: Any) -> list[Any]:
    """Put the units into one batch; return their results, or what they raise."""
    gate, open_gate = _gate()
    with ThreadPoolExecutor(len(units) + 1) as pool:
        held = pool.submit(writer.execute_blocking, gate)
        gate.entered.wait(10)
        waiting = []
        for position, unit in enumerate(units, start=1):
            waiting.append(pool.submit(writer.execute_blocking, unit))
            while writer.waiting < position:
                pass
        open_gate()
        held.result()
        return [call.exception() or call.result() for call in waiting]


def _gate() -> Any:
    import threading

    @dataclass(frozen=True)
    class Gate:
        entered: threading.Event = field(default_factory=threading.Event)
        opened: threading.Event = field(default_factory=threading.Event)

        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            self.entered.set()
            assert self.opened.wait(10)

    gate = Gate()
    return gate, gate.opened.set


def test_what_is_written_is_synced_whole_and_in_no_other_way(house: House) -> None:
    """Asked of SQLite itself, in its own numbers: whatever the code believes FULL to be, it is 2."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "mmap_size": 0}
    with house.store.writing.connect() as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted


def test_a_command_is_on_disk_with_its_events_when_it_is_answered(house: House, writer: Writer) -> None:
    assert writer.execute_blocking(Open()) == 1
    with house.store.read() as connection:
        [stored] = read_stream(connection, "ticket/1")
        assert (stored.sequence, stored.streamversion, stored.type, stored.personalof) == (1, 1, "ticket.created", "anna")
        assert connection.execute(select(Statuses.table.c.status)).scalars().all() == ["open"]


def test_units_of_one_batch_see_each_other(house: House, writer: Writer) -> None:
    outcomes = together(writer, Open("a"), Open("b"), Open("a"), Move(1, "resolved", expected=1), Move(1, "open", expected=1))
    assert outcomes[:2] == [1, 2]
    assert isinstance(outcomes[2], Conflict)
    assert outcomes[3] == "resolved"
    assert isinstance(outcomes[4], Conflict)
    with house.store.read() as connection:
        assert [(e.subject, e.sequence) for e in read_log(connection, 0, 10)] == [("ticket/1", 1), ("ticket/2", 2), ("ticket/1", 3)]
        assert load_names(connection, ["a", "b"]) == {"a": "1", "b": "2"}


def test_a_constraint_refuses_one_unit_and_the_others_go_through(house: House, writer: Writer) -> None:
    outcomes = together(writer, Open("x"), Blind("x"), Open())
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], IntegrityError)
    assert outcomes[2] == 2
    with house.store.read() as connection:
        assert log_head(connection).sequence == 2


def test_a_unit_with_sql_sees_what_came_before_it_and_leaves_nothing_when_it_fails(house: House, writer: Writer) -> None:
    outcomes = together(writer, Open(), Sql(), Open(), Sql(fail=True))
    assert outcomes[:3] == [1, 1, 2]
    assert isinstance(outcomes[3], Conflict)
    with house.store.read() as connection:
        assert [e.subject for e in read_log(connection, 0, 10)] == ["ticket/1", "ticket/900", "ticket/2"]
        assert load_names(connection, ["undone"]) == {}


def test_two_writers_of_one_store_keep_one_gapless_chain(house: House, writer: Writer) -> None:
    other = house.writer()
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: (writer, other)[n % 2].execute_blocking(Open()), range(60)))
    asyncio.run(other.stop())
    assert sorted(numbers) == list(range(1, 61))
    report = verify_store(house.store.read, source="/tickets", public_keys=[house.signer.public_key], seen={})
    assert (report.ok, report.events) == (True, 60)


def test_a_new_writer_goes_on_where_the_last_one_ended(house: House, writer: Writer) -> None:
    writer.execute_blocking(Open())
    asyncio.run(writer.stop())
    with pytest.raises(Unavailable):
        writer.execute_blocking(Open())
    second = house.writer()
    assert second.execute_blocking(Open()) == 2
    assert second.execute_blocking(Move(1, "resolved")) == "resolved"
    asyncio.run(second.stop())


def test_a_projection_notes_how_far_it_is_so_that_the_next_writer_folds_nothing_twice(house: House, writer: Writer) -> None:
    assert together(writer, Open(), Open(), Open()) == [1, 2, 3]
    asyncio.run(writer.stop())
    with house.store.read() as connection:
        assert connection.execute(select(tables.projections.c.position, tables.projections.c.error)).one() == (3, None)
    second = house.writer()
    assert second.execute_blocking(Open()) == 4
    asyncio.run(second.stop())
    with house.store.read() as connection:
        assert connection.execute(select(tables.projections.c.position, tables.projections.c.error)).one() == (4, None)


def test_events_and_checkpoints_cannot_be_changed_or_deleted(house: House, writer: Writer) -> None:
    writer.execute_blocking(Open())
    for damage in ("DELETE FROM events", "UPDATE events SET type = 'x'", "UPDATE events SET personal = NULL"):
        with pytest.raises(DatabaseError, match="never"), house.store.writing.begin() as connection:
            connection.execute(text(damage))
    with house.store.writing.begin() as connection:
        connection.execute(text("UPDATE events SET personal = NULL, salt = NULL"))  # erasure alone is let through


def test_a_checkpoint_is_signed_when_a_thousand_is_crossed(house: House, writer: Writer) -> None:
    for _ in range(8):
        together(writer, *[Open() for _ in range(30)])

    @dataclass(frozen=True)
    class Bulk:
        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            for n in range(800):
                tx.append(f"ticket/{10_000 + n}", [created(10_000 + n)], ANNA)

    writer.execute_blocking(Bulk())
    with house.store.read() as connection:
        assert connection.execute(select(tables.checkpoints.c.size)).scalars().all() == [1040]
    assert verify_store(house.store.read, source="/tickets", public_keys=[house.signer.public_key], seen={}).ok


def test_a_checkpoint_is_signed_each_minute_with_news_by_however_many_writers(house: House) -> None:
    clock = [NOON]
    environment = replace(real_environment(), now=lambda: clock[0])
    writers = [house.writer(environment=environment) for _ in range(2)]
    for number in range(50):  # every three seconds, by turns, as two processes renew a lease
        writers[number % 2].execute_blocking(Open())
        clock[0] += timedelta(seconds=3)
    with house.store.read() as connection:
        assert connection.execute(select(tables.checkpoints.c.size)).scalars().all() == [21, 41]
    for each in writers:
        asyncio.run(each.stop())


def test_a_checkpoint_is_never_signed_before_what_it_is_over_whatever_the_clock_does(house: House) -> None:
    clock = [NOON]
    writer = house.writer(environment=replace(real_environment(), now=lambda: clock[0]))
    writer.execute_blocking(Open())
    clock[0] -= timedelta(hours=3)
    writer.execute_blocking(Open())
    writer.execute_blocking(Vouch())
    asyncio.run(writer.stop())
    again = house.writer(environment=replace(real_environment(), now=lambda: clock[0]))
    for _ in range(3):  # and the next one is not put off until the clock has come back to where it was
        again.execute_blocking(Open())
        clock[0] += timedelta(minutes=1)
    with house.store.read() as connection:
        signed = connection.execute(select(tables.checkpoints.c.size, tables.checkpoints.c.time)).all()
        recorded = connection.execute(select(func.max(tables.events.c.recordedtime))).scalar_one()
    assert [size for size, _ in signed] == [2, 4, 5]
    assert {time for _, time in signed} == {recorded}
    assert verify_store(house.store.read, source="/tickets", public_keys=[house.signer.public_key], seen={}).ok
    asyncio.run(again.stop())


def test_a_projection_that_raises_stops_alone_and_catches_up_when_it_is_mended(house: House, writer: Writer) -> None:
    house.statuses.broken = True
    assert writer.execute_blocking(Open()) == 1
    assert writer.execute_blocking(Open()) == 2
    assert writer.followers.places["statuses"].error is not None
    asyncio.run(writer.stop())
    house.statuses.broken = False
    second = house.writer()
    with house.store.read() as connection:
        assert connection.execute(select(Statuses.table.c.subject)).scalars().all() == ["ticket/1", "ticket/2"]
    asyncio.run(second.stop())


def test_a_projection_stops_alone_before_an_event_that_cannot_be_read(house: House, writer: Writer) -> None:
    @declared("ticket.created")
    class CreatedInARoom:
        """Of a release that asks old events for a fact that they do not have."""

        requester: str
        room: str

    writer.execute_blocking(Open())
    asyncio.run(writer.stop())
    house.statuses.version = 2  # so that the log is read again
    careless = house.writer(Catalogue([CreatedInARoom]))
    assert careless.execute_blocking(Open()) == 2
    place = careless.followers.places["statuses"]
    assert place.position == 0
    assert (place.error or "").startswith("TypeError")
    asyncio.run(careless.stop())
    mended = house.writer()
    with house.store.read() as connection:
        assert connection.execute(select(Statuses.table.c.subject)).scalars().all() == ["ticket/1", "ticket/2"]
    asyncio.run(mended.stop())


def test_a_projection_far_behind_is_filled_in_steps_and_equals_a_replay(house: House, writer: Writer) -> None:
    @dataclass(frozen=True)
    class Bulk:
        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            for n in range(1, 2 * LARGEST_STEP + 300):
                tx.append(f"ticket/{n}", [created(n)], ANNA)

    house.statuses.broken = True
    writer.execute_blocking(Bulk())
    asyncio.run(writer.stop())
    house.statuses.broken = False
    second = house.writer()
    while second.followers.behind:
        pass
    second.execute_blocking(Move(7, "resolved"))
    asyncio.run(second.stop())
    copy = Store(f"sqlite:///{house.path}.copy")
    rows = select(Statuses.table.c.subject, Statuses.table.c.status).order_by(Statuses.table.c.subject)
    with house.store.read() as live, copy.writing.begin() as other:
        replay(live, LogFeed(CATALOGUE), house.statuses, other)
        assert live.execute(rows).all() == other.execute(rows).all()
        assert live.execute(rows).all()[-1].subject == "ticket/999"
    copy.close()


def test_no_clock_that_is_put_back_puts_an_event_before_another(house: House) -> None:
    clock = [NOON]
    writer = house.writer(environment=replace(real_environment(), now=lambda: clock[0]))
    for at in (NOON, NOON - timedelta(hours=1), NOON + timedelta(seconds=1)):
        clock[0] = at
        writer.execute_blocking(Note(replace(ANNA, at=at)))
    asyncio.run(writer.stop())
    clock[0] = NOON - timedelta(days=1)
    again = house.writer(environment=replace(real_environment(), now=lambda: clock[0]))
    again.execute_blocking(Note(replace(ANNA, at=clock[0])))
    asyncio.run(again.stop())
    with house.store.read() as connection:
        events = read_log(connection, 0, 10)
    expected = [to_text(NOON), to_text(NOON), to_text(NOON + timedelta(seconds=1)), to_text(NOON + timedelta(seconds=1))]
    assert [each.time for each in events] == [each.recordedtime for each in events] == expected


@dataclass(frozen=True)
class Note:
    """Appends to one stream, at the time that the command came with."""

    context: Context

    def reads(self) -> list[Key]:
        return [("stream", "ticket/1")]

    def run(self, tx: Transaction) -> None:
        tx.append("ticket/1", [created(1)], self.context)


def test_what_has_no_canonical_form_is_refused_alone(writer: Writer) -> None:
    @dataclass(frozen=True)
    class Strange:
        status: str
        subject: str = "ticket/5"

        def reads(self) -> list[Key]:
            return []

        def run(self, tx: Transaction) -> None:
            made = TicketCreated(requester="anna", assignee=None, number=1, priority="low", status=self.status)
            tx.append(self.subject, [made], ANNA)

    outcomes = together(writer, Strange("\ud800"), Strange("x" * 600_000), Strange("open", "ticket/a.b"), Strange("open"))
    assert [type(outcome) for outcome in outcomes] == [Invalid, Invalid, Invalid, type(None)]

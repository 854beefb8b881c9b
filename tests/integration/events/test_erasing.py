"""Erasure in a store of its own: what is blanked, what stays, and where it goes on after it was broken off."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, insert, select

from events import rewriting, tables
from events.blanking import AT_ONCE, PARKED, Step, over_journal
from events.contracts import CATALOGUE
from events.contracts.ticket import TicketNoteAdded
from events.contracts.user import UserErased, UserPasswordChanged, UserRegistered
from events.decider import Context, Fold, Key, Transaction
from events.envelope import StoredEvent, from_wire
from events.environment import Environment, real_environment
from events.eraser import Eraser
from events.erasures import (
    ERASURES,
    Erasure,
    PersonErased,
    Tombstones,
    erasure_of,
    figures,
    last_number,
    mark,
    note,
    people,
    under_way,
    unsaid,
    without_personal,
)
from events.errors import Unavailable
from events.handling import Subscription
from events.hints import Wake
from events.intake import Batch
from events.jetstream import Broker
from events.positions import START
from events.recent import Recent
from events.rewriting import rewrite, truncate_log
from events.store import SQLITE, Store
from events.streams import BrokerDown
from events.verify import verify_store
from events.writer import Writer
from tests.support.house import eventually
from tests.support.stores import Append, Shop, record

ENVIRONMENT = real_environment()
BY_POSITION = Table("journal", MetaData(), Column("number", Integer, key="position"), Column("wire", LargeBinary))
"""The journal of the tests, whose places are called numbers."""
T = TypeVar("T")
ANNA = "anna-whose-id-stays"
SECRET = "Zaphod-Quux"


class House(Shop):
    """A shop from which people can be erased; `refills` counts how often its stream was filled again."""

    def __init__(self, path: Path, source: str, environment: Environment) -> None:
        super().__init__(path, source, environment)
        with self.store.writing.begin() as connection:
            ERASURES.create_all(connection, checkfirst=True)
        self.tombstones, self.recent, self.refills, self.broker_is_down = Tombstones(), Recent(), 0, False
        self.writer = self.opened()

    def opened(self) -> Writer:
        """Return another writer of this store, started, as another process has one."""
        tombstones = Tombstones()
        made = Writer(
            self.store,
            source=self.source,
            catalogue=CATALOGUE,
            environment=self.environment,
            folds={"user": Fold(initial=None, evolve=lambda state, fact: getattr(fact.event, "name", state) or "")},
            tombstones=tombstones,
            on_commit=lambda commit: self.recent.add(commit.events),
        )
        made.start()
        self.tombstones = tombstones
        return made

    async def refill(self) -> None:
        if self.broker_is_down:
            raise BrokerDown("The broker is not connected.")
        self.refills += 1

    def eraser(self, *steps: Step, writer: Writer | None = None) -> Eraser:
        wake = Wake(Broker(self.environment), "auth", "here")
        return Eraser(
            writer=writer or self.writer,
            store=self.store,
            wake=wake,
            stream=self,
            recent=self.recent,
            environment=self.environment,
            steps=steps,
        )

    def erasing(self, person: str = ANNA) -> None:
        self.writer.execute_blocking(Erasing(person, self.context()))

    def how_far(self, person: str = ANNA) -> Erasure:
        with self.store.read() as connection:
            found = erasure_of(connection, person)
        assert found is not None
        return found

    def holding(self, person: str = ANNA) -> list[int]:
        """Return the sequences of the events that still hold something personal of somebody."""
        return [event.sequence for event in self.log() if event.personalof == person and event.personal is not None]

    def store_read(self, function: Callable[[Connection], T]) -> T:
        with self.store.read() as connection:
            return function(connection)

    def bytes_on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.path.parent.glob(f"{self.path.name}*")))


@dataclass(frozen=True)
class Erasing:
    """Says that somebody is erased, as auth's command does."""

    person: str
    context: Context

    def reads(self) -> list[Key]:
        return [("stream", f"user/{self.person}")]

    def run(self, tx: Transaction) -> None:
        tx.append(f"user/{self.person}", [UserErased()], self.context)
        note(tx, self.person)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path / "auth.sqlite3", "/auth", ENVIRONMENT)
    yield made
    await made.close()


def register(house: House, person: str = ANNA, count: int = 1) -> None:
    house.append(f"user/{person}", *[UserRegistered(role="user", can_sign_in=True, name=f"{SECRET} {n}", email=None) for n in range(count)])


def stored_without(events: Sequence[StoredEvent], person: str) -> list[StoredEvent]:
    return [without_personal(event) if event.personalof == person else event for event in events]


async def test_the_log_keeps_everything_but_the_personal_parts_of_that_person(house: House) -> None:
    register(house, count=3)
    register(house, "ben")
    house.append(f"user/{ANNA}", UserPasswordChanged())
    house.erasing()
    before = house.log()
    assert await house.eraser().erase_all() == 1
    assert house.log() == stored_without(before, ANNA)
    assert house.holding("ben") != []
    assert house.how_far().done_at is not None
    assert dict(house.how_far().blanked) == {"events": 3}
    report = verify_store(house.store.read, source="/auth", public_keys=[], seen={})
    assert (report.ok, report.events) == (True, len(before))
    assert all(from_wire(event.wire()) == event for event in house.log())


async def test_it_is_done_once(house: House) -> None:
    register(house)
    house.erasing()
    eraser = house.eraser()
    assert await eraser.erase_all() == 1
    assert await eraser.erase_all() == 0
    house.erasing()
    assert await eraser.erase_all() == 0
    assert house.refills == 1


async def test_where_nothing_was_the_stream_is_left_alone(house: House) -> None:
    register(house, "ben")
    house.erasing()
    assert await house.eraser().erase_all() == 1
    assert house.refills == 0


async def test_a_log_of_many_stretches_is_walked_to_its_end(house: House) -> None:
    for _ in range(6):
        register(house, "ben", 500)
        register(house, count=AT_ONCE + 3)
    house.erasing()
    await house.eraser().erase_all()
    assert house.holding() == []
    assert len(house.holding("ben")) == 3_000
    assert house.how_far().blanked["events"] == 6 * (AT_ONCE + 3)


class Stopped(Exception):
    """The process died."""


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
async def test_whoever_dies_in_between_goes_on_where_it_was(house: House, after: int) -> None:
    """The writer of the first one is gone after so many transactions; another process finds what is left."""
    register(house, count=3 * AT_ONCE)
    house.erasing()

    class Dying:
        left = after
        between_batches = house.writer.between_batches

        async def execute(self, unit: Any) -> Any:
            if self.left == 0:
                raise Stopped
            self.left -= 1
            return await house.writer.execute(unit)

    dying: Any = Dying()
    with pytest.raises(Stopped):
        await house.eraser(writer=dying).erase_all()
    assert [erasure.person for erasure in house.store_read(under_way)] == [ANNA]
    assert await house.eraser(writer=house.opened()).erase_all() == 1
    assert house.holding() == []
    assert house.how_far().blanked["events"] == 3 * AT_ONCE
    assert house.refills == 1


async def test_without_the_broker_all_else_is_done_and_the_stream_follows(house: House) -> None:
    register(house)
    house.erasing()
    house.broker_is_down = True
    with pytest.raises(BrokerDown):
        await house.eraser().erase_all()
    assert house.holding() == []
    assert SECRET.encode() not in house.bytes_on_disk()
    assert (house.how_far().step, house.how_far().done_at) == ("stream", None)
    house.broker_is_down = False
    assert await house.eraser().erase_all() == 1
    assert house.refills == 1


async def test_its_task_says_what_keeps_it_and_goes_on(house: House) -> None:
    register(house)
    house.erasing()
    house.broker_is_down = True
    eraser = house.eraser()
    running = asyncio.create_task(eraser.run())
    try:
        await eventually(lambda: eraser.trouble == "The broker is not connected.", 30)
        house.broker_is_down = False
        await eventually(lambda: house.how_far().done_at is not None, 30)
        await eventually(lambda: eraser.trouble is None, 30)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_nothing_personal_of_them_is_stored_from_then_on_by_any_process(house: House) -> None:
    register(house)
    other = house.opened()
    house.erasing()
    late = [UserRegistered(role="user", can_sign_in=True, name=SECRET)]
    for writer in (house.writer, other):
        with pytest.raises(PersonErased):
            writer.execute_blocking(Append(f"user/{ANNA}", late, house.context()))
        note_ = TicketNoteAdded(requester=ANNA, assignee=None, note="n1", body=SECRET)
        with pytest.raises(PersonErased):
            writer.execute_blocking(Append("ticket/1", [note_], house.context()))
        writer.execute_blocking(Append("ticket/1", [replace(note_, body=None)], house.context()))
        writer.execute_blocking(Append("user/ben", late, house.context()))
    await other.stop()
    assert [event.type for event in house.log() if event.subject == "ticket/1"] == ["ticket.note_added"] * 2


async def test_a_refused_event_leaves_the_rest_of_its_batch(house: House) -> None:
    house.erasing()
    refused = house.writer.submit(Append(f"user/{ANNA}", [UserRegistered(role="user", can_sign_in=True, name=SECRET)], house.context()))
    taken = house.writer.submit(Append("user/ben", [UserPasswordChanged()], house.context()))
    assert isinstance(refused.exception(), PersonErased)
    assert taken.exception() is None


async def test_the_writer_forgets_what_it_knew_of_them(house: House) -> None:
    @dataclass(frozen=True)
    class Name:
        def reads(self) -> list[Key]:
            return [("stream", f"user/{ANNA}")]

        def run(self, tx: Transaction) -> Any:
            return tx.stream(f"user/{ANNA}").state

    register(house)
    house.append(f"user/{ANNA}", UserPasswordChanged())
    assert house.writer.execute_blocking(Name()).startswith(SECRET)
    house.erasing()
    await house.eraser().erase_all()
    assert house.writer.execute_blocking(Name()) == ""
    assert house.recent.after(0, 10) == []


async def test_what_an_old_stream_still_brings_is_written_down_without_it(house: House, tmp_path: Path) -> None:
    """The owner's stream is older than its log: the event comes with its personal part after the erasure was heard of."""
    desk = House(tmp_path / "tickets.sqlite3", "/tickets", ENVIRONMENT)
    try:
        register(house)
        house.erasing()
        old = house.log()
        subscription = Subscription(source="/auth")

        def consumed(events: list[StoredEvent]) -> None:
            batch = Batch(
                subscription=subscription,
                catalogue=CATALOGUE,
                record=record,
                position=START,
                events=events,
                tombstones=desk.tombstones,
            )
            desk.writer.execute_blocking(batch)

        desk.erasing()
        consumed(old)
        written = [from_wire(wire) for wire in desk.journalled()]
        assert [event.personal for event in written] == [None, None]
        assert [event.hash for event in written] == [event.hash for event in old]
    finally:
        await desk.close()


async def test_who_hears_of_it_last_of_all_blanks_what_came_before(house: House, tmp_path: Path) -> None:
    desk = House(tmp_path / "tickets.sqlite3", "/tickets", ENVIRONMENT)
    try:
        register(house, count=AT_ONCE + 1)
        register(house, "ben")
        house.erasing()
        batch = Batch(
            subscription=Subscription(source="/auth"),
            catalogue=CATALOGUE,
            record=record,
            position=START,
            events=house.log(),
            condemned={1: "It was refused."},
            tombstones=desk.tombstones,
        )
        desk.writer.execute_blocking(batch)
        assert any(SECRET.encode() in wire for wire in desk.journalled())
        assert await desk.eraser(over_journal(BY_POSITION)).erase_all() == 1
        held = [event for event in map(from_wire, desk.journalled()) if event.personal is not None]
        assert {event.personalof for event in held} == {"ben"}
        assert dict(desk.how_far().blanked) == {"events": 0, "journal": AT_ONCE + 1}
    finally:
        await desk.close()


async def test_what_is_set_aside_loses_its_personal_part_too(house: House) -> None:
    register(house)
    [event] = house.log()
    with house.store.writing.begin() as connection:
        row = {"source": "/auth", "sequence": 1, "subject": event.subject, "type": event.type, "wire": event.wire()}
        parked = {"tries": 8, "next_at": None, "error": "RuntimeError", "parked_at": event.time}
        connection.execute(insert(tables.parked), row | parked)
    house.erasing()
    await house.eraser(PARKED).erase_all()
    wire = house.store_read(lambda connection: connection.scalar(select(tables.parked.c.wire)))
    assert wire is not None
    assert from_wire(bytes(wire)) == without_personal(event)
    assert house.how_far().blanked["parked"] == 1


# -- the files ------------------------------------------------------------------------------------------------------------------------


async def test_the_file_has_no_byte_of_them_and_all_of_everybody_else(house: House) -> None:
    for number in range(40):
        register(house, count=20)
        register(house, f"ben-{number}", 20)
    house.erasing()
    assert SECRET.encode() in house.bytes_on_disk()
    others = len([event for event in house.log() if event.personal is not None and event.personalof != ANNA])
    await house.eraser().erase_all()
    assert others == 800
    left = [event for event in house.log() if event.personal is not None]
    assert len(left) == others
    hers = [f'"name":"{SECRET} {number}"'.encode() for number in range(20)]
    assert house.bytes_on_disk().count(hers[0]) == len([event for event in left if event.personal == b"{" + hers[0] + b"}"])
    assert house.bytes_on_disk().count(hers[19]) == 40


async def test_a_file_is_not_written_anew_over_what_another_process_wrote_meanwhile(house: House, tmp_path: Path) -> None:
    register(house, count=50)
    other = House(house.path, "/auth", ENVIRONMENT)
    draft = tmp_path / "draft"

    def too_late() -> None:
        with rewriting._driver(house.store) as live:
            rewriting._copy(house.store, draft)
            other.append("user/ben", UserPasswordChanged())
            rewriting._bring_back(draft, live, house.store)

    with pytest.raises(rewriting._Moved):
        await asyncio.wrap_future(house.writer.between_batches(too_late))
    assert house.log()[-1].subject == "user/ben"
    assert await asyncio.wrap_future(house.writer.between_batches(lambda: rewrite(house.store)))
    assert house.log()[-1].subject == "user/ben"
    assert list(house.path.parent.glob("*.anew")) == []
    other.append("user/ben", UserPasswordChanged())
    register(house)
    assert [event.sequence for event in house.log()] == list(range(1, 54))
    await other.close()


async def test_where_others_never_rest_it_is_done_under_the_lock(house: House) -> None:
    register(house, count=50)
    house.erasing()
    await house.eraser().erase_all()
    register(house, "ben")
    before = house.log()
    assert await asyncio.wrap_future(house.writer.between_batches(lambda: rewrite(house.store, insist=True)))
    assert house.log() == before


async def test_under_the_lock_nobody_writes_while_the_copy_is_made(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    register(house, count=50)
    copy, refused = rewriting._copy, []

    def copy_and_try_to_write(store: Store, draft: Path) -> None:
        copy(store, draft)
        with closing(SQLITE.connect(house.path, timeout=0)) as other, pytest.raises(SQLITE.OperationalError, match="locked"):
            other.execute("UPDATE head SET batch = batch + 1")
        refused.append(draft)

    monkeypatch.setattr(rewriting, "_copy", copy_and_try_to_write)
    assert await asyncio.wrap_future(house.writer.between_batches(lambda: rewrite(house.store, insist=True)))
    assert len(refused) == 1
    register(house, "ben")
    assert house.log()[-1].subject == "user/ben"


async def test_the_write_ahead_log_is_cut_off_as_soon_as_nobody_reads_what_is_in_it(house: House) -> None:
    register(house, count=50)
    with house.store.read() as connection:
        connection.execute(select(tables.head)).all()
        register(house)
        assert not await asyncio.wrap_future(house.writer.between_batches(lambda: truncate_log(house.store)))
    assert await asyncio.wrap_future(house.writer.between_batches(lambda: truncate_log(house.store)))
    [log] = house.path.parent.glob("*-wal")
    assert log.stat().st_size == 0


async def test_readers_go_on_while_a_file_is_written_anew(house: House) -> None:
    register(house, count=200)
    with house.store.read() as connection:
        before = connection.execute(select(tables.events.c.sequence)).all()
        assert await asyncio.wrap_future(house.writer.between_batches(lambda: rewrite(house.store)))
        assert connection.execute(select(tables.events.c.sequence)).all() == before
    with closing(SQLITE.connect(house.path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("PRAGMA freelist_count").fetchone() == (0,)


async def test_what_fails_between_two_batches_is_told_to_whom_it_concerns_alone(house: House) -> None:
    def broken() -> None:
        raise OSError("No room.")

    with pytest.raises(OSError, match="No room"):
        await asyncio.wrap_future(house.writer.between_batches(broken))
    register(house)
    await house.writer.stop()
    with pytest.raises(Unavailable):
        house.writer.between_batches(broken)


# -- a restore ------------------------------------------------------------------------------------------------------------------------


def test_a_tombstone_alone_excuses_nothing_in_the_log_that_has_the_account(tmp_path: Path) -> None:
    house = House(tmp_path / "auth.sqlite3", "/auth", ENVIRONMENT)
    try:
        register(house)
        with house.store.writing.begin() as connection:
            mark(connection, [ANNA, "elsewhere"], ENVIRONMENT.now())
            mark(connection, [ANNA], ENVIRONMENT.now())
        assert house.store_read(people) == ["elsewhere"]
        assert house.store_read(unsaid) == [ANNA]
        assert house.store_read(last_number) == 2
        assert house.store_read(lambda connection: figures(connection, ENVIRONMENT.now()))["erasures"] == 2.0
        house.append(f"user/{ANNA}", UserErased())
        assert house.store_read(people) == [ANNA, "elsewhere"]
        assert house.store_read(unsaid) == []
    finally:
        asyncio.run(house.close())

"""The consumer against a real server and real stores: each event once and in order, whatever breaks on the way."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DatabaseError, OperationalError

from events.catalogue import event
from events.consumer import Consumer, Forked, OwnersFeed
from events.contracts.user import UserDeactivated, UserPasswordChanged, UserRegistered
from events.decider import Transaction
from events.envelope import from_wire
from events.environment import real_environment
from events.errors import Conflict, NotFound, Unavailable
from events.handling import Subscription
from events.hints import Wake
from events.jetstream import Broker
from events.parking import TRIES, retry_delay
from events.projections import Recorded
from events.relay import Relay
from events.retrying import Parking
from events.streams import Delivery, DurableFetch, stream_name
from tests.support.brokers import until
from tests.support.nats import NatsServer
from tests.support.stores import (
    HandlesOne,
    Shop,
    backup,
    each,
    handle,
    handle_once_per_subject,
    handle_once_per_subject_late,
    handled,
    record,
    restore,
)

ENVIRONMENT = real_environment()
STREAM = stream_name("/auth")
REGISTERED = UserRegistered(role="user", can_sign_in=True, name="Anna Arendt")
ALL = {"user.registered": handle, "user.password_changed": handle, "user.deactivated": handle}


@event("user.became_a_bird")
class BecameABird:
    """Of a catalogue that is newer than ours."""


@event("user.password_changed", version=2)
class PasswordChangedInAWayYetUnknown:
    """Of a catalogue that is newer than ours."""


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "auth.sqlite3", "/auth", ENVIRONMENT)
    yield shop
    await shop.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "tickets.sqlite3", "/tickets", ENVIRONMENT)
    yield shop
    await shop.close()


@asynccontextmanager
async def relaying(owner: Shop, broker: Broker) -> AsyncIterator[Relay]:
    """Run the owner's relay."""
    wake = Wake(broker, "auth", "here")
    await wake.start()
    relay = Relay(store=owner.store, source="/auth", stream=broker.log(STREAM), wake=wake, environment=ENVIRONMENT)
    broker.on_reconnect.insert(0, relay.doubt)
    owner.on_commit = wake.notify
    async with at_work(relay.run()):
        yield relay


@asynccontextmanager
async def at_work(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def consumer_of(desk: Shop, broker: Broker, feed: OwnersFeed, handlers: Mapping[str, HandlesOne] = ALL) -> Consumer:
    return Consumer(
        writer=desk.writer,
        store=desk.store,
        subscription=Subscription(source="/auth", handlers=each(handlers)),
        durable=broker.durable(STREAM, "tickets"),
        feed=feed,
        environment=ENVIRONMENT,
        record=record,
    )


async def settled(consumer: Consumer, owner: Shop, within: float = 10) -> bool:
    async def look() -> bool:
        return consumer.position == len(owner.log())

    return await until(look, within)


class Feed:
    """The owner's feed, which can be closed, and counts who came."""

    def __init__(self, owner: Shop) -> None:
        self.owner, self.open, self.asked = owner, True, list[int]()

    async def __call__(self, source: str, after: int, limit: int) -> list[bytes]:
        self.asked.append(after)
        if not self.open:
            raise ConnectionRefusedError("on purpose")
        return await self.owner.feed(source, after, limit)


async def test_every_event_is_handled_once_in_order_and_written_down_before(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    consumer = consumer_of(desk, tickets, owner.feed)
    async with relaying(owner, auth), at_work(consumer.run()):
        for number in range(60):
            owner.append(f"user/{number % 7}", *[REGISTERED] * (1 + number % 5))
        owner.append("user/1", UserPasswordChanged())
        assert await settled(consumer, owner)
    assert desk.handled() == list(range(1, len(owner.log()) + 1))
    assert desk.journalled() == owner.wires()


async def test_what_arrives_while_nobody_commits_comes_by_the_broker_and_not_by_the_feed(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker
) -> None:
    feed = Feed(owner)
    consumer = consumer_of(desk, tickets, feed)
    async with relaying(owner, auth) as relay, at_work(consumer.run()):
        owner.append("user/anna", REGISTERED)
        assert await settled(consumer, owner)
        assert relay.alarm is None
        assert await until(bound(tickets))
        asked = len(feed.asked)
        for _ in range(20):
            owner.append("user/anna", UserPasswordChanged())
            assert await settled(consumer, owner)
        assert len(feed.asked) == asked


def bound(broker: Broker) -> Callable[[], Awaitable[bool]]:
    """Return a question to the broker: does the consumer wait for messages?"""

    async def ask() -> bool:
        info = await broker.api(f"CONSUMER.INFO.{STREAM}.tickets")
        return bool(info.get("num_waiting"))

    return ask


class Watched:
    """A durable consumer that notes, at each acknowledgement, what it is for and what is on disk by then."""

    def __init__(self, durable: DurableFetch, desk: Shop) -> None:
        self.acknowledged: list[tuple[int, int]] = []
        self._durable, self._desk = durable, desk

    async def ensure(self) -> bool:
        return await self._durable.ensure()

    async def fetch(self, limit: int, timeout: float) -> list[Delivery]:  # noqa: ASYNC109 -- the protocol's
        return await self._durable.fetch(limit, timeout)

    async def ack(self, delivery: Delivery) -> None:
        self.acknowledged.append((from_wire(delivery.wire).sequence, max(self._desk.handled(), default=0)))
        await self._durable.ack(delivery)


async def test_nothing_is_acknowledged_to_the_broker_before_it_is_on_disk(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    consumer = consumer_of(desk, tickets, owner.feed)
    consumer._durable = watched = Watched(tickets.durable(STREAM, "tickets"), desk)
    async with relaying(owner, auth), at_work(consumer.run()):
        owner.append("user/anna", REGISTERED)
        assert await settled(consumer, owner)
        assert await until(bound(tickets))
        for _ in range(5):
            owner.append("user/anna", *[UserPasswordChanged()] * 3)
            assert await settled(consumer, owner)
        assert await until(true_of(lambda: (16, 16) in watched.acknowledged))
    assert all(acknowledged <= there for acknowledged, there in watched.acknowledged), watched.acknowledged


async def test_a_new_service_reads_the_whole_history_that_the_stream_no_longer_has(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker
) -> None:
    owner.append("user/anna", *[REGISTERED] * 450)
    consumer = consumer_of(desk, tickets, owner.feed)
    async with relaying(owner, auth):
        await auth.log(STREAM).ensure(0)
        async with at_work(consumer.run()):
            assert await settled(consumer, owner)
    assert desk.handled() == list(range(1, 451))


async def test_a_hole_in_what_the_broker_brings_is_fetched_from_the_owner(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    feed = Feed(owner)
    consumer = consumer_of(desk, tickets, feed)
    log = auth.log(STREAM)
    await log.ensure(5)
    owner.append("user/anna", REGISTERED)
    async with at_work(consumer.run()):
        assert await settled(consumer, owner)
        assert await until(bound(tickets))
        feed.asked.clear()
        owner.append("user/anna", *[UserPasswordChanged()] * 5)
        await log.publish(owner.log()[5:])  # the broker has not the four before it
        assert await settled(consumer, owner)
        assert 1 in feed.asked
    assert desk.handled() == [1, 2, 3, 4, 5, 6]


async def test_a_hole_waits_for_an_owner_who_is_away(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    feed = Feed(owner)
    consumer = consumer_of(desk, tickets, feed)
    log = auth.log(STREAM)
    await log.ensure(4)
    owner.append("user/anna", *[REGISTERED] * 3)
    async with at_work(consumer.run()):
        assert await settled(consumer, owner)
        assert await until(bound(tickets))
        feed.open = False
        owner.append("user/anna", *[UserPasswordChanged()] * 2)
        await log.publish(owner.log()[4:])
        assert await until(true_of(lambda: bool(consumer.troubles)))
        assert desk.handled() == [1, 2, 3]
        feed.open = True
        assert await settled(consumer, owner)
        assert await until(true_of(lambda: not consumer.troubles))
    assert desk.handled() == [1, 2, 3, 4, 5]


def true_of(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return condition()

    return ask


async def test_what_the_broker_has_is_handled_while_the_owner_is_away(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    feed = Feed(owner)
    feed.open = False
    durable = tickets.durable(STREAM, "tickets")
    log = auth.log(STREAM)
    await log.ensure(0)
    await durable.ensure()  # it had consumed before
    owner.append("user/anna", *[REGISTERED] * 3)
    await log.publish(owner.log())
    consumer = consumer_of(desk, tickets, feed)
    async with at_work(consumer.run()):
        assert await settled(consumer, owner)
    assert desk.handled() == [1, 2, 3]


async def test_a_broker_that_is_killed_wiped_and_started_again_tells_nobody_twice(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker, server: NatsServer
) -> None:
    feed = Feed(owner)
    consumer = consumer_of(desk, tickets, feed)
    async with relaying(owner, auth), at_work(consumer.run()):
        owner.append("user/anna", *[REGISTERED] * 150)
        assert await settled(consumer, owner)
        server.kill()
        server.wipe()
        owner.append("user/anna", *[UserPasswordChanged()] * 10)
        server.start()
        assert await settled(consumer, owner, within=5)
        assert await until(true_of(lambda: auth.connected and tickets.connected), 5)
        assert await until(bound(tickets), 5)
        asked = len(feed.asked)
        owner.append("user/anna", UserPasswordChanged())
        assert await settled(consumer, owner)
        assert len(feed.asked) == asked
    assert desk.handled() == list(range(1, 162))
    assert desk.journalled() == owner.wires()


async def test_while_the_broker_is_down_the_feed_brings_everything(owner: Shop, desk: Shop, tickets: Broker, server: NatsServer) -> None:
    consumer = consumer_of(desk, tickets, owner.feed)
    server.kill()
    async with at_work(consumer.run()):
        owner.append("user/anna", REGISTERED)
        assert await settled(consumer, owner)
        owner.append("user/anna", UserPasswordChanged())
        assert await settled(consumer, owner)
    assert desk.handled() == [1, 2]


async def test_a_stream_that_is_filled_again_tells_nobody_twice_and_is_no_trouble(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="events.consumer")
    consumer = consumer_of(desk, tickets, owner.feed)
    async with relaying(owner, auth) as relay, at_work(consumer.run()):
        for _ in range(5):
            owner.append("user/anna", *[REGISTERED] * 30)
            await relay.refill()  # as an erasure does
        assert await settled(consumer, owner)
    assert desk.handled() == list(range(1, 151))
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not [said for said in warned if "no place for" in said or "There is no stream" in said]


async def test_a_stream_that_stays_away_is_told_once_though_the_feed_brings_everything(
    owner: Shop, desk: Shop, tickets: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """At first it may be that it is being made anew; after half a minute it is not."""
    caplog.set_level(logging.INFO, logger="events.consumer")
    late = timedelta()
    consumer = consumer_of(desk, tickets, owner.feed)
    consumer._environment = replace(ENVIRONMENT, now=lambda: ENVIRONMENT.now() + late)
    async with at_work(consumer.run()):
        owner.append("user/anna", REGISTERED)
        assert await settled(consumer, owner)
        assert consumer.troubles == {}
        late = timedelta(minutes=1)
        assert await until(true_of(lambda: "broker" in consumer.troubles))
        owner.append("user/anna", UserPasswordChanged())
        assert await settled(consumer, owner)
        late = timedelta(minutes=3)
        owner.append("user/anna", UserDeactivated(before={"active": True}, after={"active": False}))
        assert await settled(consumer, owner)
    levels = [record.levelname for record in caplog.records if record.name == "events.consumer"]
    assert levels == ["INFO", "WARNING"], caplog.text


async def test_two_processes_of_a_service_handle_nothing_twice(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    consumers = [consumer_of(desk, tickets, owner.feed) for _ in range(2)]
    async with relaying(owner, auth), at_work(*(consumer.run() for consumer in consumers)):
        for number in range(40):
            owner.append(f"user/{number}", *[REGISTERED] * 5)
        assert await settled(consumers[0], owner)
        assert await settled(consumers[1], owner)
    assert desk.handled() == list(range(1, 201))


# what cannot be handled


def refuses(*sequences: int) -> HandlesOne:
    """Return a handler that fails on these events, after it has written."""

    def handler(tx: Transaction, recorded: Recorded) -> None:
        handle(tx, recorded)
        if recorded.stored.sequence in refused:
            raise KeyError("Anna Arendt")

    refused = set(sequences)
    return handler


@asynccontextmanager
async def consumed(owner: Shop, desk: Shop, broker: Broker, handlers: Mapping[str, HandlesOne]) -> AsyncIterator[Consumer]:
    """Run a consumer that has read the owner's feed to its end."""
    consumer = consumer_of(desk, broker, owner.feed, handlers)
    async with at_work(consumer.run()):
        assert await settled(consumer, owner)
        yield consumer


async def test_an_event_that_cannot_be_handled_is_set_aside_and_only_its_subject_waits(owner: Shop, desk: Shop, tickets: Broker) -> None:
    for person in ("anna", "ben", "anna", "ben", "anna"):
        owner.append(f"user/{person}", REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": refuses(3)}):
        assert desk.handled() == [1, 2, 4]
        first, behind = desk.parked()
        assert (first.sequence, first.subject, first.type, first.tries) == (3, "user/anna", "user.registered", 0)
        assert first.next_at is not None
        assert first.error.startswith("KeyError at events/test_consumer.py:")  # and not what was in it
        assert (behind.sequence, behind.next_at) == (5, None)
        owner.append("user/anna", REGISTERED)
        owner.append("user/ben", REGISTERED)
        assert await until(true_of(lambda: desk.handled() == [1, 2, 4, 7]))
        assert [event.sequence for event in desk.parked()] == [3, 5, 6]
    assert desk.journalled() == owner.wires()


async def test_events_of_types_that_nobody_handles_are_passed_over_and_written_down(owner: Shop, desk: Shop, tickets: Broker) -> None:
    owner.append("user/anna", BecameABird(), REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": handle}):
        assert desk.handled() == [2]
    assert desk.parked() == []
    assert desk.journalled() == owner.wires()


async def test_an_event_of_an_unknown_version_waits(owner: Shop, desk: Shop, tickets: Broker) -> None:
    owner.append("user/anna", PasswordChangedInAWayYetUnknown())
    async with consumed(owner, desk, tickets, ALL):
        (waiting,) = desk.parked()
        assert waiting.error.startswith("UnknownVersion")


async def test_an_event_that_a_handler_refuses_by_name_waits(owner: Shop, desk: Shop, tickets: Broker) -> None:
    def handler(_tx: Transaction, _recorded: Recorded) -> None:
        raise Conflict("This cannot be.", code="cannot-be")

    owner.append("user/anna", REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": handler}):
        (waiting,) = desk.parked()
        assert waiting.error.startswith("Conflict (cannot-be) at events/test_consumer.py:")


@pytest.mark.parametrize("late", [False, True], ids=["at once", "at the commit"])
async def test_an_event_that_a_constraint_refuses_waits_alone(owner: Shop, desk: Shop, tickets: Broker, late: bool) -> None:
    for person in ("anna", "ben", "anna", "cleo", "anna"):
        owner.append(f"user/{person}", REGISTERED)
    handler = handle_once_per_subject_late if late else handle_once_per_subject
    async with consumed(owner, desk, tickets, {"user.registered": handler}):
        assert desk.handled() == [1, 2, 4]
        assert [event.sequence for event in desk.parked()] == [3, 5]
        assert desk.parked()[0].error.startswith("IntegrityError")
    assert desk.journalled() == owner.wires()


async def test_an_event_whose_handler_binds_what_no_driver_knows_waits(owner: Shop, desk: Shop, tickets: Broker) -> None:
    def handler(tx: Transaction, recorded: Recorded) -> None:
        tx.connection.execute(insert(handled), {"source": [recorded.stored.source], "sequence": recorded.stored.sequence})

    owner.append("user/anna", REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": handler}):
        assert [event.sequence for event in desk.parked()] == [1]


def damaged() -> Exception:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@pytest.mark.parametrize(
    "trouble",
    [OperationalError("", {}, Exception("database is locked")), Unavailable("not now"), DatabaseError("", {}, damaged())],
    ids=["a lock", "something that passes", "a damaged file"],
)
async def test_what_is_the_stores_fault_parks_nothing(owner: Shop, desk: Shop, tickets: Broker, trouble: Exception) -> None:
    troubles = [trouble] * 3

    def handler(tx: Transaction, recorded: Recorded) -> None:
        handle(tx, recorded)
        if recorded.stored.sequence == 2 and troubles:
            raise troubles.pop()

    owner.append("user/anna", *[REGISTERED] * 3)
    async with consumed(owner, desk, tickets, {"user.registered": handler}):
        assert desk.handled() == [1, 2, 3]
        assert desk.parked() == []
    assert troubles == []


async def test_one_that_cannot_be_tried_now_keeps_no_other_from_being_tried(owner: Shop, desk: Shop, tickets: Broker) -> None:
    def broken(_tx: Transaction, _recorded: Recorded) -> None:
        raise ValueError

    owner.append("user/anna", REGISTERED)
    owner.append("user/ben", REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": broken}):
        assert [event.sequence for event in desk.parked()] == [1, 2]

    def handler(tx: Transaction, recorded: Recorded) -> None:
        if recorded.stored.sequence == 1:
            raise Unavailable("not now")
        handle(tx, recorded)

    with pytest.raises(Unavailable):
        await parking_of(desk, {"user.registered": handler}, hours_later=1).step()
    assert desk.handled() == [2]
    assert [event.sequence for event in desk.parked()] == [1]


def parking_of(desk: Shop, handlers: Mapping[str, HandlesOne], hours_later: int = 0) -> Parking:
    later = replace(ENVIRONMENT, now=lambda: ENVIRONMENT.now() + timedelta(hours=hours_later))
    return Parking(
        writer=desk.writer,
        store=desk.store,
        source="/tickets",
        subscriptions=[Subscription(source="/auth", handlers=each(handlers))],
        environment=later,
    )


async def set_aside(owner: Shop, desk: Shop, tickets: Broker, people: Sequence[str], refused: int) -> None:
    for person in people:
        owner.append(f"user/{person}", REGISTERED)
    async with consumed(owner, desk, tickets, {"user.registered": refuses(refused)}):
        pass


async def test_a_parked_event_is_tried_again_and_those_behind_it_follow_in_order(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "ben", "anna", "anna"], refused=1)
    assert desk.handled() == [2]
    await parking_of(desk, ALL).step()
    assert desk.handled() == [2]  # it is not due yet
    await parking_of(desk, ALL, hours_later=1).step()
    assert desk.handled() == [2, 1, 3, 4]
    assert desk.parked() == []


async def test_the_first_of_those_behind_that_fails_stays_with_the_rest(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna"] * 4, refused=1)
    await parking_of(desk, {"user.registered": refuses(3)}, hours_later=1).step()
    assert desk.handled() == [1, 2]
    third, fourth = desk.parked()
    assert (third.tries, third.next_at is not None, fourth.next_at) == (0, True, None)
    await parking_of(desk, ALL, hours_later=2).step()
    assert desk.handled() == [1, 2, 3, 4]


async def test_after_eight_tries_an_event_waits_for_an_operator(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "anna"], refused=1)
    for tries in range(1, TRIES + 1):
        await parking_of(desk, {"user.registered": refuses(1)}, hours_later=tries).step()
        assert desk.parked()[0].tries == tries
    assert desk.parked()[0].next_at is None
    await parking_of(desk, ALL, hours_later=1000).step()
    assert [event.sequence for event in desk.parked()] == [1, 2]


@pytest.mark.parametrize("asked", [False, True], ids=["by itself", "by an operator"])
async def test_what_passes_by_itself_is_no_try(owner: Shop, desk: Shop, tickets: Broker, asked: bool) -> None:
    def away(_tx: Transaction, _recorded: Recorded) -> None:
        raise Unavailable("The owner cannot be reached.")

    await set_aside(owner, desk, tickets, ["anna"], refused=1)
    before = desk.parked()
    parking = parking_of(desk, {"user.registered": away}, hours_later=1)
    with pytest.raises(Unavailable):
        await (parking.retry("/auth", 1, desk.context()) if asked else parking.step())
    assert desk.parked() == before
    assert desk.log() == []


def test_the_tries_grow_rarer() -> None:
    waits = [retry_delay(tries).total_seconds() for tries in range(TRIES)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640]


async def test_an_operator_retries_and_it_is_on_record(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "anna"], refused=1)
    assert not await parking_of(desk, {"user.registered": refuses(1)}).retry("/auth", 1, desk.context())
    assert desk.parked()[0].tries == 1
    assert await parking_of(desk, ALL).retry("/auth", 1, desk.context())
    assert desk.handled() == [1, 2]
    assert [(event.type, event.subject) for event in desk.log()] == [("event.retried", "store/tickets")] * 2


async def test_an_operator_gives_an_event_up_and_those_behind_it_follow(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "anna", "anna"], refused=1)
    await parking_of(desk, ALL).skip("/auth", 1, desk.context())
    assert desk.handled() == [2, 3]
    assert desk.parked() == []
    (skipped,) = desk.log()
    assert (skipped.type, skipped.subject) == ("event.skipped", "store/tickets")


async def test_only_the_first_of_a_subject_can_be_retried_or_skipped(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "anna"], refused=1)
    parking = parking_of(desk, ALL)
    with pytest.raises(Conflict):
        await parking.retry("/auth", 2, desk.context())
    with pytest.raises(Conflict):
        await parking.skip("/auth", 2, desk.context())
    with pytest.raises(NotFound):
        await parking.retry("/auth", 3, desk.context())
    with pytest.raises(NotFound):
        await parking.skip("/escalator", 1, desk.context())
    assert desk.log() == []


async def test_a_retry_that_a_constraint_refuses_at_the_commit_counts_as_a_try(owner: Shop, desk: Shop, tickets: Broker) -> None:
    await set_aside(owner, desk, tickets, ["anna", "anna"], refused=1)
    late = {"user.registered": handle_once_per_subject_late}
    await parking_of(desk, late, hours_later=1).step()
    assert desk.handled() == [1]  # the second of the same subject is refused when it follows; it is tried alone
    (second,) = desk.parked()
    assert (second.sequence, second.tries) == (2, 0)
    await parking_of(desk, late, hours_later=2).step()
    assert desk.parked()[0].tries == 1
    assert desk.handled() == [1]


# histories that fork


@pytest.mark.parametrize("since", [0, 1, 2, 5])
async def test_whoever_handled_what_a_restore_cut_off_stops_and_says_so(
    owner: Shop, desk: Shop, tickets: Broker, tmp_path: Path, since: int
) -> None:
    """However little was appended since: the restored history is shorter than ours, as long, or longer."""
    owner.append("user/anna", *[REGISTERED] * 3)
    older = backup(owner, tmp_path / "backup")
    owner.append("user/anna", *[UserPasswordChanged()] * 3)
    async with consumed(owner, desk, tickets, ALL):
        pass
    copy = restore(older, tmp_path / "restored.sqlite3", "/auth", ENVIRONMENT)
    try:
        copy.append("user/anna", *[UserDeactivated(before={"active": True}, after={"active": False})] * since)
        consumer = consumer_of(desk, tickets, copy.feed)
        with pytest.raises(Forked):
            await consumer.step()
        async with at_work(consumer.run()):
            assert await until(true_of(lambda: consumer.alarm is not None))
        assert consumer.alarm == "The history of /auth forked at or before 6."
        assert desk.handled() == [1, 2, 3, 4, 5, 6]
    finally:
        await copy.close()


async def test_whoever_stopped_before_the_cut_follows_the_restored_history(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker, tmp_path: Path
) -> None:
    owner.append("user/anna", *[REGISTERED] * 3)
    async with consumed(owner, desk, tickets, ALL):
        pass
    older = backup(owner, tmp_path / "backup")
    owner.append("user/anna", *[UserPasswordChanged()] * 3)
    async with relaying(owner, auth) as relay:
        assert await until(true_of(lambda: relay.relayed == 6))
    copy = restore(older, tmp_path / "restored.sqlite3", "/auth", ENVIRONMENT)
    try:
        copy.append("user/anna", *[UserPasswordChanged()] * 4)
        consumer = consumer_of(desk, tickets, copy.feed)
        async with relaying(copy, auth), at_work(consumer.run()):
            assert await settled(consumer, copy)
            copy.append("user/anna", UserPasswordChanged())
            assert await settled(consumer, copy)
            assert consumer.alarm is None
        assert desk.handled() == [1, 2, 3, 5, 6, 7, 8, 9]
        assert desk.journalled() == copy.wires()
    finally:
        await copy.close()


async def test_leftovers_of_a_cut_off_history_at_the_broker_are_passed_over(
    owner: Shop, desk: Shop, auth: Broker, tickets: Broker, tmp_path: Path
) -> None:
    owner.append("user/anna", *[REGISTERED] * 3)
    older = backup(owner, tmp_path / "backup")
    owner.append("user/anna", *[UserPasswordChanged()] * 3)
    cut_off = owner.log()[3:]
    copy = restore(older, tmp_path / "restored.sqlite3", "/auth", ENVIRONMENT)
    try:
        copy.append("user/anna", *[UserPasswordChanged()] * 4)
        log = auth.log(STREAM)
        await log.ensure(3)
        consumer = consumer_of(desk, tickets, copy.feed)
        async with at_work(consumer.run()):
            assert await settled(consumer, copy)
            assert await until(bound(tickets))
            await log.publish(cut_off)
            copy.append("user/anna", UserPasswordChanged())
            last = copy.log()[-1]
            await auth.request(last.nats_subject, last.wire())
            assert await settled(consumer, copy)
            assert consumer.alarm is None
        assert desk.handled() == [1, 2, 3, 5, 6, 7, 8, 9]
    finally:
        await copy.close()


async def test_what_is_no_event_of_the_source_is_passed_over(owner: Shop, desk: Shop, auth: Broker, tickets: Broker) -> None:
    await auth.log(STREAM).ensure(0)
    desk.append("user/anna", REGISTERED)
    consumer = consumer_of(desk, tickets, owner.feed)
    async with at_work(consumer.run()):
        assert await until(bound(tickets))
        await auth.request("events.auth.user.anna.registered", b'{"head": {}}')
        await auth.request("events.auth.user.anna.registered", desk.wires()[0])
        owner.append("user/anna", REGISTERED)
        await auth.request(owner.log()[0].nats_subject, owner.wires()[0])
        assert await settled(consumer, owner)
    assert desk.handled() == [1]

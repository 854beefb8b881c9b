"""Relays and consumers on a broker that does everything wrong: whatever the order of things, each event is handled once and in order.

Each seed is another world: two processes per service on one store, commits in between, crashes at any await, a broker that is wiped or
comes back older, an owner that is away, handlers that fail. The steps are driven here; nothing waits for a clock or runs in a thread, so
that a seed is the whole world: one that fails fails again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from events.consumer import Consumer
from events.contracts.user import UserRegistered
from events.decider import Transaction
from events.environment import Environment, real_environment
from events.handling import Subscription
from events.hints import Wake
from events.ids import uuid7_generator
from events.jetstream import Broker
from events.projections import Recorded
from events.relay import Relay
from events.retrying import Parking
from events.streams import stream_name
from tests.support.stores import Shop, each, handle, record
from tests.support.turns import Turns
from tests.support.virtual_broker import VirtualBroker, VirtualDurable, VirtualLog

STREAM = stream_name("/auth")
KEEP = 40  # events that the stream keeps; fewer than a history, so that feeds are needed
PEOPLE = ("anna", "ben", "cleo", "dora")


class Clock:
    """A clock that moves when somebody sleeps or looks at it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=7)
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class World:
    """Two stores, a broker, and two processes of each service."""

    def __init__(self, directory: Path, random: Random) -> None:
        self.random = random
        self.clock = Clock()
        real = real_environment()
        self.environment = Environment(
            now=self.clock.now,
            new_id=uuid7_generator(self.clock.now, random.randbytes),
            random_bytes=random.randbytes,
            sleep=self.clock.sleep,
            start=real.start,
            start_thread=real.start_thread,
        )
        turns = Turns(random)
        self.broker = VirtualBroker(random, trouble=random.choice([0.02, 0.1, 0.3]))
        self.owner = Shop(directory / "auth.sqlite3", "/auth", self.environment, turns)
        self.desk = Shop(directory / "tickets.sqlite3", "/tickets", self.environment, turns)
        self.owner_is_away = False
        self.failing = True
        self.refused = {random.randint(1, 150) for _ in range(5)}
        self.relays = [self.new_relay() for _ in range(2)]
        self.consumers = [self.new_consumer() for _ in range(2)]
        self.parking = Parking(
            writer=self.desk.writer,
            store=self.desk.store,
            source="/tickets",
            subscriptions=[self.subscription()],
            environment=self.environment,
        )

    def new_relay(self) -> Relay:
        wake = Wake(Broker(self.environment), "auth", "here")
        stream = VirtualLog(self.broker, STREAM, KEEP)
        return Relay(store=self.owner.store, source="/auth", stream=stream, wake=wake, environment=self.environment, keep=KEEP)

    def new_consumer(self) -> Consumer:
        return Consumer(
            writer=self.desk.writer,
            store=self.desk.store,
            subscription=self.subscription(),
            durable=VirtualDurable(self.broker, STREAM, "tickets"),
            feed=self.feed,
            environment=self.environment,
            record=record,
        )

    def subscription(self) -> Subscription:
        return Subscription(source="/auth", handlers=each({"user.registered": self.handler}))

    def handler(self, tx: Transaction, recorded: Recorded) -> None:
        handle(tx, recorded)
        if self.failing and recorded.stored.sequence in self.refused:
            raise KeyError("on purpose")

    async def feed(self, source: str, after: int, limit: int) -> list[bytes]:
        if self.owner_is_away or self.broker.unlucky():
            raise ConnectionRefusedError("by chance")
        return await self.owner.feed(source, after, self.random.randint(1, limit))

    def append(self) -> None:
        count = self.random.choice([1, 1, 1, 2, 5, 30])
        subject = f"user/{self.random.choice(PEOPLE)}"
        self.owner.append(subject, *[UserRegistered(role="user", can_sign_in=True, name="x") for _ in range(count)])

    async def something(self) -> None:
        """Let one thing happen."""
        await self.random.choices(
            [self.commit, self.relay_all, self.consume_all, self.park, self.crash, self.lose, self.part],
            [30, 30, 40, 5, 8, 4, 3],
        )[0]()

    async def commit(self) -> None:
        self.append()

    async def relay_all(self) -> None:
        await asyncio.gather(*(relay.step() for relay in self.random.choices(self.relays, k=2)))

    async def consume_all(self) -> None:
        chosen = dict.fromkeys(self.random.choices(self.consumers, k=2))  # no set: its order is not the seed's
        await asyncio.gather(*(consumer.step() for consumer in chosen), return_exceptions=True)

    async def park(self) -> None:
        self.clock.at += timedelta(seconds=self.random.randint(0, 100))
        self.failing = not self.failing
        await self.parking.step()

    async def crash(self) -> None:
        """End a process somewhere in the middle of a step; another takes its place."""
        place = self.random.randint(0, 1)
        step = asyncio.ensure_future(self.random.choice([self.relays[place].step, self.consumers[place].step])())
        for _ in range(self.random.randint(0, 8)):
            await asyncio.sleep(0)
        step.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await step
        self.relays[place], self.consumers[place] = self.new_relay(), self.new_consumer()

    async def lose(self) -> None:
        self.random.choice([self.broker.wipe, self.broker.keep, self.broker.bring_back])()

    async def part(self) -> None:
        self.owner_is_away = not self.owner_is_away

    async def come_to_rest(self) -> None:
        """Let everything work again, and go on until nothing is left to do. Raises TimeoutError."""
        self.broker.trouble, self.owner_is_away, self.failing = 0, False, False
        self.clock.at += timedelta(days=1)
        async with asyncio.timeout(60):
            rested = False
            while not rested:  # once at least: what was lost at the very end shows to whoever looks again
                await self.relay_all()
                await self.consume_all()
                await self.parking.step()
                self.clock.at += timedelta(minutes=2)
                rested = self.at_rest()

    def look_at_the_stream(self) -> None:
        """Assert that each event is in the stream at the number that it has in the log, so once and in order, and that there is no hole."""
        log, messages = self.owner.wires(), self.broker.messages(STREAM)
        assert all(log[number - 1] == wire for number, wire in messages.items())
        assert list(messages) == list(range(min(messages, default=1), max(messages, default=0) + 1))

    def at_rest(self) -> bool:
        head = len(self.owner.log())
        return (
            not self.desk.parked()
            and {relay.relayed for relay in self.relays} == {head}
            and {consumer.position for consumer in self.consumers} == {head}
        )


@asynccontextmanager
async def world(directory: Path, seed: int) -> AsyncIterator[World]:
    made = World(directory, Random(seed))
    try:
        yield made
    finally:
        await made.owner.close()
        await made.desk.close()


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_happens_each_event_is_handled_once_and_in_order(tmp_path: Path, seed: int) -> None:
    async with world(tmp_path, seed) as at:
        for _ in range(120):
            await at.something()
            at.look_at_the_stream()
        await at.come_to_rest()
        at.look_at_the_stream()
        log = at.owner.log()
        # everything once
        assert Counter(at.desk.handled()) == Counter(event.sequence for event in log)
        # in order within each subject, and the journal in the order of the log, byte for byte
        place = {sequence: number for number, sequence in enumerate(at.desk.handled())}
        for subject in {event.subject for event in log}:
            sequences = [event.sequence for event in log if event.subject == subject]
            assert sorted(sequences, key=place.__getitem__) == sequences
        assert at.desk.journalled() == at.owner.wires()
        # the stream is the end of the log
        assert list(at.broker.messages(STREAM))[-1] == len(log)
        assert len(at.broker.messages(STREAM)) >= min(KEEP, len(log))
        assert all(consumer.alarm is None for consumer in at.consumers)
        assert all(relay.alarm is None for relay in at.relays)

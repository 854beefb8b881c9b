"""The relay against a real server: whatever happens to the broker, the stream is the end of the log, in order, nothing twice."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from events.contracts.user import UserDeactivated, UserPasswordChanged, UserRegistered
from events.envelope import StoredEvent
from events.environment import real_environment
from events.hints import Wake
from events.jetstream import Broker
from events.relay import Relay
from events.streams import BrokerDown, StreamLog, Tail
from tests.support.brokers import connect, until
from tests.support.nats import NatsServer
from tests.support.stores import Shop, backup, restore

ENVIRONMENT = real_environment()
STREAM = "EVENTS_AUTH"


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "auth.sqlite3", "/auth", ENVIRONMENT)
    yield shop
    await shop.close()


def register(shop: Shop, count: int, *, person: str = "anna") -> None:
    shop.append(f"user/{person}", *[UserRegistered(role="user", can_sign_in=True, name=person) for _ in range(count)])


def relay_of(shop: Shop, broker: Broker, stream: StreamLog | None = None, *, keep: int = 100_000) -> Relay:
    stream = stream or broker.log(STREAM, keep=keep)
    return Relay(store=shop.store, source="/auth", stream=stream, wake=Wake(broker, "auth", "here"), environment=ENVIRONMENT, keep=keep)


async def in_stream(broker: Broker) -> list[bytes]:
    """Return every message that the stream holds, in its order."""
    state = (await broker.api(f"STREAM.INFO.{STREAM}"))["state"]
    numbers = range(state["first_seq"], state["last_seq"] + 1)
    messages = [await broker.api(f"STREAM.MSG.GET.{STREAM}", {"seq": number}) for number in numbers]
    return [base64.b64decode(message["message"]["data"]) for message in messages]


async def test_what_is_committed_is_published_in_the_order_of_the_log(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth)
    register(owner, 1)
    assert await relay.step()
    register(owner, 230)
    owner.append("user/ben", UserPasswordChanged())
    assert await relay.step()
    assert await in_stream(auth) == owner.wires()
    assert relay.relayed == 232


async def test_a_relay_that_starts_again_goes_on_where_the_stream_ends(owner: Shop, auth: Broker) -> None:
    register(owner, 3)
    await relay_of(owner, auth).step()
    register(owner, 3)
    again = relay_of(owner, auth)
    assert (again.lag().events, again.relayed) == (6, 0)
    assert await again.step()
    assert (again.lag().events, again.relayed) == (0, 6)
    assert await in_stream(auth) == owner.wires()


async def test_the_lag_tells_how_many_wait_and_for_how_long(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth)
    await relay.step()
    assert (relay.lag().events, relay.lag().seconds) == (0, 0.0)
    register(owner, 2)
    assert relay.lag().events == 2
    assert 0 < relay.lag().seconds < 10


async def test_two_relays_at_once_publish_nothing_twice(owner: Shop, auth: Broker, server: NatsServer) -> None:
    other = await connect(server, "auth")
    try:
        relays = [relay_of(owner, auth), relay_of(owner, other)]
        for round_ in range(20):
            register(owner, 7 if round_ % 3 else 130)
            await asyncio.gather(*(relay.step() for relay in relays))
        assert await until(relays[0].step)
        assert await in_stream(auth) == owner.wires()
    finally:
        await other.stop()


async def test_a_relay_that_slept_is_refused_by_the_fence_and_not_by_the_window_for_duplicates(owner: Shop, auth: Broker) -> None:
    awake, asleep = relay_of(owner, auth), relay_of(owner, auth)
    for number in (1, 40):  # one by one, and in a batch
        register(owner, number)
        assert await awake.step()
        assert await until(asleep.step)  # it knows where the stream ends now
        register(owner, number)
        assert await awake.step()
        await asyncio.sleep(0.3)  # the server has forgotten the ids: its window is 100 ms
        assert not await asleep.step()
        assert await until(asleep.step)
        assert await in_stream(auth) == owner.wires()


class Passing:
    """A stream as it is, to which something happens after it has answered."""

    def __init__(self, stream: StreamLog) -> None:
        self.name, self._stream = stream.name, stream

    def published(self) -> None:
        """What happens once something is published."""

    async def tail(self) -> Tail | None:
        return await self._stream.tail()

    async def ensure(self, after: int) -> None:
        await self._stream.ensure(after)

    async def delete(self) -> None:
        await self._stream.delete()

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        await self._stream.publish(events)
        self.published()

    async def publish_each(self, events: Sequence[StoredEvent]) -> None:
        await self._stream.publish_each(events)
        self.published()


class LosesAcknowledgements(Passing):
    """A stream that takes what is published and does not say so, every other time."""

    _calls = 0

    def published(self) -> None:
        self._calls += 1
        if self._calls % 2:
            raise BrokerDown("The acknowledgement was lost.")


async def test_a_lost_acknowledgement_publishes_nothing_twice(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth, LosesAcknowledgements(auth.log(STREAM)))
    register(owner, 250)
    assert not await relay.step()
    assert relay.trouble == "The acknowledgement was lost."
    assert await until(relay.step)
    assert relay.trouble is None
    assert await in_stream(auth) == owner.wires()


class ConnectsAnew(Passing):
    """A stream whose connection is lost and made again between an answer and the next step, once, at the call of that number."""

    def __init__(self, stream: StreamLog, at: int) -> None:
        super().__init__(stream)
        self._left = at
        self.reconnected: Callable[[], None] = lambda: None

    def published(self) -> None:
        self._count()

    async def tail(self) -> Tail | None:
        tail = await super().tail()
        self._count()
        return tail

    async def ensure(self, after: int) -> None:
        await super().ensure(after)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.reconnected()


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_new_connection_in_the_middle_of_a_step_makes_the_relay_look_again(owner: Shop, auth: Broker, at: int) -> None:
    stream = ConnectsAnew(auth.log(STREAM), at)
    relay = relay_of(owner, auth, stream)
    stream.reconnected = relay.doubt
    register(owner, 3)
    assert not await relay.step()
    await auth.log(STREAM).delete()  # the broker that it is connected to now was wiped
    assert await relay.step()
    assert await in_stream(auth) == owner.wires()


async def test_a_new_connection_while_the_log_is_read_is_no_surprise(owner: Shop, auth: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = relay_of(owner, auth)
    register(owner, 1)
    assert await relay.step()
    read, doubtful = owner.store.read_in_thread, [True]

    async def read_and_reconnect(function: Callable[[Connection], object]) -> object:
        found = await read(function)
        if doubtful and doubtful.pop():
            relay.doubt()
        return found

    monkeypatch.setattr(owner.store, "read_in_thread", read_and_reconnect)
    register(owner, 1)
    assert not await relay.step()
    assert await relay.step()
    assert await in_stream(auth) == owner.wires()


async def test_a_stream_that_vanished_is_made_and_filled_again(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth)
    register(owner, 5)
    await relay.step()
    await auth.log(STREAM).delete()
    register(owner, 1)
    assert not await relay.step()
    assert await relay.step()
    assert await in_stream(auth) == owner.wires()


async def test_a_stream_that_vanished_while_nothing_happens_is_filled_again_within_a_minute(owner: Shop, auth: Broker) -> None:
    clock = [ENVIRONMENT.now()]
    environment = replace(ENVIRONMENT, now=lambda: clock[0])
    relay = Relay(store=owner.store, source="/auth", stream=auth.log(STREAM), wake=Wake(auth, "auth", "here"), environment=environment)
    register(owner, 5)
    assert await relay.step()
    await auth.log(STREAM).delete()
    clock[0] += timedelta(seconds=59)
    assert await relay.step()
    assert await auth.log(STREAM).tail() is None
    clock[0] += timedelta(seconds=1)
    assert await relay.step()
    assert await in_stream(auth) == owner.wires()


async def test_an_emptied_stream_is_filled_again(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth)
    register(owner, 5)
    await relay.step()
    await auth.api(f"STREAM.PURGE.{STREAM}")
    relay.doubt()
    assert await until(relay.step)  # for a tenth of a second the server takes the same ids for duplicates
    assert await in_stream(auth) == owner.wires()


async def test_only_the_last_events_are_filled_in_at_the_numbers_that_they_have_in_the_log(owner: Shop, auth: Broker) -> None:
    register(owner, 50)
    relay = relay_of(owner, auth, keep=20)
    assert await relay.step()
    assert await in_stream(auth) == owner.wires(after=30)
    assert await auth.log(STREAM).tail() == Tail(50, owner.wires()[-1])
    assert relay.lag().events == 0


@pytest.mark.parametrize("count", [3, 40])  # one by one, and in a batch
async def test_a_relay_that_slept_while_the_stream_was_filled_again_publishes_nothing_twice(owner: Shop, auth: Broker, count: int) -> None:
    awake, asleep = relay_of(owner, auth, keep=50), relay_of(owner, auth, keep=50)
    register(owner, 60)
    assert await awake.step()
    assert await asleep.step()
    await auth.log(STREAM).delete()
    register(owner, count)
    assert await until(awake.step)  # as full as before, so that a number that counted messages would be the same again
    await asyncio.sleep(0.3)  # the server has forgotten the ids
    assert not await asleep.step()
    assert await until(asleep.step)
    assert await in_stream(auth) == owner.wires()[-50:]


async def test_a_stream_that_was_made_and_not_filled_is_filled_from_where_it_begins(owner: Shop, auth: Broker) -> None:
    register(owner, 30)
    await auth.log(STREAM, keep=20).ensure(10)  # by a relay that was killed then
    register(owner, 5)
    assert await relay_of(owner, auth, keep=20).step()
    assert await in_stream(auth) == owner.wires(after=15)


async def test_a_stream_that_counts_otherwise_than_the_log_is_filled_again(owner: Shop, auth: Broker) -> None:
    register(owner, 30)
    await auth.log(STREAM, keep=20).ensure(0)
    for event in owner.log()[-20:]:  # as releases before this rule filled it
        await auth.request(event.nats_subject, event.wire())
    register(owner, 5)
    relay = relay_of(owner, auth, keep=20)
    assert await until(relay.step)  # the broker may still be about the files of the stream that was deleted
    assert relay.alarm is None
    assert await auth.log(STREAM).tail() == Tail(35, owner.wires()[-1])
    assert await in_stream(auth) == owner.wires(after=15)


async def test_a_stream_that_holds_an_event_twice_heals(owner: Shop, auth: Broker) -> None:
    register(owner, 3)
    relay = relay_of(owner, auth)
    assert await relay.step()
    await auth.request(owner.log()[-1].nats_subject, owner.wires()[-1])  # past the window for duplicates, as its id is not told
    register(owner, 1)
    assert not await relay.step()
    assert await until(relay.step)
    assert await in_stream(auth) == owner.wires()


@pytest.fixture
async def running(owner: Shop, auth: Broker) -> AsyncIterator[Relay]:
    """A relay that runs as in a service."""
    wake = Wake(auth, "auth", "here")
    await wake.start()
    relay = Relay(store=owner.store, source="/auth", stream=auth.log(STREAM), wake=wake, environment=ENVIRONMENT)
    auth.on_reconnect.insert(0, relay.doubt)
    task = asyncio.create_task(relay.run())
    yield relay
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def published(relay: Relay, owner: Shop, within: float) -> bool:
    return await until(true_of(lambda: relay.relayed == len(owner.log()) and relay.trouble is None), within)


async def holds(broker: Broker, count: int, within: float = 10) -> bool:
    """Return whether the stream holds that many messages before long, whatever happens to the connection in between."""

    async def look() -> bool:
        try:
            info = await broker.api(f"STREAM.INFO.{STREAM}")
        except BrokerDown:
            return False
        return "error" not in info and info["state"]["messages"] == count

    return await until(look, within)


def true_of(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return condition()

    return ask


async def test_a_broker_that_is_killed_and_wiped_is_filled_again_within_five_seconds(
    owner: Shop, auth: Broker, server: NatsServer, running: Relay
) -> None:
    register(owner, 150)
    assert await published(running, owner, 10)
    server.kill()
    server.wipe()
    register(owner, 10)
    server.start()
    start = time.monotonic()

    assert await holds(auth, 160, within=5)
    assert time.monotonic() - start < 5
    assert await in_stream(auth) == owner.wires()


async def test_a_broker_that_comes_back_older_is_brought_up_to_date(owner: Shop, auth: Broker, server: NatsServer, running: Relay) -> None:
    register(owner, 20)
    assert await published(running, owner, 10)
    server.stop()
    server.keep()
    server.start()
    register(owner, 20)
    assert await published(running, owner, 10)
    server.kill()
    server.bring_back()
    server.start()
    assert await holds(auth, 40)
    assert await in_stream(auth) == owner.wires()


async def test_a_paused_broker_is_outlived(owner: Shop, auth: Broker, server: NatsServer, running: Relay) -> None:
    register(owner, 2)
    assert await published(running, owner, 10)
    server.pause()
    register(owner, 2)
    assert await until(true_of(lambda: running.trouble is not None), 10)
    server.resume()
    assert await published(running, owner, 15)
    assert await in_stream(auth) == owner.wires()


async def test_a_stream_that_is_ahead_of_the_log_stops_the_relay_until_it_is_told_to_refill(
    owner: Shop, auth: Broker, tmp_path: Path
) -> None:
    register(owner, 4)
    older = backup(owner, tmp_path / "backup")
    register(owner, 2)
    await relay_of(owner, auth).step()
    before = await in_stream(auth)
    copy = Shop(older, "/auth", ENVIRONMENT)  # somebody put a backup in place without saying so
    try:
        register(copy, 1, person="ben")
        relay = relay_of(copy, auth)
        await relay.step()
        assert relay.alarm == "EVENTS_AUTH ends in an event that is not in the log of /auth."
        await relay.step()
        assert await in_stream(auth) == before
        await relay.refill()
        assert relay.alarm is None
        assert await in_stream(auth) == copy.wires()
    finally:
        await copy.close()


async def test_a_stream_that_ends_in_what_a_restore_cut_off_is_filled_again(owner: Shop, auth: Broker, tmp_path: Path) -> None:
    register(owner, 4)
    older = backup(owner, tmp_path / "backup")
    register(owner, 3)
    await relay_of(owner, auth).step()
    copy = restore(older, tmp_path / "restored.sqlite3", "/auth", ENVIRONMENT)
    try:
        relay = relay_of(copy, auth)
        for _ in range(5):  # the broker may still be about the files of the stream that was deleted, and refuse; then it looks again
            if await relay.step():
                break
        assert relay.trouble is None
        assert relay.alarm is None
        assert await in_stream(auth) == copy.wires()
        assert len(copy.log()) == 5
    finally:
        await copy.close()


async def test_what_is_no_event_at_the_end_of_the_stream_is_an_alarm(owner: Shop, auth: Broker) -> None:
    relay = relay_of(owner, auth)
    owner.append("user/anna", UserDeactivated(before={"active": True}, after={"active": False}))
    await relay.step()
    await auth.request("events.auth.user.anna.registered", b'{"head": 1}')
    owner.append("user/anna", UserPasswordChanged())
    await relay.step()
    await relay.step()
    assert relay.alarm is not None
    assert relay.relayed == 1
    await relay.refill()
    assert await in_stream(auth) == owner.wires()

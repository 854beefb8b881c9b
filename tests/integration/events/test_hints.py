"""Hints over a real broker: heard at once, lost without harm, back by themselves."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from events.environment import real_environment
from events.hints import Wake
from events.jetstream import Broker
from events.streams import BrokerDown, StreamMissing
from tests.support.brokers import connect
from tests.support.nats import NatsServer

ENVIRONMENT = real_environment()


async def test_a_hint_reaches_everybody_who_listens(auth: Broker, tickets: Broker) -> None:
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    await tickets.listen("hint.>", lambda subject, payload: heard.put_nowait((subject, payload)))
    await settled(tickets)
    auth.hint("hint.revoked", b"all")
    assert await asyncio.wait_for(heard.get(), 5) == ("hint.revoked", b"all")


async def settled(broker: Broker, user: str = "tickets") -> None:
    """Return once the server has taken everything that this connection sent before."""
    with pytest.raises(StreamMissing):
        await broker.request(f"events.{user}.nobody", b"")


async def test_what_a_listener_raises_does_not_end_its_listening(auth: Broker, tickets: Broker) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def listener(_subject: str, payload: bytes) -> None:
        if payload == b"first":
            raise RuntimeError("on purpose")
        heard.put_nowait(payload)

    await tickets.listen("hint.auth", listener)
    await settled(tickets)
    auth.hint("hint.auth", b"first")
    auth.hint("hint.auth", b"second")
    assert await asyncio.wait_for(heard.get(), 5) == b"second"


async def test_a_service_cannot_speak_for_another(server: NatsServer, auth: Broker, tickets: Broker) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await auth.listen("hint.>", lambda _subject, payload: heard.put_nowait(payload))
    await settled(auth, "auth")
    tickets.hint("hint.revoked", b"forged")
    tickets.hint("hint.tickets", b"own")
    assert await asyncio.wait_for(heard.get(), 5) == b"own"
    await tickets.send("events.auth.user.1.registered", b"forged")
    await settled(tickets)
    assert tickets.connected
    assert "Publish Violation" in server.log()


async def test_a_commit_in_one_replica_wakes_the_other(server: NatsServer, tickets: Broker) -> None:
    other = await connect(server, "tickets")
    try:
        here, there = Wake(tickets, "tickets", "here"), Wake(other, "tickets", "there")
        await here.start()
        await there.start()
        await settled(other)
        waiting = asyncio.create_task(there.after(there.generation, timeout=10))
        threading.Thread(target=here.notify).start()  # the writer's thread rings
        assert await waiting == 1
        assert here.generation == 1
    finally:
        await other.stop()


async def test_many_commits_before_anybody_looks_are_one_ring(tickets: Broker) -> None:
    wake = Wake(tickets, "tickets", "here")
    await wake.start()
    for _ in range(100):
        wake.notify()
    assert await wake.after(0) == 1
    assert await wake.after(1, timeout=0.05) == 1


async def test_without_hints_everybody_looks_four_times_a_second(server: NatsServer, tickets: Broker) -> None:
    wake = Wake(tickets, "tickets", "here")
    await wake.start()
    lost = asyncio.Event()
    tickets.on_loss.append(lost.set)
    server.kill()
    await asyncio.wait_for(lost.wait(), 5)
    start = time.monotonic()
    assert await wake.after(wake.generation) == wake.generation
    assert 0.2 < time.monotonic() - start < 1.5


async def test_a_killed_broker_fails_requests_at_once_and_comes_back_with_its_listeners(
    server: NatsServer, auth: Broker, tickets: Broker
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    back = asyncio.Event()
    await tickets.listen("hint.auth", lambda _subject, payload: heard.put_nowait(payload))
    server.pause()
    hanging = asyncio.create_task(tickets.request("events.tickets.nobody", b""))
    await asyncio.sleep(0)
    lost = {broker: asyncio.Event() for broker in (auth, tickets)}
    for broker, noticed in lost.items():
        broker.on_loss.append(noticed.set)
        broker.on_reconnect.append(lambda: back.set() if auth.connected and tickets.connected else None)
    server.kill()
    with pytest.raises(BrokerDown):
        await asyncio.wait_for(hanging, 3)
    with pytest.raises(BrokerDown):
        await tickets.request("events.tickets.nobody", b"")
    for noticed in lost.values():  # or what comes first would be told into a connection that is gone
        await asyncio.wait_for(noticed.wait(), 10)
    auth.hint("hint.auth", b"lost")
    server.start()
    await asyncio.wait_for(back.wait(), 10)
    auth.hint("hint.auth", b"after")
    assert await asyncio.wait_for(heard.get(), 5) == b"after"


async def test_a_service_starts_without_its_broker(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    broker = Broker(ENVIRONMENT)
    made = asyncio.Event()
    broker.on_reconnect.append(made.set)
    await broker.start(server.url, "auth", server.passwords["auth"])
    try:
        assert not broker.connected
        broker.hint("hint.auth")
        with pytest.raises(BrokerDown):
            await broker.request("events.auth.nobody", b"")
        server.start()
        await asyncio.wait_for(made.wait(), 10)
    finally:
        await broker.stop()
        server.kill()

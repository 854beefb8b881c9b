"""Streams and durable consumers on a real server: what the relay and the consumers rest on."""

import asyncio

import httpx2
import pytest

from events.jetstream import Broker, EventStream, JetStreamDurable, JetStreamLog
from events.streams import BrokerDown, BrokerError, PublishRefused, StreamMissing, Tail
from tests.support.brokers import until
from tests.support.histories import history
from tests.support.nats import NatsServer

EVENTS = history(250)
WIRES = [event.wire() for event in EVENTS]


@pytest.fixture
async def log(auth: Broker) -> JetStreamLog:
    log = JetStreamLog(auth, EventStream(name="EVENTS_AUTH", keep=200, replicas=1))
    await log.ensure(0)
    return log


@pytest.fixture
async def durable(tickets: Broker, log: JetStreamLog) -> JetStreamDurable:
    durable = JetStreamDurable(tickets, "EVENTS_AUTH", "tickets")
    assert await durable.ensure()
    return durable


async def test_the_server_syncs_each_message_to_disk(server: NatsServer) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        told = (await client.get(f"http://127.0.0.1:{server.monitor_port}/jsz?config=true")).json()
    assert told["config"]["sync_always"] is True


async def test_a_stream_that_is_not_there_has_no_tail(auth: Broker) -> None:
    assert await auth.log("EVENTS_AUTH").tail() is None


async def test_an_empty_stream_has_an_empty_tail(log: JetStreamLog) -> None:
    assert await log.tail() == Tail(0, None)


async def test_the_last_message_is_the_tail_byte_for_byte(log: JetStreamLog) -> None:
    await log.publish(EVENTS[:1])
    await log.publish(EVENTS[1:101])
    assert await log.tail() == Tail(101, WIRES[100])


async def test_a_batch_is_taken_whole_or_not_at_all(log: JetStreamLog) -> None:
    await log.publish(EVENTS[:3])
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[4:9])
    assert await log.tail() == Tail(3, WIRES[2])


async def test_an_event_is_taken_only_as_the_number_that_it_has_in_the_log(log: JetStreamLog) -> None:
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[1:2])
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[1:4])
    assert await log.tail() == Tail(0, None)
    await log.publish(EVENTS[:1])
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[2:3])
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[2:5])
    assert await log.tail() == Tail(1, WIRES[0])  # it was refused by the server, not taken and regretted here


async def test_an_event_that_is_taken_for_a_duplicate_is_an_error(log: JetStreamLog, auth: Broker) -> None:
    """Only the dedupe window of the server can say so, if the fence did not."""
    await auth.request(EVENTS[0].nats_subject, WIRES[0], {"Nats-Msg-Id": EVENTS[1].id})
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[1:2])
    with pytest.raises(PublishRefused):
        await log.publish(EVENTS[1:3])
    assert await log.tail() == Tail(1, WIRES[0])


async def test_a_few_go_one_after_the_other_and_the_last_acknowledgement_stands_for_all(log: JetStreamLog) -> None:
    await log.publish_each(EVENTS[:1])
    await log.publish_each(EVENTS[1:6])
    assert await log.tail() == Tail(6, WIRES[5])


async def test_of_a_few_none_stands_without_those_before_it(log: JetStreamLog, auth: Broker) -> None:
    await log.publish_each(EVENTS[:1])
    with pytest.raises(PublishRefused):
        await log.publish_each(EVENTS[2:5])
    assert await log.tail() == Tail(1, WIRES[0])
    await auth.request("events.auth.user.1.registered", b"of another history")
    with pytest.raises(PublishRefused):  # the second has its number, but what stands before it is not the first
        await log.publish_each(EVENTS[1:3])
    assert await log.tail() == Tail(2, b"of another history")


async def test_a_few_of_which_the_first_are_there_already_are_added_to_them(log: JetStreamLog) -> None:
    await log.publish_each(EVENTS[:3])
    await log.publish_each(EVENTS[1:5])
    assert await log.tail() == Tail(5, WIRES[4])


async def test_publishing_to_a_stream_that_is_gone_says_so(log: JetStreamLog) -> None:
    await log.delete()
    with pytest.raises(StreamMissing):
        await log.publish(EVENTS[:1])
    with pytest.raises(StreamMissing):
        await log.publish(EVENTS[:2])
    await log.delete()


async def made_again(log: JetStreamLog, after: int) -> bool:
    """Return whether the stream could be deleted and made again; for a moment the server may still be about the files of the former."""
    await log.delete()

    async def make() -> bool:
        try:
            await log.ensure(after)
        except BrokerError:
            return False
        return True

    return await until(make)


async def test_a_stream_that_was_made_again_begins_where_it_is_told_to_and_takes_the_same_events(log: JetStreamLog) -> None:
    await log.publish(EVENTS[:5])
    assert await made_again(log, 3)
    assert await log.tail() == Tail(3, None)
    await log.publish(EVENTS[3:5])
    assert await log.tail() == Tail(5, WIRES[4])


@pytest.mark.parametrize("filled", [False, True])
async def test_where_a_stream_begins_survives_the_server_and_whoever_would_begin_elsewhere(
    log: JetStreamLog, auth: Broker, server: NatsServer, filled: bool
) -> None:
    assert await made_again(log, 3)
    await log.ensure(4)
    await auth.api("STREAM.UPDATE.EVENTS_AUTH", EventStream(name="EVENTS_AUTH", keep=7, replicas=1).configuration() | {"first_seq": 4})
    await log.ensure(5)  # it is brought back to its declaration, but stays where it is
    if filled:
        await log.publish(EVENTS[3:5])
    before = await log.tail()
    server.kill()
    server.start()

    async def there() -> bool:
        try:
            return await log.tail() == before
        except BrokerError:
            return False

    assert await until(there, 30)


async def test_only_the_last_events_are_kept(log: JetStreamLog, auth: Broker) -> None:
    for start in range(0, 250, 50):
        await log.publish(EVENTS[start : start + 50])
    state = (await auth.api("STREAM.INFO.EVENTS_AUTH"))["state"]
    assert (state["messages"], state["first_seq"], state["last_seq"]) == (200, 51, 250)


async def test_a_purged_stream_is_empty_but_remembers_its_number(log: JetStreamLog, auth: Broker) -> None:
    await log.publish(EVENTS[:5])
    await auth.api("STREAM.PURGE.EVENTS_AUTH")
    assert await log.tail() == Tail(5, None)
    await log.publish(EVENTS[5:7])


async def test_a_stream_that_drifted_is_brought_back(log: JetStreamLog, auth: Broker) -> None:
    await auth.api("STREAM.UPDATE.EVENTS_AUTH", EventStream(name="EVENTS_AUTH", keep=7, replicas=1).configuration())
    await log.ensure(0)
    assert (await auth.api("STREAM.INFO.EVENTS_AUTH"))["config"]["max_msgs"] == 200


async def test_a_consumer_begins_at_now_and_is_given_what_there_is_without_waiting_for_more(log: JetStreamLog, tickets: Broker) -> None:
    await log.publish(EVENTS[:3])
    durable = JetStreamDurable(tickets, "EVENTS_AUTH", "tickets")
    assert await durable.ensure()
    assert not await durable.ensure()
    fetching = asyncio.create_task(durable.fetch(100, 20))
    await log.publish(EVENTS[3:4])
    assert [delivery.wire for delivery in await asyncio.wait_for(fetching, 5)] == WIRES[3:4]
    await log.publish(EVENTS[4:104])
    together = await asyncio.wait_for(durable.fetch(60, 20), 5) + await asyncio.wait_for(durable.fetch(60, 20), 5)
    assert [delivery.wire for delivery in together] == WIRES[4:104]


async def test_nothing_comes_when_nothing_is_published(durable: JetStreamDurable) -> None:
    assert await durable.fetch(10, 0.1) == []


async def test_one_acknowledgement_stands_for_all_before_it(log: JetStreamLog, durable: JetStreamDurable, tickets: Broker) -> None:
    await log.publish(EVENTS[:5])
    deliveries = await durable.fetch(10, 5)
    await durable.ack(deliveries[3])

    async def acknowledged() -> bool:
        info = await tickets.api("CONSUMER.INFO.EVENTS_AUTH.tickets")
        return bool(info["ack_floor"]["stream_seq"] == 4 and info["num_ack_pending"] == 1)

    assert await until(acknowledged)


async def test_a_consumer_that_drifted_is_made_again(durable: JetStreamDurable, tickets: Broker) -> None:
    drifted = durable.configuration() | {"ack_wait": 1_000_000_000}
    await tickets.api("CONSUMER.CREATE.EVENTS_AUTH.tickets", {"stream_name": "EVENTS_AUTH", "config": drifted})
    assert await durable.ensure()
    assert not await durable.ensure()


async def test_a_consumer_whose_stream_is_deleted_is_told_at_once(log: JetStreamLog, durable: JetStreamDurable) -> None:
    fetching = asyncio.create_task(durable.fetch(10, 30))
    await asyncio.sleep(0)
    await log.delete()
    with pytest.raises(StreamMissing):
        await asyncio.wait_for(fetching, 5)
    with pytest.raises(StreamMissing):
        await durable.fetch(10, 30)
    with pytest.raises(StreamMissing):
        await durable.ensure()


async def test_a_consumer_whose_broker_is_killed_is_told_at_once(server: NatsServer, durable: JetStreamDurable) -> None:
    fetching = asyncio.create_task(durable.fetch(10, 30))
    await asyncio.sleep(0)
    server.kill()
    with pytest.raises(BrokerDown):
        await asyncio.wait_for(fetching, 5)


async def test_a_consumer_whose_broker_hangs_notices_by_its_heartbeats(server: NatsServer, durable: JetStreamDurable) -> None:
    assert await durable.fetch(10, 0.1) == []
    server.pause()
    with pytest.raises(BrokerDown):
        await asyncio.wait_for(durable.fetch(10, 30), 10)


async def test_a_service_cannot_read_through_another_services_consumer_or_alter_its_stream(
    durable: JetStreamDurable, tickets: Broker, server: NatsServer
) -> None:
    for call in ("STREAM.DELETE.EVENTS_AUTH", "STREAM.MSG.GET.EVENTS_AUTH", "CONSUMER.DELETE.EVENTS_AUTH.notifier"):
        await tickets.send(f"$JS.API.{call}", b"{}")
    assert await durable.fetch(10, 0.1) == []
    assert server.log().lower().count("publish violation") == 3

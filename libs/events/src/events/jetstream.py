"""The streams and the durable consumers of JetStream, declared as data, over the connection of this process.

JetStream's API is JSON over requests: https://docs.nats.io/reference/reference-protocols/nats_api_reference. Atomic batches are
described in https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg

from events.connection import Connection, status
from events.envelope import StoredEvent
from events.failpoints import reach
from events.streams import BrokerDown, BrokerError, Delivery, DurableFetch, PublishRefused, StreamLog, StreamMissing, Tail

logger = logging.getLogger(__name__)

_NANOSECONDS = 1_000_000_000
_HEARTBEAT = 1.0  # seconds; two that stay away mean that the request to be given messages is lost
_NOT_FOUND = 404


class Broker(Connection):
    """The broker as a service sees it: hints, its own stream, and its places in the streams of others."""

    def log(self, stream: str, *, keep: int = 100_000, replicas: int = 1) -> StreamLog:
        """Return the stream of that name, such as "EVENTS_TICKETS", of which the last `keep` events are kept."""
        return JetStreamLog(self, EventStream(name=stream, keep=keep, replicas=replicas))

    def durable(self, stream: str, name: str) -> DurableFetch:
        """Return the place of the service `name` in a stream."""
        return JetStreamDurable(self, stream, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """The declaration of a stream: the end of one source's log, on disk."""

    name: str
    keep: int
    replicas: int

    def configuration(self) -> dict[str, Any]:
        """Return it in JetStream's words."""
        return {
            "name": self.name,
            "subjects": [f"events.{self.name.removeprefix('EVENTS_').lower()}.>"],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_msgs": self.keep,
            "max_bytes": 1 << 30,
            "max_age": 0,
            "num_replicas": self.replicas,
            # the least that the server allows: the relay does not rest on it, and fences each event with its number
            "duplicate_window": _NANOSECONDS // 10,
            "allow_atomic": True,
        }


class JetStreamLog:
    """A stream, for its relay."""

    def __init__(self, broker: Connection, stream: EventStream) -> None:
        self.name = stream.name
        self._broker = broker
        self._stream = stream

    async def tail(self) -> Tail | None:
        info = await self._broker.api(f"STREAM.INFO.{self.name}")
        if _code(info) == _NOT_FOUND:
            return None
        state = _checked(info)["state"]
        if not state["messages"]:
            return Tail(state["last_seq"], None)
        wanted = self._stream.configuration()["subjects"][0]
        found = _checked(await self._broker.api(f"STREAM.MSG.GET.{self.name}", {"last_by_subj": wanted}))
        if found["message"]["seq"] != state["last_seq"]:
            raise BrokerError(f"{self.name} moved while it was looked at.")
        return Tail(state["last_seq"], base64.b64decode(found["message"].get("data", "")))

    async def ensure(self, after: int) -> None:
        declared = self._stream.configuration()
        info = await self._broker.api(f"STREAM.INFO.{self.name}")
        if _code(info) == _NOT_FOUND:
            await self._create(declared | {"first_seq": after + 1})
            return
        there = _checked(info)["config"]
        if any(there.get(key) != value for key, value in declared.items()):
            logger.warning("The stream %s had drifted from its declaration.", self.name)
            # where this one began stays: the server would move an empty stream to another beginning when it is started again
            _checked(await self._broker.api(f"STREAM.UPDATE.{self.name}", declared | {"first_seq": there.get("first_seq", 0)}))

    async def _create(self, declared: Mapping[str, Any]) -> None:
        if __debug__:
            reach("stream.create")
        # does nothing when another relay has just made it the same, and is refused when that one lets it begin elsewhere
        _checked(await self._broker.api(f"STREAM.CREATE.{self.name}", declared))
        if __debug__:
            reach("stream.created")

    async def delete(self) -> None:
        answer = await self._broker.api(f"STREAM.DELETE.{self.name}")
        if _code(answer) != _NOT_FOUND:
            _checked(answer)

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        *others, last = events
        fence = _fence(events[0])
        batch = {"Nats-Batch-Id": self._broker.environment.new_id()} if others else {}
        for number, event in enumerate(others, 1):
            headers = _headers(event) | batch | {"Nats-Batch-Sequence": str(number)} | (fence if number == 1 else {})
            await self._broker.send(event.nats_subject, event.wire(), headers)
            if __debug__:
                reach("relay.half")
        commit = {"Nats-Batch-Sequence": str(len(events)), "Nats-Batch-Commit": "1"} if others else fence
        answer = await self._broker.request(last.nats_subject, last.wire(), _headers(last) | batch | commit)
        _demand(json.loads(answer.data), last)

    async def publish_each(self, events: Sequence[StoredEvent]) -> None:
        # each expects the one before it, so the last one's acknowledgement stands for all, and nobody waits for the others'
        *others, last = events
        after: dict[str, str] = {}
        for event in others:
            await self._broker.send(event.nats_subject, event.wire(), _headers(event) | after | _fence(event))
            if __debug__:
                reach("relay.half")
            after = {"Nats-Expected-Last-Msg-Id": event.id}
        answer = await self._broker.request(last.nats_subject, last.wire(), _headers(last) | after | _fence(last))
        _demand(json.loads(answer.data), last)


def _fence(event: StoredEvent) -> dict[str, str]:
    """Return what makes the server take an event only as the number that its sequence is."""
    return {"Nats-Expected-Last-Sequence": str(event.sequence - 1)}


def _headers(event: StoredEvent) -> dict[str, str]:
    headers = {"Nats-Msg-Id": event.id}
    return headers | {"traceparent": event.traceparent} if event.traceparent else headers


def _demand(ack: Mapping[str, Any], event: StoredEvent) -> None:
    """Raise PublishRefused unless the server took the event, and as the number that it must have."""
    if "error" in ack:
        raise PublishRefused(ack["error"].get("description", "The stream refused."))
    if ack.get("duplicate") or ack["seq"] != event.sequence:
        raise PublishRefused(f"The event {event.sequence} was acknowledged with {dict(ack)}.")


class JetStreamDurable:
    """A durable pull consumer. One acknowledgement stands for all messages before it, and the consumer's own checkpoint for both."""

    def __init__(self, broker: Connection, stream: str, name: str) -> None:
        self.stream = stream
        self.name = name
        self._broker = broker
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._inbox: str | None = None
        self._pulls = 0

    def configuration(self) -> dict[str, Any]:
        """Return its declaration in JetStream's words."""
        return {
            "name": self.name,
            "durable_name": self.name,
            # what was before is read from the owner's feed
            "deliver_policy": "new",
            "ack_policy": "all",
            "ack_wait": 30 * _NANOSECONDS,
            "max_deliver": -1,
            "max_ack_pending": 1000,
            "replay_policy": "instant",
        }

    async def ensure(self) -> bool:
        if self._inbox is None:
            self._inbox = await self._broker.inbox(f"pull.{self.stream}", self._arrived.put_nowait)
            self._broker.on_loss.append(lambda: self._arrived.put_nowait(None))
        while not self._arrived.empty():
            self._arrived.get_nowait()  # meant for an earlier connection; what is not acknowledged comes again
        declared = self.configuration()
        info = await self._broker.api(f"CONSUMER.INFO.{self.stream}.{self.name}")
        if _code(info) != _NOT_FOUND:
            there = _checked(info)["config"]
            if all(there.get(key) == value for key, value in declared.items()):
                return False
            logger.warning("The consumer %s of %s had drifted from its declaration.", self.name, self.stream)
            _checked(await self._broker.api(f"CONSUMER.DELETE.{self.stream}.{self.name}"))
        body = {"stream_name": self.stream, "config": declared, "action": "create"}
        if __debug__:
            reach("durable.create")
        answer = await self._broker.api(f"CONSUMER.CREATE.{self.stream}.{self.name}", body)
        if _code(answer) == _NOT_FOUND:
            raise StreamMissing(f"There is no stream {self.stream}.")
        _checked(answer)
        return True

    async def fetch(self, limit: int, timeout: float) -> list[Delivery]:  # noqa: ASYNC109 -- it is no error
        if self._inbox is None:
            raise StreamMissing("The consumer was not made sure of.")
        self._pulls += 1
        # "no_wait" with "expires" waits for the first message, and then gives what there is without waiting for more
        wish = {"batch": limit, "no_wait": True, "expires": int(timeout * _NANOSECONDS)}
        if timeout > 2 * _HEARTBEAT:
            wish["idle_heartbeat"] = int(_HEARTBEAT * _NANOSECONDS)
        pull = f"{self._inbox}.{self._pulls}"
        await self._broker.send(f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.name}", json.dumps(wish).encode(), reply=pull)
        found: list[Delivery] = []
        while len(found) < limit:
            message = await self._next()
            code = status(message)
            if code is None:
                found.append(Delivery(message.data, message.reply))
            elif message.subject == pull and code != "100":  # a heartbeat, or an older request's end, says nothing
                if code not in {"404", "408"} and not found:
                    raise StreamMissing(f"{self.stream} has no place for {self.name} at the moment ({code}).")
                break
        return found

    async def _next(self) -> Msg:
        try:
            async with asyncio.timeout(3 * _HEARTBEAT):
                message = await self._arrived.get()
        except TimeoutError:
            raise BrokerDown("The heartbeats of the broker stay away.") from None
        if message is None:
            raise BrokerDown("The connection was lost.")
        return message

    async def ack(self, delivery: Delivery) -> None:
        await self._broker.send(delivery.token, b"+ACK")


def _code(answer: Mapping[str, Any]) -> int | None:
    code: int | None = answer.get("error", {}).get("code")
    return code


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise BrokerError(f"JetStream refuses: {answer['error'].get('description')}")
    return answer

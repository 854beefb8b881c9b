"""A broker of memory that does, by chance, what a real one may do: lose acknowledgements, repeat, reorder, forget, come back older."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from events.envelope import StoredEvent
from events.streams import BrokerDown, Delivery, PublishRefused, StreamMissing, Tail


@dataclass
class Place:
    """A durable consumer: the number after which it is given messages, and those that it was given but did not acknowledge."""

    after: int
    pending: list[int] = field(default_factory=list)


@dataclass
class Stream:
    """Messages by number, the last number, and the consumers of them."""

    messages: dict[int, bytes] = field(default_factory=dict)
    last: int = 0
    places: dict[str, Place] = field(default_factory=dict)


class VirtualBroker:
    """`trouble` is the chance of each thing that can go wrong; 0: nothing does."""

    def __init__(self, random: Random, trouble: float) -> None:
        self.random = random
        self.trouble = trouble
        self.streams: dict[str, Stream] = {}
        self.published: list[str] = []
        self._copy: dict[str, Stream] = {}

    def unlucky(self) -> bool:
        return self.random.random() < self.trouble

    def wipe(self) -> None:
        self.streams = {}

    def keep(self) -> None:
        """Make a backup."""
        self._copy = deepcopy(self.streams)

    def bring_back(self) -> None:
        """Replace everything by the backup."""
        self.streams = deepcopy(self._copy)

    async def weather(self) -> None:
        """Let others go first, and fail now and then."""
        for _ in range(self.random.randint(0, 2)):
            await asyncio.sleep(0)
        if self.unlucky():
            raise BrokerDown("by chance")

    def messages(self, stream: str) -> dict[int, bytes]:
        """Return what the stream holds, by its numbers, in its order."""
        return self.streams[stream].messages if stream in self.streams else {}


class VirtualLog:
    """A `StreamLog`. Like JetStream it numbers what it takes, and takes all of a batch or nothing, fenced by the last number."""

    def __init__(self, broker: VirtualBroker, name: str, keep: int) -> None:
        self.name = name
        self._broker = broker
        self._keep = keep

    async def tail(self) -> Tail | None:
        await self._broker.weather()
        stream = self._broker.streams.get(self.name)
        return Tail(stream.last, stream.messages.get(stream.last)) if stream else None

    async def ensure(self, after: int) -> None:
        await self._broker.weather()
        self._broker.streams.setdefault(self.name, Stream(last=after))
        await self._broker.weather()

    async def delete(self) -> None:
        await self._broker.weather()
        self._broker.streams.pop(self.name, None)
        await self._broker.weather()

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        await self._broker.weather()
        if self.name not in self._broker.streams:
            raise StreamMissing(self.name)
        stream = self._broker.streams[self.name]
        if stream.last != events[0].sequence - 1:
            raise PublishRefused(f"wrong last sequence: {stream.last}")
        for event in events:
            stream.last += 1
            stream.messages[stream.last] = event.wire()
            stream.messages.pop(stream.last - self._keep, None)
        await self._broker.weather()  # the acknowledgement gets lost

    async def publish_each(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            await self.publish([event])


class VirtualDurable:
    """A `DurableFetch` that repeats what was acknowledged and mixes up what it gives, when it has bad luck."""

    def __init__(self, broker: VirtualBroker, stream: str, name: str) -> None:
        self._broker = broker
        self._stream = stream
        self._name = name

    async def ensure(self) -> bool:
        await self._broker.weather()
        stream = self._broker.streams.get(self._stream)
        if stream is None:
            raise StreamMissing(self._stream)
        made = self._name not in stream.places
        if made:
            stream.places[self._name] = Place(stream.last)
        return made

    async def fetch(self, limit: int, timeout: float) -> list[Delivery]:  # noqa: ASYNC109 -- the protocol's
        await self._broker.weather()
        stream = self._broker.streams.get(self._stream)
        place = stream.places.get(self._name) if stream else None
        if stream is None or place is None:
            raise StreamMissing(self._stream)
        again = place.pending if self._broker.unlucky() else []
        fresh = [number for number in stream.messages if number > place.after][: self._broker.random.randint(1, limit)]
        old = [number for number in stream.messages if self._broker.unlucky() and number <= place.after]
        given = [*again, *old, *fresh]
        if self._broker.unlucky():
            self._broker.random.shuffle(given)
        place.after = max([place.after, *fresh])
        place.pending = sorted({*place.pending, *given})
        await self._broker.weather()  # what was given gets lost on the way
        return [Delivery(stream.messages[number], str(number)) for number in given if number in stream.messages]

    async def ack(self, delivery: Delivery) -> None:
        await self._broker.weather()
        stream = self._broker.streams.get(self._stream)
        if stream and (place := stream.places.get(self._name)):
            place.pending = [number for number in place.pending if number > int(delivery.token)]

"""What the relay and the consumers need of a broker, and how it can fail them. `events.jetstream` has it from NATS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from events.envelope import StoredEvent


class BrokerError(Exception):
    """The broker did not do what it was asked; whether it was done in part is unknown."""


class BrokerDown(BrokerError):
    """There is no connection, or no answer in time."""


class StreamMissing(BrokerError):
    """Nobody has a stream, or a consumer, of that name."""


class PublishRefused(BrokerError):
    """The stream is not where the publisher believed it to be, or it took a message for a duplicate."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a stream: its own number of the last message, or the one before its first; and that message's bytes, None: it is empty."""

    number: int
    wire: bytes | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a consumer was given. `token` acknowledges it, and all before it."""

    wire: bytes
    token: str


class StreamLog(Protocol):
    """One source's stream, as its relay sees it. Every method raises BrokerError.

    The stream's own number of an event is the event's sequence in the log, in this life of the stream and in any other: whoever publishes,
    however late, can only put an event where it belongs, and never a second time.
    """

    name: str

    async def tail(self) -> Tail | None:
        """Return the end of the stream; None when there is no stream."""

    async def ensure(self, after: int) -> None:
        """Create the stream as it is declared, to begin with the event after that sequence.

        One that is there is brought back to its declaration and goes on where it stands.
        """

    async def delete(self) -> None:
        """Delete the stream and everything in it; nothing happens when there is none."""

    async def publish(self, events: Sequence[StoredEvent]) -> None:
        """Append all of these events, which follow each other, or none. Raises PublishRefused unless the stream ends just before them."""

    async def publish_each(self, events: Sequence[StoredEvent]) -> None:
        """Append a few events one after the other. Raises PublishRefused unless the stream ends just before them.

        None stands in the stream without those before it; after an error some may.
        """


class DurableFetch(Protocol):
    """One service's place in one source's stream. Every method raises BrokerError."""

    async def ensure(self) -> bool:
        """Make sure that the consumer exists as it is declared; return whether it had to be made, which means that it begins at now."""

    async def fetch(self, limit: int, timeout: float) -> list[Delivery]:  # noqa: ASYNC109 -- it is no error
        """Return what has arrived, at most `limit`; wait up to `timeout` seconds for the first one.

        Raises StreamMissing when the consumer is gone.
        """

    async def ack(self, delivery: Delivery) -> None:
        """Let the broker forget that delivery and all before it. It may get lost: then they come again."""


def stream_name(source: str) -> str:
    """Return "EVENTS_TICKETS" for the source "/tickets"."""
    return f"EVENTS_{source.strip('/').upper()}"

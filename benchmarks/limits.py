"""What the parts below the desk can do at most, with nothing of ours in between: SQLite and a nats-server, both syncing to disk.

Each takes the same bytes, an event as it travels, and returns events a second.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from benchmarks.broker import RunningBroker
from events.jetstream import EventStream
from events.store import SQLITE

_STREAM = "EVENTS_TICKETS"
_SUBJECT = "events.tickets.ticket.1.created"
_INSERT = "INSERT INTO log (event) VALUES (?)"


class RawSqlite:
    """One table of a number and some bytes; WAL, synchronous FULL."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rate(self, events: Sequence[bytes], at_once: int) -> float:
        """Insert the events, `at_once` in each transaction."""
        connection = self._connection
        began = time.perf_counter()
        for first in range(0, len(events), at_once):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, [(event,) for event in events[first : first + at_once]])
            connection.execute("COMMIT")
        return len(events) / (time.perf_counter() - began)


@contextmanager
def raw_sqlite(path: Path) -> Iterator[RawSqlite]:
    """Open a new file."""
    connection = SQLITE.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE log (sequence INTEGER PRIMARY KEY, event BLOB NOT NULL)")
        yield RawSqlite(connection)
    finally:
        connection.close()


class RawNats:
    """nats-py's own client on a stream like the relay's."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._batches = 0

    async def one_by_one(self, events: Sequence[bytes]) -> float:
        """Publish each when the one before is acknowledged."""
        stream = self._client.jetstream()
        began = time.perf_counter()
        for event in events:
            await stream.publish(_SUBJECT, event)
        return len(events) / (time.perf_counter() - began)

    async def in_batches(self, events: Sequence[bytes], at_once: int) -> float:
        """Publish in JetStream's atomic batches. Raises RuntimeError when one is refused."""
        began = time.perf_counter()
        for first in range(0, len(events), at_once):
            *others, last = events[first : first + at_once]
            self._batches += 1
            batch = {"Nats-Batch-Id": f"batch-{self._batches}"}
            for place, event in enumerate(others, 1):
                await self._client.publish(_SUBJECT, event, headers=batch | {"Nats-Batch-Sequence": str(place)})
            commit = {"Nats-Batch-Sequence": str(len(others) + 1), "Nats-Batch-Commit": "1"}
            _checked(await self._client.request(_SUBJECT, last, timeout=10, headers=batch | commit))
        return len(events) / (time.perf_counter() - began)


@asynccontextmanager
async def raw_nats(running: RunningBroker) -> AsyncIterator[RawNats]:
    """Connect and make the stream."""
    client = Client()
    await client.connect(running.url, user=running.user, password=running.password, inbox_prefix=f"_INBOX_{running.user}".encode())
    try:
        declared = EventStream(name=_STREAM, keep=100_000, replicas=1).configuration()
        _checked(await client.request(f"$JS.API.STREAM.CREATE.{_STREAM}", json.dumps(declared).encode(), timeout=10))
        yield RawNats(client)
    finally:
        await client.close()


def _checked(answer: Any) -> None:
    said = json.loads(answer.data)
    if "error" in said:
        raise RuntimeError(f"The broker refused: {said['error']}")

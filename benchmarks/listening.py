"""Open pages, many of them: streams of server-sent events in a process of its own, which notes when each notification came.

`Listeners` speaks with it in lines: it is told whose streams to open, says when all are, and, when asked, says how many notifications have
come, or which and when.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from benchmarks.pipes import write_line

_OPENING = 180.0
_AT_ONCE = 64
_AGAIN = 0.5


class Arrival(NamedTuple):
    """A notification on one stream: of which ticket, and when, in seconds since 1970."""

    stream: int
    ticket: int
    at: float


class Listeners:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def count(self) -> int:
        """Return how many notifications have come on all streams together."""
        return int(self._ask("count"))

    def take(self) -> list[Arrival]:
        """Return what has come since the last time, in the order in which it came."""
        return [Arrival(*each) for each in json.loads(self._ask("take"))]

    def wait_for(self, count: int, patience: float = 60.0) -> None:
        """Return once so many have come. Raises TimeoutError."""
        end = time.monotonic() + patience
        while (come := self.count()) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{come} of {count} notifications have come.")
            time.sleep(0.05)

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("The listeners have ended.")
        return line


@contextmanager
def listening(port: int, cookies: Sequence[str]) -> Iterator[Listeners]:
    """Open a stream for each cookie at the notifier, and keep them open for as long as the block runs. Raises RuntimeError."""
    command = [sys.executable, "-m", "benchmarks.listening"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    try:
        made = Listeners(process)
        if (said := made._ask(json.dumps({"port": port, "cookies": list(cookies)})).strip()) != "open":  # noqa: SLF001 -- its maker
            raise RuntimeError(f"The streams were not opened: {said}")
        yield made
    finally:
        process.kill()
        process.communicate()


def chunks(received: bytearray) -> Iterator[bytes]:
    """Take the whole chunks of a chunked body off what was received, and yield what they hold (RFC 9112, section 7.1)."""
    while (end := received.find(b"\r\n")) >= 0:
        size = int(received[:end], 16)
        if len(received) < end + 2 + size + 2:
            return
        yield bytes(received[end + 2 : end + 2 + size])
        del received[: end + 2 + size + 2]


def tickets_in(chunk: bytes) -> Iterator[int]:
    """Yield the tickets of the notifications in a chunk; the server sends whole events."""
    for event in chunk.split(b"\n\n"):
        if event.startswith(b"event: notification\n"):
            data = next(line for line in event.split(b"\n") if line.startswith(b"data: "))
            yield int(json.loads(data[6:])["ticket_id"])


class _Stream(asyncio.Protocol):
    def __init__(self, number: int, cookie: str, port: int, arrivals: list[Arrival]) -> None:
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """False where the person has too many streams open."""
        self._number, self._arrivals = number, arrivals
        self._request = f"GET /api/notifications/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
        self._received = bytearray()
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._received += data
        if not self._in_body:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            if head.startswith(b"HTTP/1.1 429"):
                self._transport.abort()
                self.opened.set_result(False)
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(head.split(b"\r\n")[0].decode())
                return
            self._in_body = True
            del self._received[: len(head) + 4]
        for chunk in chunks(self._received):
            if not self.opened.done():
                self.opened.set_result(True)  # the first is the count of what is unread: from here on nothing is missed
            self._arrivals += [Arrival(self._number, ticket, now) for ticket in tickets_in(chunk)]

    def connection_lost(self, _error: Exception | None) -> None:
        self._fail("a stream was closed")

    def _fail(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))


def _itself(stream: _Stream) -> _Stream:
    return stream


async def _open(port: int, cookies: Sequence[str], arrivals: list[Arrival]) -> None:
    """Open all streams, some at once, and return when each has said something. Raises OSError or TimeoutError."""

    async def one(number: int) -> None:
        while True:
            stream = _Stream(number, cookies[number], port, arrivals)
            await asyncio.get_running_loop().create_connection(partial(_itself, stream), "127.0.0.1", port)
            if await stream.opened:
                return
            await asyncio.sleep(_AGAIN)  # the places of those that were just closed are not free yet

    async with asyncio.timeout(_OPENING):
        for first in range(0, len(cookies), _AT_ONCE):
            await asyncio.gather(*map(one, range(first, min(first + _AT_ONCE, len(cookies)))))


async def _main() -> None:
    said = json.loads(await asyncio.to_thread(sys.stdin.readline))
    arrivals: list[Arrival] = []
    come = 0
    try:
        await _open(said["port"], said["cookies"], arrivals)
    except (OSError, TimeoutError) as error:
        write_line(f"{type(error).__name__}: {error}")
        return
    write_line("open")
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if word == "count":
            write_line(str(come + len(arrivals)))
        else:
            taken, come = list(arrivals), come + len(arrivals)
            arrivals.clear()
            write_line(json.dumps(taken))


if __name__ == "__main__":
    import uvloop

    uvloop.run(_main())

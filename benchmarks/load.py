"""Load on one address of this machine: by `wrk` where it is installed, else by a generator of our own in a process of its own.

Both keep a number of connections busy for a number of seconds, the next request following the last answer.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

LONGEST = 60.0
MOST_CONNECTIONS = 256
_PATIENCE = 15.0  # seconds beyond the load after which a server that does not answer is given up
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The same request again and again. `url` is on loopback; `body` makes it a POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    connections: int = 32
    seconds: float = 3.0

    def __post_init__(self) -> None:
        if urlsplit(self.url).hostname not in _LOOPBACK:
            raise ValueError("Load is put on this machine alone.")
        if not (0 < self.seconds <= LONGEST and 0 < self.connections <= MOST_CONNECTIONS):
            raise ValueError(f"At most {LONGEST:.0f} seconds and {MOST_CONNECTIONS} connections.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`rate` is 2xx answers per second; `failed` counts all others."""

    rate: float
    failed: int


def tool() -> str:
    """Return the name of what makes the load."""
    return "wrk" if shutil.which("wrk") else "own generator"


def run(load: Load) -> Outcome:
    """Put the load on and return what came of it."""
    return _run_wrk(load) if shutil.which("wrk") else _run_own(load)


def _run_wrk(load: Load) -> Outcome:
    headers = "".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in load.headers.items())
    body = f'wrk.method = "POST"\nwrk.body = {json.dumps(load.body)}\n' if load.body is not None else ""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(headers + body)
        script.flush()
        command = ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}s", "-s", script.name, load.url]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=load.seconds + 2 * _PATIENCE).stdout
    return read_wrk(said)


def read_wrk(said: str) -> Outcome:
    """Return what wrk reports. Its rate counts every answer, so those that failed are taken off. Raises ValueError for other text."""
    total = re.search(r"(\d+) requests in ([\d.]+)(s|m)", said)
    if total is None:
        raise ValueError("This is no report of wrk.")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    seconds = float(total[2]) * (60 if total[3] == "m" else 1)
    bad = int(failed[1]) if failed else 0
    return Outcome(rate=(int(total[1]) - bad) / seconds, failed=bad)


def _run_own(load: Load) -> Outcome:
    command = [sys.executable, "-m", "benchmarks.load"]
    said = subprocess.run(
        command, input=json.dumps(asdict(load)), check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    return Outcome(**json.loads(said.stdout))


def request_to(method: str, url: str, headers: Mapping[str, str], body: str | None) -> bytes:
    """Return a request as it is sent."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    content = (body or "").encode()
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
    if content:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def first_answer(received: bytes) -> tuple[int, bytes] | None:
    """Return the status of the first answer in it and what follows; None while it is not whole. Raises RuntimeError without a length."""
    head, found, rest = received.partition(b"\r\n\r\n")
    if not found:
        return None
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length is None:
        raise RuntimeError("The server sends answers without a length.")
    if len(rest) < int(length[1]):
        return None
    return int(head.split(b" ", 2)[1]), rest[int(length[1]) :]


class _Connection(asyncio.Protocol):
    """One connection that asks, reads the whole answer, and asks again until the end."""

    def __init__(self, request: bytes, end: float, done: asyncio.Future[None]) -> None:
        self.answered = self.failed = 0
        self._request, self._end, self._done = request, end, done
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without deriving from it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if (answer := first_answer(self._buffer)) is None:
            return
        status, self._buffer = answer
        if 200 <= status < 300:
            self.answered += 1
        else:
            self.failed += 1
        if time.monotonic() < self._end:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            if error is None and time.monotonic() >= self._end:
                self._done.set_result(None)
            else:
                self._done.set_exception(error or ConnectionError("The server closed the connection."))


async def generate(load: Load) -> Outcome:
    """Put the load on from this very process."""
    parts = urlsplit(load.url)
    request = request_to("POST" if load.body is not None else "GET", load.url, load.headers, load.body)
    loop = asyncio.get_running_loop()
    start = time.monotonic()
    made: list[_Connection] = []
    ends: list[asyncio.Future[None]] = []
    async with asyncio.timeout(load.seconds + _PATIENCE):
        for _ in range(load.connections):
            ends.append(loop.create_future())
            made.append(_Connection(request, start + load.seconds, ends[-1]))
            await loop.create_connection(partial(_itself, made[-1]), parts.hostname or "", parts.port or 80)
        await asyncio.gather(*ends)
    elapsed = time.monotonic() - start
    return Outcome(rate=sum(one.answered for one in made) / elapsed, failed=sum(one.failed for one in made))


def _itself(connection: _Connection) -> _Connection:
    return connection


if __name__ == "__main__":
    import uvloop

    print(json.dumps(asdict(uvloop.run(generate(Load(**json.loads(sys.stdin.read())))))))

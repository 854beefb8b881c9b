"""Requests at a fixed rate, whatever the answers do: each has its planned moment, and its latency counts from there.

A generator that waits for an answer before it asks again asks less while the server is slow, and so leaves out just those requests that
would have waited the longest ("coordinated omission", Gil Tene). Here a request whose moment has come is sent, on a connection of its own
if all others are busy; once there are `connections` of them, it waits, and its waiting counts. It runs in a process of its own; the loop's
timers are exact to a millisecond, and what that adds counts too.
"""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from benchmarks.load import first_answer, request_to
from benchmarks.pipes import write_line

_PATIENCE = 30.0
"""Seconds beyond the end in which everything must be answered."""
_BEFORE = 0.2
"""Seconds between the start of the process's work and the first request."""


class Request(NamedTuple):
    method: str
    path: str
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rate` is in requests a second; they are taken in turn. `url` is the address of a server on this machine."""

    url: str
    rate: float
    seconds: float
    requests: Sequence[Request]
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 128

    def __post_init__(self) -> None:
        if urlsplit(self.url).hostname not in {"127.0.0.1", "localhost"}:
            raise ValueError("Load is put on this machine alone.")
        if not (self.requests and self.rate > 0 and self.seconds > 0):
            raise ValueError("A plan has requests, a rate and a duration.")


class Answered(NamedTuple):
    """One request: when it should have been sent and when its answer was there, in seconds since 1970; `status` 0: none came."""

    planned: float
    answered: float
    status: int

    @property
    def latency(self) -> float:
        return self.answered - self.planned


def run(plan: Plan) -> list[Answered]:
    """Carry a plan out in a process of its own; what it returns is in the order of the plan. Raises RuntimeError unless all was well."""
    command = [sys.executable, "-m", "benchmarks.open_loop"]
    said = subprocess.run(
        command, input=json.dumps(asdict(plan)), check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    )
    answers = [Answered(*each) for each in json.loads(said.stdout)]
    failed = [each.status for each in answers if not 200 <= each.status < 300]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(answers)} requests failed: {sorted(set(failed))}.")
    return answers


class _Connection(asyncio.Protocol):
    """Carries one request at a time."""

    def __init__(self, generator: "_Generator") -> None:
        self._generator = generator
        self._buffer = b""
        self._carried: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without deriving from it
        self._generator.free(self)

    def carry(self, number: int, request: bytes) -> None:
        self._carried = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if (answer := first_answer(self._buffer)) is None or self._carried is None:
            return
        (status, self._buffer), carried, self._carried = answer, self._carried, None
        self._generator.note(carried, status)
        self._generator.free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._generator.lose(self, self._carried)

    def close(self) -> None:
        self._transport.close()


class _Generator:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sent = [request_to(each.method, plan.url + each.path, plan.headers, each.body) for each in plan.requests]
        self._count = round(plan.rate * plan.seconds)
        self._answers: list[Answered | None] = [None] * self._count
        self._planned: list[float] = []
        self._idle: list[_Connection] = []
        self._waiting: deque[int] = deque()
        self._open = self._left = 0
        self._done = asyncio.Event()

    async def run(self) -> list[Answered]:
        start = time.time() + _BEFORE
        self._planned = [start + number / self._plan.rate for number in range(self._count)]
        self._left = self._count
        number = 0
        while number < self._count:
            if (wait := self._planned[number] - time.time()) > 0:
                await asyncio.sleep(wait)
                continue
            self._begin(number)
            number += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._done.wait()
        except TimeoutError:
            pass  # what has no answer by now has none
        now = time.time()
        return [each or Answered(planned, now, 0) for each, planned in zip(self._answers, self._planned, strict=True)]

    def _begin(self, number: int) -> None:
        if self._idle:
            self._carry(self._idle.pop(), number)
            return
        self._waiting.append(number)
        if self._open < self._plan.connections:
            self._open += 1
            self._connect()

    def _connect(self) -> None:
        parts = urlsplit(self._plan.url)
        loop = asyncio.get_running_loop()
        made = loop.create_task(loop.create_connection(lambda: _Connection(self), parts.hostname or "", parts.port or 80))
        made.add_done_callback(lambda task: self.lose(None, None) if task.exception() else None)

    def _carry(self, connection: _Connection, number: int) -> None:
        connection.carry(number, self._sent[number % len(self._sent)])

    def free(self, connection: _Connection) -> None:
        """Give the connection what waits the longest, or keep it for the next."""
        if self._waiting:
            self._carry(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def note(self, number: int, status: int) -> None:
        """Write down that a request was answered."""
        self._answers[number] = Answered(self._planned[number], time.time(), status)
        self._left -= 1
        if not self._left:
            self._done.set()

    def lose(self, connection: _Connection | None, carried: int | None) -> None:
        """A connection is gone; what it carried failed."""
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        if carried is not None:
            self.note(carried, 0)


async def generate(plan: Plan) -> list[Answered]:
    """Carry a plan out in this very process."""
    return await _Generator(plan).run()


def _plan_in(text: str) -> Plan:
    said: dict[str, Any] = json.loads(text)
    return Plan(**{**said, "requests": [Request(*each) for each in said["requests"]]})


if __name__ == "__main__":
    import uvloop

    wanted = _plan_in(sys.stdin.read())
    gc.collect()
    gc.disable()  # a collection in the middle would be taken for the server's slowness
    write_line(json.dumps(uvloop.run(generate(wanted))))

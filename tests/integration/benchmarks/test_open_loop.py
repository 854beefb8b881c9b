"""Load at planned times: what a server delays is delayed for everybody behind it, and is seen to be."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.figure import percentile
from benchmarks.open_loop import Plan, Request, generate

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Counter:
    """A server that answers, after `before` was awaited for each request, and knows what it was asked."""

    def __init__(self, before: Callable[[int], Awaitable[None]], answer: bytes = OK) -> None:
        self.asked: list[bytes] = []
        self._before, self._answer = before, answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head)
                await self._before(len(self.asked))
                writer.write(self._answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def answers_to(self, **plan: object) -> list[tuple[float, int]]:
        """Return (latency in seconds, status) of each request of a plan."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            made = Plan(**{"url": url, "rate": 200, "seconds": 0.5, "requests": [Request("GET", "/")], **plan})  # type: ignore[arg-type]
            return [(each.latency, each.status) for each in await generate(made)]


async def at_once(_number: int) -> None:
    pass


async def test_requests_come_at_their_rate_in_turn() -> None:
    server, began = Counter(at_once), time.monotonic()
    answers = await server.answers_to(requests=[Request("GET", "/a"), Request("GET", "/b?c=1")])
    assert time.monotonic() - began >= 0.49, "a hundred in half a second, and not all at once"
    assert [status for _, status in answers] == [200] * 100
    assert sum(head.startswith(b"GET /a HTTP") for head in server.asked) == 50
    assert sum(head.startswith(b"GET /b?c=1 HTTP") for head in server.asked) == 50


async def test_a_pause_of_the_server_counts_for_all_whose_moment_it_covers() -> None:
    """One connection, and a pause of 0.3 s in 0.5 s: a closed loop would have one slow request of many."""
    paused = asyncio.Event()

    async def once(number: int) -> None:
        if number == 10:
            paused.set()
            await asyncio.sleep(0.3)

    answers = await Counter(once).answers_to(connections=1)
    slow = [latency for latency, _ in answers if latency > 0.1]
    assert paused.is_set()
    assert len(slow) > 30
    assert percentile(slow, 100) >= 0.29


async def test_requests_that_meet_only_busy_connections_get_further_ones() -> None:
    together = asyncio.Barrier(6)  # who comes first is answered only when five more have come, each by a connection of its own

    async def slow(number: int) -> None:
        if number <= together.parties:
            await together.wait()

    answers = await Counter(slow).answers_to(rate=100, connections=50)
    assert [status for _, status in answers] == [200] * 50


async def test_refusals_and_closed_connections_are_told_apart_from_answers() -> None:
    refused = await Counter(at_once, b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").answers_to(seconds=0.05)
    assert {status for _, status in refused} == {503}

    async def break_off(_number: int) -> None:
        raise asyncio.IncompleteReadError(b"", None)

    broken = await Counter(break_off).answers_to(seconds=0.05)
    assert {status for _, status in broken} == {0}


@pytest.mark.parametrize("plan", [{"url": "http://192.0.2.1/"}, {"requests": []}, {"rate": 0}, {"seconds": 0}])
def test_a_plan_is_for_this_machine_and_has_something_to_do(plan: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"this machine|A plan has"):
        Plan(**{"url": "http://127.0.0.1:1", "rate": 1, "seconds": 1, "requests": [Request("GET", "/")], **plan})  # type: ignore[arg-type]

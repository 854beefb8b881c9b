"""The feed as a stream: what happens comes at once, and who comes back misses nothing and gets nothing twice."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest
from sqlalchemy import Connection

from chassis import sse
from chassis.sse import MOST_STREAMS
from tests.integration.tickets.conftest import Desk, Json, good, refused, running_desk
from tests.integration.tickets.following import STREAM, following, page, pages
from tests.support.house import eventually
from tickets import feed, live
from tickets.feed import Bounds, Part, Wanted
from tickets.live import Readers


def readers(desk: Desk) -> Readers:
    found: Readers = desk.house.running("tickets").parts.readers  # type: ignore[attr-defined]
    return found


async def now(desk: Desk) -> str:
    await desk.house.settled()
    return str((await page(desk.ada, after="now"))["next"])


@pytest.fixture
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk of its own, for tests after which it is not the same."""
    async with running_desk(tmp_path_factory.mktemp("alone")) as running:
        yield running


async def test_what_happens_comes_as_it_is_in_the_pages(desk: Desk) -> None:
    start = await now(desk)
    async with following(desk.ada, f"after={start}") as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        assert await stream.begun() == start
        first = await desk.open()
        assert (await stream.next())["event"]["head"]["subject"] == f"ticket/{first['id']}"
        good(await desk.put(first, "status", "resolved"))
        item = await stream.next()
        assert item == (await pages(desk.ada, after=start))[1]


async def test_it_begins_at_the_beginning_at_a_position_or_now(desk: Desk) -> None:
    whole = await pages(desk.ada)
    async with following(desk.ada) as stream:
        assert await stream.begun() == "0"
        assert [await stream.next() for _ in whole] == whole
    async with following(desk.ada, f"after={whole[2]['position']}") as stream:
        assert [await stream.next() for _ in whole[3:]] == whole[3:]
    async with following(desk.ada, "after=now") as stream:
        await stream.begun()
        ticket = await desk.open()
        assert (await stream.next())["event"]["head"]["subject"] == f"ticket/{ticket['id']}"


async def test_the_last_event_id_counts_and_not_where_the_stream_was_first_asked_to_begin(desk: Desk) -> None:
    """A browser comes back with the address that it came with at first."""
    whole = await pages(desk.ada)
    async with following(desk.ada, "after=0", last_id=whole[-2]["position"]) as stream:
        assert await stream.next() == whole[-1]


async def test_it_is_narrowed_as_the_pages_are(desk: Desk) -> None:
    start = await now(desk)
    async with following(desk.ada, f"after={start}&type=ticket.status_changed&entity=ticket") as stream:
        ticket = await desk.open()
        good(await desk.put(ticket, "priority", "high"))
        good(await desk.put(ticket, "status", "resolved"))
        assert (await stream.next())["event"]["head"]["type"] == "ticket.status_changed"


async def test_a_reader_for_whom_there_is_nothing_does_not_begin_again_where_it_began(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT", 0.3)
    start = await now(desk)
    async with following(desk.ada, f"after={start}&type=job.retried") as stream:
        for _ in range(3):
            await desk.open()
        end = await now(desk)
        async with asyncio.timeout(20):
            while await stream.beat() != end:
                pass
    looked: list[int] = []
    read = feed.read

    def noted(connection: Connection, after: int, wanted: Wanted, bounds: Bounds) -> Part:
        looked.append(after)
        return read(connection, after, wanted, bounds)

    monkeypatch.setattr(feed, "read", noted)
    async with following(desk.ada, f"after={start}&type=job.retried", last_id=end) as stream:
        assert await stream.begun() == end
        await stream.beat()
    assert looked == [], "There is nothing to look through again."


async def test_a_reader_for_whom_there_is_nothing_hears_that_the_stream_lives_however_busy_the_desk_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT", 0.5)
    start = await now(desk)

    async def busy() -> None:
        while True:  # far more often than a heartbeat
            await desk.open()

    working = asyncio.create_task(busy())
    try:
        async with following(desk.ada, f"after={start}&type=job.retried") as stream:
            beats = [await stream.beat() for _ in range(3)]
    finally:
        working.cancel()
    at = [item["position"] for item in await pages(desk.ada)]
    assert sorted(beats, key=at.index) == beats
    assert len(set(beats)) > 1, "They say how far the journal was looked through."


async def test_a_long_way_in_vain_is_told_of_before_its_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loses the connection on the way goes on where the journal was looked through to."""
    monkeypatch.setattr(feed, "_LOOKED_AT", 3)
    monkeypatch.setattr(live, "MORSEL", Bounds(events=200, size=10_000, seconds=-1.0))
    whole = await pages(desk.ada)
    async with following(desk.ada, "type=job.retried") as stream:
        assert [await stream.beat() for _ in range(3)] == [whole[at]["position"] for at in (2, 5, 8)]


async def test_a_long_absence_is_caught_up_with_in_small_parts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MORSEL", Bounds(events=2, size=1, seconds=10.0))
    whole = await pages(desk.ada)
    async with following(desk.ada) as stream:
        assert [await stream.next() for _ in whole] == whole


async def read_on(desk: Desk, wanted: str, until: int, lasts: int, start: str) -> list[Json]:
    """Return `until` items, in streams of `lasts` items each; one that breaks off is come back to as a browser does."""
    items: list[Json] = []
    last_id = start
    while len(items) < until:
        try:
            async with following(desk.ada, wanted, last_id=last_id) as stream:
                last_id = await stream.begun()
                for _ in range(min(lasts, until - len(items))):
                    items.append(await stream.next())
                    last_id = items[-1]["position"]
        except (StopAsyncIteration, httpx2.TransportError, AssertionError):  # it ended, is not there, or is just stopping
            await asyncio.sleep(0.05)
    return items


async def test_many_who_come_and_go_under_load_and_across_restarts_get_everything_once(alone: Desk) -> None:
    start = await now(alone)
    count = 60
    following_all = [asyncio.create_task(read_on(alone, "", count, lasts, start)) for lasts in (1, 7, count)]
    of_one = asyncio.create_task(read_on(alone, "entity=ticket&entity_id=7", 1, 1, start))

    async def opens(number: int) -> None:
        for _ in range(number):
            answer = None
            while answer is None or answer.status_code != 201:
                try:
                    answer = await alone.anna.post("/api/tickets", json={"title": "Load", "body": "It goes on."})
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)

    opening = [asyncio.create_task(opens(count // 4)) for _ in range(4)]
    for _ in range(2):
        await asyncio.sleep(0.3)
        await alone.house.restart("tickets")
    await asyncio.gather(*opening)
    expected = [item for item in await pages(alone.ada, after=start) if item["event"]["head"]["type"].startswith("ticket.")]
    assert len(expected) >= count
    whole = await pages(alone.ada, after=start)
    for items in await asyncio.gather(*following_all):
        assert items == whole[:count]
    assert (await of_one)[0]["event"]["head"]["subject"] == "ticket/7"


async def test_a_stream_ends_when_the_service_stops_and_when_its_reader_is_signed_out(alone: Desk) -> None:
    async with following(alone.ada) as adas, following(alone.alf) as alfs:
        await adas.begun()
        await alfs.begun()
        async with alone.house.client("auth", cookies={"sid": alone.alf.cookies["sid"]}) as door:
            assert (await door.post("/api/auth/logout")).status_code == 204
        assert await alfs.ended()
        refused(await alone.alf.get(STREAM), 401, "not-signed-in")
        stopping = asyncio.create_task(alone.house.stop("tickets"))
        assert await adas.ended()
        await asyncio.wait_for(stopping, 10)


async def test_nobody_takes_too_many_and_who_leaves_gives_the_seat_back(desk: Desk) -> None:
    await eventually(lambda: readers(desk).open == 0, 20)
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(following(desk.ada)) for _ in range(MOST_STREAMS)]
        for stream in held:
            await stream.begun()
        assert readers(desk).open == MOST_STREAMS
        refused(await desk.ada.get(STREAM), 429, "too-many-streams")
        async with following(desk.alf) as stream:
            await stream.begun()
    await eventually(lambda: readers(desk).open == 0, 20)


async def test_a_reader_who_does_not_read_is_dropped_and_costs_no_more_than_a_morsel(alone: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "STALLED", 0.5)
    monkeypatch.setattr(sse, "LAST_WORD", 0.05)
    told: list[int] = []
    take = live.Live.news

    async def counted(self: live.Live) -> bytes:
        told.append(len(news := await take(self)))
        return news

    monkeypatch.setattr(live.Live, "news", counted)
    body = "x" * 20_000
    await asyncio.gather(*(alone.open(alone.anna, title="Long", body=body) for _ in range(300)))  # six megabytes
    settings = alone.house.settings
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", settings.port_of("tickets")))
        cookie = f"sid={alone.ada.cookies['sid']}"
        deaf.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: desk\r\nCookie: {cookie}\r\n\r\n".encode())
        await eventually(lambda: readers(alone).open == 1, 20)
        await eventually(lambda: readers(alone).open == 0, 30)
    assert max(told) <= live.MORSEL.size + 30_000
    assert sum(told) < 5_000_000, "What is not read is not read from the store either."

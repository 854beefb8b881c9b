"""The live feed: what comes, comes at once; who comes back misses nothing and gets nothing twice; who is signed out hears nothing more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from chassis import sse
from chassis.sse import MOST_STREAMS
from notifier import streams
from tests.integration.notifier.conftest import INBOX, Inboxes, inboxes, soon
from tests.integration.notifier.listening import STREAM, listening
from tests.integration.tickets.conftest import good, refused


def open_streams(there: Inboxes) -> int:
    board = there.desk.house.running("notifier").parts.switchboard  # type: ignore[attr-defined]
    return int(board.open)


async def test_a_notification_comes_as_it_is_listed_and_the_count_after_it(there: Inboxes) -> None:
    async with listening(there.anna) as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        assert await stream.next() == ("unread", {"count": await there.count(there.anna)})
        await there.resolve(await there.desk.open())
        name, data = await stream.next()
        assert name == "notification"
        assert await stream.next() == ("unread", {"count": await there.count(there.anna)})
        assert data == (await there.told(there.anna))[0]
        assert stream.retry is not None
        assert 1000 <= stream.retry < 3000


async def test_nobody_hears_what_is_anothers(there: Inboxes) -> None:
    async with listening(there.ben) as stream:
        await stream.next()
        await there.resolve(await there.desk.open())
        await there.resolve(await there.desk.open(there.desk.ben))
        assert (await stream.until("notification"))["kind"] == "ticket.status_changed"
        await stream.until("unread")
        assert len([name for name, _ in stream.heard if name == "notification"]) == 1


async def test_what_is_marked_elsewhere_changes_the_count_here(there: Inboxes) -> None:
    await there.resolve(await there.desk.open())
    newest = (await there.told(there.anna))[0]
    before = await there.count(there.anna)
    async with listening(there.anna) as stream:
        assert await stream.next() == ("unread", {"count": before})
        good_enough = await there.anna.put(f"{INBOX}/{newest['id']}/read")
        assert good_enough.status_code == 204
        assert await stream.next() == ("unread", {"count": before - 1})
        good(await there.anna.post(f"{INBOX}/read-all"))
        assert await stream.next() == ("unread", {"count": 0})


async def test_who_comes_back_gets_everything_since_once_and_in_order(there: Inboxes) -> None:
    async with listening(there.anna) as stream:
        await stream.next()
        left_at = stream.last_id
    assert left_at is not None
    tickets = [await there.desk.open() for _ in range(5)]
    for ticket in tickets[:3]:
        await there.resolve(ticket)
    await there.told(there.anna)
    async with listening(there.anna, after=left_at) as stream:
        got = [(await stream.until("notification"))["ticket_id"] for _ in range(2)]
        left_at = stream.last_id
    for ticket in tickets[3:]:
        await there.resolve(ticket)
    async with listening(there.anna, after=left_at) as stream:
        got += [(await stream.until("notification"))["ticket_id"] for _ in range(3)]
        await stream.until("unread")
    assert got == [ticket["id"] for ticket in tickets]


async def test_a_long_absence_is_caught_up_with_whole(there: Inboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PAGE", 3)
    ticket = await there.desk.open()
    for number in range(11):
        await there.assign(ticket, "alf" if number % 2 == 0 else None)
    whole = [item["id"] for item in reversed(await there.told(there.alf))]
    async with listening(there.alf, after="0") as stream:
        got = [(await stream.until("notification"))["id"] for _ in whole]
    assert got == whole


async def test_many_who_listen_and_come_and_go_all_hear_everything_once(there: Inboxes) -> None:
    """Streams open and close at any moment while notifications are made; each reader's whole is without gap or double."""
    ticket = await there.desk.open()
    start = await _position(there)

    async def reader(lasts: int) -> list[str]:
        seen: list[str] = []
        after = start
        while len(seen) < 12:
            async with listening(there.ada, after=after) as stream:
                seen += [(await stream.until("notification"))["id"] for _ in range(min(lasts, 12 - len(seen)))]
                after = stream.last_id or after
        return seen

    readers = [asyncio.create_task(reader(lasts)) for lasts in (1, 2, 5, 12)]
    for number in range(12):
        await there.assign(ticket, "ada" if number % 2 == 0 else None, by=there.desk.alf)
    told = [item["id"] for item in reversed((await there.told(there.ada))[:12])]
    assert await asyncio.gather(*readers) == [told] * 4


async def _position(there: Inboxes) -> str:
    """Return where a stream of Ada's begins that begins now."""
    async with listening(there.ada) as stream:
        await stream.next()
        assert stream.last_id is not None
        return stream.last_id


@pytest.mark.parametrize("sent", ["x", "-1", "1.5", "1e3", "9" * 19, "9" * 40, "٣"])
async def test_a_position_that_was_never_given_out_is_refused(there: Inboxes, sent: str) -> None:
    headers = {b"Last-Event-ID": sent.encode()}
    refused(await there.anna.get(STREAM, headers=headers), 422, "invalid")


async def test_a_position_that_is_not_reached_yet_is_now(there: Inboxes) -> None:
    """After a restore a reader may have seen more than there is; what comes next is not kept from them."""
    async with listening(there.anna, after="999999") as stream:
        await stream.next()
        await there.resolve(await there.desk.open())
        assert (await stream.until("notification"))["kind"] == "ticket.status_changed"


async def test_a_quiet_stream_shows_that_it_lives(there: Inboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sse.HEARTBEAT == 15
    monkeypatch.setattr(sse, "HEARTBEAT", 0.05)
    async with listening(there.anna) as stream:
        await stream.next()
        with pytest.raises(TimeoutError):
            await stream.next(0.5)
        assert stream.comments >= 3


async def test_a_stream_that_is_closed_gives_its_seat_back_and_nobody_takes_too_many(there: Inboxes) -> None:
    await soon(lambda: _true(open_streams(there) == 0))
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(listening(there.ben)) for _ in range(MOST_STREAMS)]
        for stream in held:
            await stream.next()
        assert open_streams(there) == MOST_STREAMS
        answer = await there.ben.get(STREAM)
        refused(answer, 429, "too-many-streams")
        assert int(answer.headers["retry-after"]) > 0
        async with listening(there.anna) as another:
            await another.next()
    await soon(lambda: _true(open_streams(there) == 0))


async def _true(value: bool) -> bool:
    return value


@pytest.fixture
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inboxes]:
    """A desk of its own, for tests after which it is not the same."""
    async with inboxes(tmp_path_factory.mktemp("alone")) as running:
        yield running


async def test_streams_end_when_the_session_does_and_only_they(alone: Inboxes) -> None:
    async with listening(alone.anna) as annas, listening(alone.ben) as bens:
        await annas.next()
        await bens.next()
        async with alone.desk.house.client("auth", cookies={"sid": alone.anna.cookies["sid"]}) as door:
            assert (await door.post("/api/auth/logout")).status_code == 204
        assert await annas.ended(2.0)
        refused(await alone.anna.get(STREAM, headers={"Last-Event-ID": annas.last_id or ""}), 401, "not-signed-in")
        await alone.resolve(await alone.desk.open(alone.desk.ben))
        assert (await bens.until("notification"))["kind"] == "ticket.status_changed"


async def test_without_a_broker_a_stream_ends_soon_after_its_session(alone: Inboxes) -> None:
    house = alone.desk.house
    async with listening(alone.anna) as annas:
        await annas.next()
        house.broker.kill()
        await soon(lambda: _true(not house.running("notifier").broker.connected))
        async with house.client("auth", cookies={"sid": alone.anna.cookies["sid"]}) as door:
            assert (await door.post("/api/auth/logout")).status_code == 204
        assert await annas.ended(5.0)


async def test_streams_end_when_the_service_stops_and_go_on_where_they_were_when_it_is_back(alone: Inboxes) -> None:
    house = alone.desk.house
    async with listening(alone.anna) as stream:
        await stream.next()
        stopping = asyncio.create_task(house.stop("notifier"))
        assert await stream.ended(5.0)
        await asyncio.wait_for(stopping, 10)
        left_at = stream.last_id
    ticket = await alone.desk.open()
    await alone.resolve(ticket)
    await house.start(alone.declared)
    async with listening(alone.anna, after=left_at) as stream:
        assert (await stream.until("notification"))["ticket_id"] == ticket["id"]
        assert await alone.kinds(alone.anna, ticket) == ["ticket.status_changed"]

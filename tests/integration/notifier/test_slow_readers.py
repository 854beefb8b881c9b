"""A reader who does not read: costs no memory, is cut off after a while, and keeps no stream from ending."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from chassis import sse
from chassis.sse import MOST_STREAMS, EventStream, TooManyStreams
from notifier.streams import Feed, Switchboard
from tests.integration.notifier.office import Office, office


@dataclass
class Reader:
    """The far end of a stream. It takes what is sent only while it `reads`; `gone` is set when it hangs up."""

    reads: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[Message] = field(default_factory=list)
    offered: int = 0

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.offered += 1
        if message["type"] == "http.response.body":
            await self.reads.wait()
        self.taken.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.taken).decode()

    @property
    def complete(self) -> bool:
        return bool(self.taken) and self.taken[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@dataclass
class Opened:
    board: Switchboard
    reader: Reader
    over: asyncio.Event
    task: "asyncio.Task[None]"


@asynccontextmanager
async def opened(there: Office, *, after: int | None = None, reads: bool = True) -> AsyncIterator[Opened]:
    board, reader, over = Switchboard(there.store, there.wake), Reader(), asyncio.Event()
    if reads:
        reader.reads.set()
    seat = board.take("alf")
    stream = EventStream(Feed(there.store, "alf", after), seat, ends=[over], retry=1000, leave=lambda: board.leave(seat))
    task = asyncio.create_task(stream({"type": "http"}, reader.receive, reader.send))
    ringing = asyncio.create_task(board.run())
    try:
        yield Opened(board, reader, over, task)
    finally:
        for one in (task, ringing):
            one.cancel()
        await asyncio.gather(task, ringing, return_exceptions=True)


async def until_offered(reader: Reader, count: int) -> None:
    async with asyncio.timeout(5):
        while reader.offered < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_reader_who_hangs_up_leaves_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as there, opened(there) as stream:
        await until_offered(stream.reader, 2)
        stream.reader.gone.set()
        await asyncio.wait_for(stream.task, 2)
        assert stream.board.open == 0


async def test_a_stream_that_is_over_says_so(tmp_path: Path) -> None:
    async with office(tmp_path) as there, opened(there) as stream:
        await until_offered(stream.reader, 2)
        stream.over.set()
        await asyncio.wait_for(stream.task, 2)
        assert stream.reader.complete
        assert stream.reader.text == 'retry: 1000\n\nevent: unread\nid: 0\ndata: {"count":0}\n\n'


async def test_who_takes_nothing_is_cut_off_and_nothing_is_kept_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "STALLED", 0.2)
    monkeypatch.setattr(sse, "LAST_WORD", 0.05)
    async with office(tmp_path) as there, opened(there, reads=False) as stream:
        await until_offered(stream.reader, 2)
        for _ in range(20):
            await there.assign("alf")
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(stream.task, 5)
        assert stream.reader.offered == 2
        assert not stream.reader.complete
        assert stream.board.open == 0


async def test_who_takes_nothing_keeps_no_stream_from_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LAST_WORD", 0.05)
    async with office(tmp_path) as there, opened(there, reads=False) as stream:
        await until_offered(stream.reader, 2)
        stream.over.set()
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(stream.task, 2)
        assert stream.board.open == 0


async def test_who_stops_reading_before_the_end_keeps_no_stream_from_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LAST_WORD", 0.05)
    async with office(tmp_path) as there, opened(there) as stream:
        await until_offered(stream.reader, 2)
        stream.reader.reads.clear()  # what was said is taken; the end is not
        stream.over.set()
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(stream.task, 2)
        assert stream.board.open == 0


async def test_who_reads_again_gets_what_came_meanwhile_once(tmp_path: Path) -> None:
    async with office(tmp_path) as there, opened(there, reads=False) as stream:
        await until_offered(stream.reader, 2)
        for _ in range(5):
            await there.assign("alf")
        stream.reader.reads.set()
        async with asyncio.timeout(5):
            while stream.reader.text.count("event: notification") < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        stream.over.set()
        await asyncio.wait_for(stream.task, 2)
        assert stream.reader.text.count("event: notification") == 5
        assert stream.reader.text.endswith('event: unread\nid: 5\ndata: {"count":5}\n\n')


async def test_seats_are_counted_by_person(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        board = Switchboard(there.store, there.wake)
        seats = [board.take("alf") for _ in range(MOST_STREAMS)]
        with pytest.raises(TooManyStreams):
            board.take("alf")
        board.take("bea")
        board.leave(seats[0])
        board.take("alf")
        assert board.open == MOST_STREAMS + 1

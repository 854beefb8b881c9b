"""Simulations over the store: one at a time, in a thread, in small steps, and never more of them in memory than a page.

What is found goes into files that no folder names once it is much, so that the answer begins with its sums and can be of any length.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.answers import to_bytes
from escalator.engine import Effect, Phase
from escalator.simulation import Outcome, Question, Tally
from escalator.tables import ticket_phases
from events.errors import Unavailable
from events.handling import passes_by_itself
from events.prepared import Query
from events.times import to_text

PAGE = 250
"""Phases that are read at once: some milliseconds of work."""
BREATH = 0.001
"""Seconds after each page in which the interpreter is given to whoever waits for it: the event loop, and the writer of the live timers."""
IN_MEMORY = 1 << 18
"""Bytes of a list before it goes to disk."""
_CHUNK = 1 << 16
_BUSY = 5

_place = (ticket_phases.c.ticket, ticket_phases.c.version)
_PAGE = Query(
    select(*_place, ticket_phases.c.since, ticket_phases.c.status, ticket_phases.c.priority, ticket_phases.c.assignee)
    .where(tuple_(*_place) > tuple_(bindparam("ticket"), bindparam("version")), ticket_phases.c.since < bindparam("until"))
    .order_by(*_place)
    .limit(bindparam("limit"))
)

Read = Callable[[], AbstractContextManager[Connection]]


class GivenUp(Exception):
    """Nobody waits for it any more."""


class Items:
    """A JSON array of escalations. `size` is in bytes, once it has ended."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 -- `close` does
        self._any = False
        self.size = 0

    def add(self, ticket: int, effect: Effect) -> None:
        self._file.write(b"," if self._any else b"[")
        self._file.write(to_bytes({"id": ticket, "level": effect.level, "at": to_text(effect.at)}))
        self._any = True

    def end(self) -> None:
        """Write the end, and go back to the beginning."""
        self._file.write(b"]" if self._any else b"[]")
        self.size = self._file.tell()
        self._file.seek(0)

    def chunks(self) -> Iterator[bytes]:
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class Findings:
    """All that a simulation found. `items` are the lists of the answer by name. Whoever has it closes it."""

    tally: Tally = field(default_factory=Tally)
    items: dict[str, Items] = field(default_factory=lambda: {name: Items() for name in ("tickets", "only_new", "only_current")})

    def add(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        for effect in outcome.new:
            self.items["tickets"].add(outcome.ticket, effect)
        if outcome.new and not outcome.current:
            self.items["only_new"].add(outcome.ticket, outcome.new[0])
        if outcome.current and not outcome.new:
            self.items["only_current"].add(outcome.ticket, outcome.current[0])

    def end(self) -> None:
        for items in self.items.values():
            items.end()

    def close(self) -> None:
        for items in self.items.values():
            items.close()


def histories(read: Read, until: datetime, breathe: Callable[[], None]) -> Iterator[tuple[int, list[Phase]]]:
    """Yield every ticket with its phases that began before `until`, by number; `breathe` is called after each page.

    Each page is a snapshot of its own, or the write-ahead log could not be cut for as long as it takes.
    """
    for ticket, rows in groupby(_rows(read, until, breathe), key=itemgetter(0)):
        yield ticket, [Phase(datetime.fromisoformat(since), *rest) for _, _, since, *rest in rows]


def _rows(read: Read, until: datetime, breathe: Callable[[], None]) -> Iterator[Any]:
    place = {"ticket": 0, "version": 0}
    while True:
        with read() as connection:
            page = _PAGE.rows(connection, {**place, "until": to_text(until), "limit": PAGE})
        yield from page
        if len(page) < PAGE:
            return
        place = {"ticket": page[-1][0], "version": page[-1][1]}
        breathe()


def simulate(read: Read, question: Question, breathe: Callable[[], None]) -> Findings:
    """Return what comes of a question. Raises what `breathe` raises, and OSError when there is no room for it."""
    findings = Findings()
    try:
        for ticket, phases in histories(read, question.until, breathe):
            findings.add(question.of(ticket, phases))
        findings.end()
    except BaseException:
        findings.close()
        raise
    return findings


class Simulator:
    """Runs one simulation at a time in this process; whoever comes meanwhile is told to wait."""

    def __init__(self, read: Read) -> None:
        self._read, self._busy = read, threading.Lock()

    async def run(self, question: Question, *ends: Callable[[], Awaitable[Any]]) -> Findings:
        """Return what comes of it. Raises Unavailable while another one runs, and GivenUp once one of `ends` has been waited for."""
        if not self._busy.acquire(blocking=False):
            raise Unavailable("Another simulation is running. Ask again when it is done.", _BUSY)
        stop = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(None, self._work, question, stop)
        over = [asyncio.ensure_future(end()) for end in ends]
        try:
            await asyncio.wait([work, *over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in over:
                end.cancel()
            if not work.done():
                stop.set()
                work.add_done_callback(_forget)
        if not work.done():
            raise GivenUp
        return work.result()

    def _work(self, question: Question, stop: threading.Event) -> Findings:
        def breathe() -> None:
            time.sleep(BREATH)
            if stop.is_set():
                raise GivenUp

        try:
            return simulate(self._read, question, breathe)
        except OSError as error:
            raise Unavailable("There is no room on the disk for what was found. Make some, and ask again.", _BUSY) from error
        except DBAPIError as error:
            if not passes_by_itself(error):
                raise
            raise Unavailable("The store cannot be read at the moment. Ask again shortly.", _BUSY) from error
        finally:
            self._busy.release()


def _forget(work: "asyncio.Future[Findings]") -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().close()


class Found(Response):
    """The answer: its sums, then each list from where it was kept."""

    def __init__(self, about: dict[str, Any], findings: Findings) -> None:
        self._findings = findings
        self._opening = to_bytes(about | findings.tally.totals())[:-1]
        lists = sum(len(_key(name)) + items.size for name, items in findings.items.items())
        size = len(self._opening) + lists + 1
        super().__init__(media_type="application/json", headers={"content-length": str(size), "cache-control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for chunk in self._chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"}", "more_body": False})
        finally:
            self._findings.close()

    def _chunks(self) -> Iterator[bytes]:
        yield self._opening
        for name, items in self._findings.items.items():
            yield _key(name)
            yield from items.chunks()


def _key(name: str) -> bytes:
    return b',"%b":' % name.encode()

"""A log of many events: verified, made into the ticket tables anew, and fed to another service."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select, update

from benchmarks.bench import Bench
from benchmarks.course import Course, plot
from benchmarks.figure import Bar, Figure, Measured
from benchmarks.inside import store_of, tickets_inside
from benchmarks.work import Work
from chassis import secrets
from chassis.peers import Peers
from chassis.rebuilds import Build
from chassis.service import Running
from chassis.settings import Settings
from events.beside import beside as build_beside
from events.contracts import CATALOGUE
from events.following import LogFeed
from events.materials import Followed
from events.store import log_head
from events.tables import projections
from events.verify import verify_store
from events.walkers import crew_of
from tickets.app import SERVICE
from tickets.projections import Desk

GROUP = "log"
PAGE = 1_000
"""Events in a page of the feed: the most that it gives."""
_DESK = "desk"
_WAIT = 0.02
_LONGEST = 40.0
"""Seconds after which a rebuild is judged by what it has done."""


def verify(bench: Bench) -> Iterator[Measured]:
    """The whole log from disk: chain, digests, columns, tree, checkpoints, streams. Raises RuntimeError when it is not well."""
    dataset = bench.dataset
    keys = asyncio.run(_public_keys(dataset.directory))
    courses: list[Course] = []
    rates, events, work = list[float](), 0, Work()
    for number in range(1, bench.scale.rounds + 1):
        bench.say(f"round {number}: verifying")
        store = store_of(dataset.directory)
        try:
            courses.append(course := Course())
            with work:
                report = verify_store(
                    store.read, source=SERVICE.source, public_keys=keys, seen={}, progress=course.at, crew=crew_of(store.url)
                )
            rates.append(report.events / course.seconds)
        finally:
            store.close()
        if not report.ok:
            raise RuntimeError(f"The log is not well: {report.reason}")
        events = report.events
    note = f"of a log of {events:,} events; {work.seconds / bench.scale.rounds / events * 1e6:.1f} µs of processor time each"
    bar = Bar(of="value", least=200_000)
    yield Figure(name="verify", group=GROUP, what="verify", unit="events/s", rounds=rates, bar=bar, note=note)
    yield plot("verify", GROUP, f"Verifying a log of {events:,} events", "events", courses)


def rebuild(bench: Bench) -> Iterator[Measured]:
    """The ticket tables, counts, notes and words, dropped and filled by the writer as at the start of a new version."""
    dataset = bench.dataset
    courses: list[Course] = []
    rates, events = [], 0
    for number in range(1, bench.scale.rounds + 1):
        bench.say(f"round {number}: rebuilding")
        directory = bench.datasets.copy(dataset, "rebuild")
        _outdate(directory)
        courses.append(course := Course())
        events = asyncio.run(_refill(directory, course))
        rates.append(events / course.seconds)
        shutil.rmtree(directory)
    note = f"{events:,} events, or as many as it did in {_LONGEST:.0f} s, in the writer's own steps, each of them on disk"
    what = "ticket projections filled at the start of a new version"
    yield Figure(name="rebuild", group=GROUP, what=what, unit="events/s", rounds=rates, note=note)
    yield plot("rebuild", GROUP, "Filling the ticket projections at the start of a new version", "events", courses)


def beside(bench: Bench) -> Iterator[Measured]:
    """The ticket tables built anew beside those in use, as `ste rebuild` does it, and then compared row by row."""
    dataset = bench.dataset
    courses, compared, rates = [], [], []
    for number in range(1, bench.scale.rounds + 1):
        bench.say(f"round {number}: building beside")
        store = store_of(dataset.directory)
        try:
            with build_beside(store, bench.scratch) as connection:
                course, seconds = _build(Build(Followed(Desk(), LogFeed(CATALOGUE)), connection))
        finally:
            store.close()
        folded, ended = course.points[-1][1], course.points[-1][0]
        courses.append(course)
        rates.append(folded / ended)
        compared.append(seconds)
    note = f"{folded:,.0f} events; every row and word is compared afterwards"
    bar = Bar(of="value", least=30_000)
    what = "rebuild of the ticket projections, beside those in use"
    yield Figure(name="beside", group=GROUP, what=what, unit="events/s", rounds=rates, bar=bar, note=note)
    yield Figure(name="beside.compared", group=GROUP, what="and the comparison of both", unit="s", rounds=compared)
    yield plot("beside", GROUP, "Building the ticket projections beside those in use", "events", courses)


def feed(bench: Bench) -> Iterator[Measured]:
    """The owner's feed over HTTP, page after page, as a consumer reads it that has everything before it."""
    courses: list[Course] = []
    rates, events = [], 0
    for number in range(1, bench.scale.rounds + 1):
        desk = bench.desk
        bench.say(f"round {number}: feeding")
        settings = Settings(_env_file=None, data_dir=desk.data_dir, tickets_port=desk.ports["tickets"])
        courses.append(course := Course())
        events = asyncio.run(_read(settings, bench.scale.tickets, course))
        rates.append(events / course.seconds)
    note = f"{events:,} events in pages of {PAGE:,}, taken apart by the reader"
    bar = Bar(of="value", least=20_000)
    yield Figure(name="feed", group=GROUP, what="feed, over HTTP", unit="events/s", rounds=rates, bar=bar, note=note)
    yield plot("feed", GROUP, "Reading the feed", "events", courses)


def _build(build: Build) -> tuple[Course, float]:
    """Return how many events were folded when, and in how many seconds all was compared. Raises RuntimeError when something differs."""
    build.start()
    course = Course()
    while build.position < build.look():
        build.fold()
        course.at(build.position)
    comparing = Course()
    if differing := sum(each.differing for each in build.compare().values()):
        raise RuntimeError(f"{differing} rows differ.")
    return course, comparing.seconds


async def _public_keys(directory: Path) -> list[str]:
    async with tickets_inside(directory) as live:
        return [live.signer.public_key]


def _outdate(directory: Path) -> None:
    """Let the tables be of an older version."""
    store = store_of(directory)
    try:
        with store.writing.begin() as connection:
            connection.execute(update(projections).where(projections.c.name == _DESK).values(version=0))
    finally:
        store.close()


async def _refill(directory: Path, course: Course) -> int:
    """Return how many events were folded, from the start of the writer on; it is not waited for for ever."""
    async with tickets_inside(directory) as live:
        with live.store.read() as connection:
            head = log_head(connection).sequence
        while (folded := _position(live)) < head and course.seconds < _LONGEST:
            course.at(folded)
            await asyncio.sleep(_WAIT)  # a thread fills
        course.at(folded)
        return folded


def _position(live: Running) -> int:
    with live.store.read() as connection:
        row = connection.execute(select(projections.c.position, projections.c.error).where(projections.c.name == _DESK)).one()
    if row.error is not None:
        raise RuntimeError(f"The projection stopped: {row.error}")
    return int(row.position)


async def _read(settings: Settings, events: int, course: Course) -> int:
    peers = Peers(settings, secrets.ensure(settings.secrets_dir, "services"))
    try:
        read = 0
        while read < events and (page := await peers.feed(SERVICE.source, read, PAGE)):
            read += len(page)
            course.at(read)
        return read
    finally:
        await peers.close()

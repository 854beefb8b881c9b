"""The past of many tickets, in process, as the routes read it: a ticket, lists, counts and reports, and what keeping it costs."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, func, select

from benchmarks.asking import Ask, durations
from benchmarks.bench import Bench
from benchmarks.datasets import Dataset
from benchmarks.figure import Bar, Figure, Measured, percentile
from benchmarks.inside import store_of
from benchmarks.suites.growth import PAGE, filters
from events.contracts import CATALOGUE
from events.following import LogFeed
from events.store import SQLITE, Store, log_head
from events.tables import events as log
from events.times import from_text, to_text
from tickets import past
from tickets.days import MOST_DAYS, USUAL_DAYS, days_between
from tickets.history import History, states
from tickets.queries import Sort, Wanted
from tickets.report import report

GROUP = "travel"
_PLACES = (0.1, 0.5, 0.9)
"""Where in the log the moments are."""
_SORTS: tuple[Sort, ...] = ("-created_at", "-updated_at", "created_at")
_TOGETHER = 32
"""Events in a batch, as under load."""
_KEPT = 50_000
"""Events after which it is known what keeping one costs."""

Moment = dict[str, Any]


def measure(bench: Bench) -> Iterator[Measured]:
    """Ask for the same at each moment, by sequence and by time, round after round."""
    bench.say(f"making {bench.scale.tickets:,} tickets")
    dataset = bench.dataset
    with closing(store_of(dataset.directory)) as store:
        moments, rows = _moments(store)
        asks = {**_asks(dataset, moments), "report": _reports(store)}
        taken: dict[str, list[list[float]]] = {name: [] for name in asks}
        costs = []
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: asking for the past")
            for name, some in asks.items():
                found = durations(store, some, max(1, bench.scale.asked // 20))
                taken[name].append([seconds * 1000 for each in found.values() for seconds in each])
            costs.append(_cost(store, bench.scratch / f"past-{number}.sqlite3"))
    note = f"{rows:,} changes of {dataset.tickets:,} tickets, at {len(moments)} moments"
    of = f"at a moment, of {dataset.tickets:,}"
    yield _figure("ticket", f"one ticket {of}, p50", taken["ticket"], statistics.median, below=5.0)
    yield _figure("list", f"a list {of}, p50", taken["list"], statistics.median, note=f"{note}, {len(asks['list'])} lists")
    yield _figure("list.p99", f"a list {of}, p99", taken["list"], partial(percentile, percent=99), below=1_000.0)
    yield _figure("own", f"a person's own list {of}, p50", taken["own"], statistics.median)
    yield _figure("counts", f"counts {of}, p50", taken["counts"], statistics.median, below=1_000.0)
    reports = f"a report on {USUAL_DAYS} and on {MOST_DAYS} days, p50"
    yield _figure("report", reports, taken["report"], statistics.median, below=60.0, note="until the last ticket was opened")
    yield Figure(name="travel.cost", group=GROUP, what="keeping the past, in batches of 32, of a core", unit="µs/event", rounds=costs)


def _figure(
    name: str, what: str, rounds: list[list[float]], of: Callable[[list[float]], float], *, below: float | None = None, note: str = ""
) -> Figure:
    bar = None if below is None else Bar(of="value", below=below)
    return Figure(name=f"travel.{name}", group=GROUP, what=what, unit="ms", rounds=[of(each) for each in rounds], bar=bar, note=note)


def _moments(store: Store) -> tuple[list[Moment], int]:
    """Return moments by sequence and by time, and how many rows there are to go through."""
    moments: list[Moment] = []
    with store.read() as connection:
        last = log_head(connection).sequence
        for place in _PLACES:
            at = max(1, int(last * place))
            then = connection.scalar(select(log.c.time).where(log.c.sequence == at))
            moments += [{"at": at, "as_of": None}, {"at": None, "as_of": then}]
        return moments, connection.scalar(select(func.count()).select_from(states)) or 0


def _asks(dataset: Dataset, moments: list[Moment]) -> dict[str, dict[str, Ask]]:
    lists = {f"{name} {sort}": Wanted(**each, sort=sort) for name, each in filters(dataset).items() for sort in _SORTS}
    own = {sort: Wanted(requester=dataset.people[0], sort=sort) for sort in _SORTS}
    return {
        "ticket": {f"{moment}": partial(_one, 1, moment) for moment in moments},
        "list": {f"{name} {moment}": partial(_page, wanted, moment) for name, wanted in lists.items() for moment in moments},
        "own": {f"{name} {moment}": partial(_page, wanted, moment) for name, wanted in own.items() for moment in moments},
        "counts": {f"{moment}": partial(_counts, dataset.admin, moment) for moment in moments},
    }


def _reports(store: Store) -> dict[str, Ask]:
    """Ask for the days in which the tickets are: the desk was made in some of them."""
    with store.read() as connection:
        end = from_text(connection.scalar(select(func.max(log.c.time))) or to_text(datetime.now(UTC)))
    return {f"{days} days": partial(_report, end, days) for days in (USUAL_DAYS, MOST_DAYS)}


def _report(end: datetime, days: int, connection: Connection) -> Any:
    past.moment(connection, at=None, as_of=None)
    return report(connection, days_between(end - timedelta(days=days - 1), end, end, UTC), end)


def _one(number: int, moment: Moment, connection: Connection) -> Any:
    return past.one(connection, number, past.moment(connection, **moment))


def _page(wanted: Wanted, moment: Moment, connection: Connection) -> Any:
    """All rows are gone through, also where early on none of them belongs to the list."""
    return [past.page(connection, wanted, past.moment(connection, **moment), limit=PAGE, after=None)]


def _counts(me: str, moment: Moment, connection: Connection) -> Any:
    return past.counts(connection, past.moment(connection, **moment), requester=None, me=me)


def _cost(store: Store, path: Path) -> float:
    """Return the microseconds of a core that an event costs when the past is written into a new file, without reading the event."""
    feed, projection, at, spent = LogFeed(CATALOGUE), History(), 0, 0.0
    engine = create_engine(f"sqlite:///{path}", module=SQLITE)
    try:
        with store.read() as source, engine.begin() as target:
            projection.metadata.create_all(target)
            while at < _KEPT and (items := feed.read(source, at, 1_000)):
                began = time.thread_time()
                for first in range(0, len(items), _TOGETHER):
                    projection.apply(target, items[first : first + _TOGETHER])
                spent += time.thread_time() - began
                at = items[-1][0]
    finally:
        engine.dispose()
    return spent / at * 1e6

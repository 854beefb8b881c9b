"""As a desk grows: its lists and its search, in process, on a connection for reading, as its routes read."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import product
from typing import Any, get_args

from benchmarks.asking import Ask, medians
from benchmarks.bench import Bench
from benchmarks.datasets import Dataset
from benchmarks.figure import Bar, Figure, Measured, Plot, Series
from benchmarks.inside import store_of
from benchmarks.words import vocabulary
from tickets import queries
from tickets.queries import NOBODY, Sort, Wanted

GROUP = "growth"
PAGE = 26
"""What a page of 25 reads: one more tells whether there is another."""
_ALL = "no filter"
_SORTS: tuple[Sort, ...] = get_args(Sort)
_NEWEST = "-created_at"
_SEARCHES = {"the commonest word": 0, "a word in one of seventy": 300, "the beginning of many words": None}
_SEARCHED = 100_000
"""Tickets at which the bar of the search stands."""

Rounds = dict[int, dict[str, list[float]]]
"""By size and question: the median time of each round, in seconds."""


def lists(bench: Bench) -> Iterator[Measured]:
    """Every single filter, and the status with any other, in every order."""
    rounds = _by_size(bench, _lists)
    smallest, *larger = rounds
    names = list(rounds[smallest])
    for size in larger:
        figures = [_list(rounds, size, smallest, name) for name in names]
        slowest = max(figures, key=_ratio)
        note = (
            f"{slowest.what}; the middle one of all {len(names)} lists has {statistics.median(map(_ratio, figures)):.2f} of its first time"
        )
        what = f"the list that grew the most, at {size:,} tickets"
        yield replace(slowest, name=f"lists.{size}", what=what, note=note)
    yield _plot("lists", "A page of 25, the newest first, p50", rounds, [name for name in names if name.endswith(_NEWEST)][:8])


def search(bench: Bench) -> Iterator[Measured]:
    """Words that are common, rare and cut short."""
    rounds = _by_size(bench, _searches)
    barred = max(size for size in rounds if size <= _SEARCHED)
    for name, size in product(_SEARCHES, rounds):
        yield Figure(
            name=f"search.{name}.{size}",
            group=GROUP,
            what=f"search for {name}, at {size:,} tickets",
            unit="ms",
            rounds=_ms(rounds[size][name]),
            bar=Bar(of="value", below=50.0) if size == barred else None,
        )
    yield _plot("search", "Search, p50", rounds, list(_SEARCHES))


def _by_size(bench: Bench, questions: Callable[[Dataset], Mapping[str, Ask]]) -> Rounds:
    """Ask at each size in turn, round after round."""
    datasets = {}
    for size in bench.scale.sizes:
        bench.say(f"making {size:,} tickets")
        datasets[size] = bench.datasets.of(size)
    found: Rounds = {size: {} for size in datasets}
    with ExitStack() as stack:
        stores = {size: stack.enter_context(closing(store_of(dataset.directory))) for size, dataset in datasets.items()}
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: asking")
            for size, dataset in datasets.items():
                for name, seconds in medians(stores[size], questions(dataset), bench.scale.asked).items():
                    found[size].setdefault(name, []).append(seconds)
    return found


def filters(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return filters by their names, each of which leaves one ticket in twenty-four or more: a full page at every size."""
    single: dict[str, dict[str, Any]] = {
        _ALL: {},
        "status": {"status": "in_progress"},
        "priority": {"priority": "urgent"},
        "requester": {"requester": dataset.people[0]},
        "assignee": {"assignee": dataset.admin},
        "nobody's": {"assignee": NOBODY},
        "escalated": {"escalated": True},
        "not escalated": {"escalated": False},
    }
    pairs = {f"status and {name}": {**single["status"], **each} for name, each in single.items() if name not in {_ALL, "status"}}
    return single | pairs


def _lists(dataset: Dataset) -> dict[str, Ask]:
    every = product(filters(dataset).items(), _SORTS)
    return {f"{name}, {sort}": _page(Wanted(sort=sort, **conditions)) for (name, conditions), sort in every}


def _searches(_dataset: Dataset) -> dict[str, Ask]:
    words = vocabulary()
    return {name: _page(Wanted(text=words[0][:2] if place is None else words[place])) for name, place in _SEARCHES.items()}


def _page(wanted: Wanted) -> Ask:
    return lambda connection: queries.page(connection, wanted, limit=PAGE, after=None)


def _list(rounds: Rounds, size: int, smallest: int, name: str) -> Figure:
    return Figure(
        name=name,
        group=GROUP,
        what=name,
        unit="ms",
        rounds=_ms(rounds[size][name]),
        peer=f"at {smallest:,} tickets",
        peer_rounds=_ms(rounds[smallest][name]),
        bar=Bar(of="ratio", below=1.3),
    )


def _ratio(figure: Figure) -> float:
    return figure.ratio or 0.0


def _ms(seconds: list[float]) -> list[float]:
    return [each * 1000 for each in seconds]


def _plot(name: str, title: str, rounds: Rounds, names: list[str]) -> Plot:
    series = [
        Series(each.removesuffix(f", {_NEWEST}"), [(size, statistics.median(_ms(rounds[size][each]))) for size in rounds]) for each in names
    ]
    return Plot(name=name, group=GROUP, title=title, kind="lines", x="tickets", y="ms", log_x=True, log_y=True, series=series)

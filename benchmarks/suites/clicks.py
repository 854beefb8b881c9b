"""From a click to its notification: how long after the 2xx of a change of a status its requester's notification is there.

It is seen from two sides: by the open pages of a few requesters, which shows the row after its commit and its way to the page; and by the
rows of all, whose time is that of the beginning of the transaction that wrote them.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.clicking import click, clickables, notifications, waits, written
from benchmarks.figure import Bar, Figure, Measured, Plot, Series, percentile
from benchmarks.listening import listening
from benchmarks.processes import pss
from benchmarks.settling import settled

GROUP = "click"
_WATCHED = 20
"""Requesters whose pages are open."""
_BARS = {100: 50.0, 500: 100.0}
"""Milliseconds within which p99 must be, by changes a second."""
_PERCENTS = {50: "p50", 99: "p99", 100: "max"}
_STREAM_RATE = 50
_A_PERSONS = 10
"""Streams that one person may have open."""


def clicks(bench: Bench) -> Iterator[Measured]:
    """Click at several rates, at all the people's tickets."""
    people = bench.people
    tickets, watched = clickables(bench), people[1 : 1 + _WATCHED]
    series = []
    for rate in bench.scale.changes:
        seen: dict[int, list[float]] = {percent: [] for percent in _PERCENTS}
        made: dict[int, list[float]] = {percent: [] for percent in _PERCENTS}
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: {rate} changes a second")
            with listening(bench.desk.ports["notifier"], [person.cookie for person in watched]) as listeners:
                began = time.time()
                done = click(bench, tickets, rate)
                listeners.wait_for(done.by([person.id for person in watched]))
                arrivals = listeners.take()
            asyncio.run(settled(bench.desk))
            rows = asyncio.run(notifications(bench.desk.url, people, began))
            for percent in _PERCENTS:
                seen[percent].append(percentile(waits(done, arrivals), percent) * 1000)
                made[percent].append(percentile(written(done, rows), percent) * 1000)
        yield from _figures(rate, seen, made)
        series.append(Series(f"{rate} a second", [(name, statistics.median(seen[percent])) for percent, name in _PERCENTS.items()]))
    yield Plot(name="click", group=GROUP, title="Click to notification on an open page", kind="bars", y="ms", series=series)


def _figures(rate: int, seen: dict[int, list[float]], made: dict[int, list[float]]) -> Iterator[Figure]:
    for percent, name in _PERCENTS.items():
        bar = Bar(of="value", below=_BARS[rate]) if percent == 99 and rate in _BARS else None
        what = f"click to the open page, {rate} changes a second, {name}"
        yield Figure(name=f"click.{rate}.{name}", group=GROUP, what=what, unit="ms", rounds=seen[percent], bar=bar)
    yield Figure(
        name=f"click.{rate}.row",
        group=GROUP,
        what=f"click to notification row, {rate} changes a second, {_PERCENTS[99]}",
        unit="ms",
        rounds=made[99],
        bar=Bar(of="value", below=_BARS[rate]) if rate in _BARS else None,
        note="a row's time is that of the beginning of its transaction, a few milliseconds before its commit; every click has exactly one",
    )


def streams(bench: Bench) -> Iterator[Measured]:
    """Ever more open pages, and clicks on the tickets of those who have them open."""
    people = bench.people
    every = clickables(bench)
    found: dict[int, dict[str, list[float]]] = {}
    for count in bench.scale.streams:
        owners = people[: min(count, len(people))]
        cookies = [owners[number % len(owners)].cookie for number in range(min(count, len(owners) * _A_PERSONS))]
        ids = {person.id for person in owners}
        tickets = [ticket for ticket in every if ticket.requester in ids]
        each: dict[str, list[float]] = {"p50": [], "p99": [], "memory": []}
        found[len(cookies)] = each
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: {len(cookies):,} open pages")
            with listening(bench.desk.ports["notifier"], cookies) as listeners:
                done = click(bench, tickets, _STREAM_RATE)
                heard = [owners[number % len(owners)].id for number in range(len(cookies))]
                listeners.wait_for(sum(done.by([owner]) for owner in heard))
                each["memory"].append(pss(bench.desk.pids["notifier"]))
                waited = waits(done, listeners.take())
            each["p50"].append(percentile(waited, 50) * 1000)
            each["p99"].append(percentile(waited, 99) * 1000)
    for count, each in found.items():
        for name in ("p50", "p99"):
            what = f"click to {count:,} open pages, {_STREAM_RATE} a second, {name}"
            yield Figure(name=f"streams.{count}.{name}", group="streams", what=what, unit="ms", rounds=each[name])
        what = f"memory (PSS) of the notifier with {count:,} open pages"
        yield Figure(name=f"streams.{count}.memory", group="streams", what=what, unit="MiB", rounds=each["memory"])
    lines = [Series(name, [(count, statistics.median(each[name])) for count, each in found.items()]) for name in ("p50", "p99")]
    title = "Click to notification, by open pages"
    yield Plot(name="streams", group="streams", title=title, kind="lines", x="open pages", y="ms", log_x=True, series=lines)
    held = [Series("notifier", [(count, statistics.median(each["memory"])) for count, each in found.items()])]
    title = "Memory of the notifier, by open pages"
    yield Plot(name="streams-memory", group="streams", title=title, kind="lines", x="open pages", y="PSS, MiB", log_x=True, series=held)

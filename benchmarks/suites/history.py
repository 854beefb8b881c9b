"""A ticket with ever more events: what one more change costs, reading it, and a page of its history."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.asking import Ask, medians
from benchmarks.bench import Bench
from benchmarks.datasets import Caller, Dataset
from benchmarks.figure import Figure, Measured, Plot, Series
from benchmarks.inside import tickets_inside
from benchmarks.suites.growth import GROUP, PAGE
from events.decider import Context
from events.envelope import Actor
from events.store import Store
from tickets import queries, trail
from tickets.commands import PRIORITIES, ChangePriority
from tickets.trail import Sought
from tickets.units import Change, Open

_AT_ONCE = 500
_STARTS = 5
"""Starts of the writer in a round, each with one change of a ticket that it does not know, and some of one that it does."""
_KNOWN = 3
_SHORT = 100
"""Events up to which every start gets a ticket of its own: a few changes more would make it another."""


def measure(bench: Bench) -> Iterator[Measured]:
    """Give some tickets their histories, then measure each, round after round."""
    dataset = bench.datasets.of(bench.scale.sizes[0])
    directory = bench.datasets.copy(dataset, "history")
    bench.say("making tickets with long histories")
    starts = bench.scale.rounds * _STARTS
    tickets = asyncio.run(_make(directory, dataset, {events: starts if events <= _SHORT else 1 for events in bench.scale.events}))
    times: dict[int, dict[str, list[float]]] = {events: {} for events in tickets}
    for number in range(bench.scale.rounds):
        bench.say(f"round {number + 1}: changing and reading them")
        for events, numbers in tickets.items():
            some = [numbers[(number * _STARTS + start) % len(numbers)] for start in range(_STARTS)]
            found = asyncio.run(_times(directory, dataset, some, bench.scale.asked))
            for name, seconds in found.items():
                times[events].setdefault(name, []).append(seconds * 1000)
    first, last = bench.scale.events[0], bench.scale.events[-1]
    for name in times[first]:
        yield Figure(
            name=f"history.{name}",
            group=GROUP,
            what=f"{name} of {last:,} events",
            unit="ms",
            rounds=times[last][name],
            peer=f"of {first}",
            peer_rounds=times[first][name],
        )
    series = [Series(name, [(events, statistics.median(times[events][name])) for events in times]) for name in times[first]]
    title = "A ticket with a long history, p50"
    yield Plot(name="history", group=GROUP, title=title, kind="lines", x="events", y="ms", log_x=True, log_y=True, series=series)


async def _make(directory: Path, dataset: Dataset, counts: dict[int, int]) -> dict[int, list[int]]:
    """Open so many tickets of each length, and return their numbers."""
    context = Context(actor=Actor(kind="user", id=dataset.people[0]), at=datetime.now(UTC), imported=True)
    by = Caller(id=dataset.people[0], is_admin=False)
    opening = Open(title="Long", body="A long story.", priority=PRIORITIES[0], by=by, context=context)
    made: dict[int, list[int]] = {}
    async with tickets_inside(directory) as live:
        for events, count in counts.items():
            made[events] = [(await live.writer.execute(opening)).number for _ in range(count)]
            changes = [_change(dataset, ticket, turn) for ticket in made[events] for turn in range(1, events)]
            for first in range(0, len(changes), _AT_ONCE):
                await asyncio.gather(*map(live.writer.execute, changes[first : first + _AT_ONCE]))
    return made


async def _times(directory: Path, dataset: Dataset, tickets: list[int], times: int) -> dict[str, float]:
    """Return median times in seconds."""
    first, further, reads = [], [], dict[str, float]()
    for ticket in tickets:
        async with tickets_inside(directory) as live:
            for known in (1, ticket):  # by the change of another, statements are compiled
                changes = []
                turn = _turn(live.store, known)
                for each in range(1 + _KNOWN):
                    began = time.perf_counter()
                    await live.writer.execute(_change(dataset, known, turn + each))
                    changes.append(time.perf_counter() - began)
            first.append(changes[0])
            further += changes[1:]
            reads = _reads(live.store, ticket, times)
    return {
        "a change of a ticket": statistics.median(further),
        "the first change after a start, of a ticket": statistics.median(first),
        **reads,
    }


def _turn(store: Store, ticket: int) -> int:
    """Return the turn that follows from the priority that a ticket has."""
    with store.read() as connection:
        found = queries.one(connection, ticket)
    assert found is not None
    return PRIORITIES.index(found[0].priority) + 1


def _reads(store: Store, ticket: int, times: int) -> dict[str, float]:
    sought = Sought(entity="ticket", entity_id=str(ticket))
    asks: dict[str, Ask] = {
        "reading a ticket": lambda connection: queries.one(connection, ticket),
        "a page of the history of a ticket": lambda connection: trail.entries(
            connection, sought, limit=PAGE, after=None, oldest_first=True
        ),
    }
    return medians(store, asks, times)


def _change(dataset: Dataset, ticket: int, turn: int) -> Change:
    """Return a change to the priority of this turn; two turns in a row are different."""
    by = Caller(id=dataset.admin, is_admin=True)
    context = Context(actor=Actor(kind="user", id=dataset.admin), at=datetime.now(UTC), imported=True)
    return Change(command=ChangePriority(ticket=ticket, to=PRIORITIES[turn % len(PRIORITIES)], by=by), context=context)

"""The tickets service as one process and as two on its one store, through the gateway, which shares the requests out."""

import asyncio
import statistics
from collections.abc import Iterator

from benchmarks.bench import Bench, desk_of, sign_in
from benchmarks.desk import RunningDesk
from benchmarks.figure import Figure, Measured, Plot, Series
from benchmarks.load import Load, run
from benchmarks.settling import settled
from benchmarks.suites.rates import BODY

GROUP = "processes"
_COUNTS = (1, 2)
_ASKED = {"read of one ticket": ("/{middle}", None), "list of 25": ("?limit=25", None), "durable creation": ("", BODY)}


def measure(bench: Bench) -> Iterator[Measured]:
    """A round asks a desk of one, then a desk of two processes: never both at once."""
    rates: dict[str, dict[int, list[float]]] = {what: {count: [] for count in _COUNTS} for what in _ASKED}
    for number in range(1, bench.scale.rounds + 1):
        for count in _COUNTS:
            bench.say(f"round {number}: {count} {'process' if count == 1 else 'processes'} of tickets")
            with desk_of(bench.datasets, bench.dataset, "processes", STE_TICKETS_PROCESSES=str(count)) as desk:
                asyncio.run(settled(desk))
                for what, rate in _rates(bench, desk):
                    rates[what][count].append(rate)
    for what, found in rates.items():
        yield Figure(
            name=f"processes.{what}",
            group=GROUP,
            what=f"{what}, two processes",
            unit="requests/s",
            rounds=found[2],
            peer="one process",
            peer_rounds=found[1],
        )
    series = [Series(f"{count} at work", [(what, statistics.median(found[count])) for what, found in rates.items()]) for count in _COUNTS]
    yield Plot(name="processes", group=GROUP, title="Processes of the tickets service", kind="bars", y="requests/s", series=series)


def _rates(bench: Bench, desk: RunningDesk) -> Iterator[tuple[str, float]]:
    headers = {"Cookie": asyncio.run(sign_in(desk)).cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    scale = bench.scale
    for what, (path, body) in _ASKED.items():
        url = f"{desk.url}/api/tickets{path.format(middle=scale.tickets // 2)}"
        outcome = run(Load(url=url, headers=headers, body=body, connections=scale.connections, seconds=scale.seconds))
        if outcome.failed:
            raise RuntimeError(f"{outcome.failed} requests failed: {what}.")
        yield what, outcome.rate

"""Creation at a fixed rate, a share of the peak: how long one waits when the desk is not at its end."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence

from benchmarks import load, open_loop
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Measured, Plot, Series, percentile
from benchmarks.load import Load
from benchmarks.open_loop import Plan, Request
from benchmarks.settling import settled
from benchmarks.suites.rates import BODY

GROUP = "latency"
PERCENTS = (50, 90, 99, 99.9, 100)
_TOLD = (50, 99, 100)


def name_of(percent: float) -> str:
    """Return "p99", or "max"."""
    return "max" if percent == 100 else f"p{percent:g}"


def measure(bench: Bench) -> Iterator[Measured]:
    """Find the peak, then create at shares of it."""
    scale, url = bench.scale, f"http://127.0.0.1:{bench.desk.ports['tickets']}"
    headers = {"Cookie": bench.admin.cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    bench.say("finding the peak")
    peaks = []
    for _ in range(scale.rounds):
        peaks.append(
            load.run(Load(url=f"{url}/api/tickets", headers=headers, body=BODY, connections=scale.connections, seconds=scale.seconds)).rate
        )
        asyncio.run(settled(bench.desk))
    peak = statistics.median(peaks)
    curves = []
    for share in scale.shares:
        rate = max(1.0, round(peak * share / 100))
        rounds: dict[float, list[float]] = {percent: [] for percent in PERCENTS}
        for number in range(1, scale.rounds + 1):
            bench.say(f"round {number}: {rate:.0f} creations a second")
            plan = Plan(url=url, rate=rate, seconds=scale.lasting, requests=[Request("POST", "/api/tickets", BODY)], headers=headers)
            latencies = [answer.latency * 1000 for answer in open_loop.run(plan)]
            for percent in PERCENTS:
                rounds[percent].append(percentile(latencies, percent))
            asyncio.run(settled(bench.desk))
        for percent in _TOLD:
            yield Figure(
                name=f"latency.{share}.{name_of(percent)}",
                group=GROUP,
                what=f"creation at {share} % of the peak, {name_of(percent)}",
                unit="ms",
                rounds=rounds[percent],
                note=f"{rate:,.0f} a second" if percent == PERCENTS[0] else "",
            )
        curves.append(Series(f"{share} % of the peak", _curve(rounds)))
    yield Plot(name="latency", group=GROUP, title="Creation at a fixed rate", kind="bars", y="ms", series=curves)


def _curve(rounds: dict[float, list[float]]) -> Sequence[tuple[str, float]]:
    return [(name_of(percent), statistics.median(each)) for percent, each in rounds.items()]

"""What another policy would have done, over all tickets that there ever were: how long it takes, what it holds, who waits meanwhile."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.bench import Bench, desk_of, sign_in
from benchmarks.client import Desk, Person
from benchmarks.desk import RunningDesk
from benchmarks.figure import Bar, Figure, Measured, percentile
from benchmarks.processes import pss
from benchmarks.settling import settled

GROUP = "simulate"
SMALL = 445
"""As many tickets as the real incident log has."""
_QUESTION = {
    "policy": {"name": "bench", "levels": [{"after": "30m"}, {"after": "1d", "notify": "admins"}]},
    "since": "2026-01-01T00:00:00Z",
    "until": "9999-01-01T00:00:00Z",
}
_POLICIES = "/api/escalations/policies"
_LOOK = 0.02


@dataclass(slots=True)
class _Rounds:
    seconds: list[float] = field(default_factory=list)
    grown: list[float] = field(default_factory=list)
    """By how much MiB the escalator was larger at most."""
    waited: list[float] = field(default_factory=list)
    """How long the slowest in a hundred of those who asked for the policies meanwhile waited, in milliseconds."""
    found: int = 0


def measure(bench: Bench) -> Iterator[Measured]:
    """Ask a desk with few tickets, then one with many; the policies of today are the shipped one."""
    few = bench.datasets.of(min(SMALL, bench.scale.tickets))
    with desk_of(bench.datasets, few, "simulate") as desk:
        asyncio.run(settled(desk))
        rounds = asyncio.run(_rounds(bench, desk))
    yield _seconds("simulate.small", f"simulate {few.tickets:,} tickets", rounds, Bar(of="value", below=1.0))
    bench.say(f"making {bench.scale.tickets:,} tickets")
    with desk_of(bench.datasets, bench.dataset, "simulate") as desk:
        asyncio.run(settled(desk))
        rounds = asyncio.run(_rounds(bench, desk))
    many = f"{bench.scale.tickets:,} tickets"
    yield _seconds("simulate", f"simulate {many}", rounds, Bar(of="value", below=20.0))
    growth = f"memory (PSS) that the escalator takes for simulating {many}"
    yield Figure(name="simulate.memory", group=GROUP, what=growth, unit="MiB", rounds=rounds.grown)
    waiting = "a read of the policies while it simulates, p99"
    yield Figure(name="simulate.meanwhile", group=GROUP, what=waiting, unit="ms", rounds=rounds.waited)


def _seconds(name: str, what: str, rounds: _Rounds, bar: Bar) -> Figure:
    note = f"through the gateway, two levels beside the shipped policy; {rounds.found:,} tickets are in the answer"
    return Figure(name=name, group=GROUP, what=what, unit="s", rounds=rounds.seconds, bar=bar, note=note)


async def _rounds(bench: Bench, desk: RunningDesk) -> _Rounds:
    admin, rounds = await sign_in(desk), _Rounds()
    async with Desk(desk.url) as client:
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: simulating")
            before = pss(desk.pids["escalator"])
            peaks, waits = [before], list[float]()
            watching = asyncio.create_task(_watch(client, admin, desk.pids["escalator"], peaks, waits))
            began = time.perf_counter()
            answer = await client.ask("POST", "/api/escalations/simulate", admin, _QUESTION)
            rounds.seconds.append(time.perf_counter() - began)
            watching.cancel()
            await asyncio.wait([watching])
            rounds.grown.append(max(peaks) - before)
            rounds.waited.append(percentile(waits, 99) if waits else statistics.fmean(rounds.seconds) * 1000)
            rounds.found = answer["total"]
    return rounds


async def _watch(client: Desk, admin: Person, pid: int, peaks: list[float], waits: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await client.ask("GET", _POLICIES, admin)
        waits.append((time.perf_counter() - began) * 1000)
        peaks.append(await asyncio.to_thread(pss, pid))
        await asyncio.sleep(_LOOK)

"""A desk that has just been started: how long it took, and what its processes hold while nobody asks."""

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress

from benchmarks.bench import Bench
from benchmarks.desk import RunningDesk, running_desk
from benchmarks.figure import Bar, Figure, Measured, Plot, Series
from benchmarks.processes import family, pss

GROUP = "idle"
_MOST = 400e6 / 2**20  # MiB


def measure(bench: Bench) -> Iterator[Measured]:
    """Start a new desk in each round."""
    starts, memories = [], []
    for _ in range(bench.scale.rounds):
        with running_desk(STE_DEMO="1") as desk:
            starts.append(desk.ready_after)
            time.sleep(bench.scale.rest)
            memories.append(memory_of(desk))
    totals = [sum(memory.values()) for memory in memories]
    what = "`ste up` to ready, a new desk with its demo"
    yield Figure(name="idle.ready", group=GROUP, what=what, unit="s", rounds=starts, bar=Bar(of="value", below=5.0))
    yield Figure(
        name="idle.memory",
        group=GROUP,
        what="idle memory (PSS), all processes",
        unit="MiB",
        rounds=totals,
        bar=Bar(of="value", below=_MOST),
        note="400 MB are 381 MiB",
    )
    names = sorted({name for memory in memories for name in memory})
    for name in names:
        rounds = [memory.get(name, 0.0) for memory in memories]
        yield Figure(name=f"idle.memory.{name}", group=GROUP, what=f"idle memory (PSS), {name}", unit="MiB", rounds=rounds)
    rounds_ = [(f"round {number}", seconds) for number, seconds in enumerate(starts, 1)]
    yield Plot(name="ready", group=GROUP, title="From the command to ready", kind="bars", y="s", series=[Series("desk", rounds_)])
    points = [(name, statistics.median(memory.get(name, 0.0) for memory in memories)) for name in names]
    yield Plot(
        name="memory", group=GROUP, title="Memory of an idle desk, by process", kind="bars", y="PSS, MiB", series=[Series("desk", points)]
    )


def memory_of(desk: RunningDesk) -> dict[str, float]:
    """Return the proportional set size of each process of a desk, in MiB."""
    names = {pid: name for name, pid in desk.pids.items()}
    found: dict[str, float] = {}
    for pid in family(desk.pids["runner"]):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            name = names.get(pid, "helpers")
            found[name] = found.get(name, 0.0) + pss(pid)
    return found

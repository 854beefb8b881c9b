"""Appending in process, each round beside the library `eventsourcing`, and beside what SQLite and the broker can do at most."""

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop

from benchmarks.bench import Bench
from benchmarks.broker import broker
from benchmarks.figure import Bar, Figure, Measured, Plot, Series
from benchmarks.limits import raw_nats, raw_sqlite
from benchmarks.logs import Log, log

GROUP = "append"
APPENDERS = 64
_AT_ONCE = 100
_SCRIPT = Path(__file__).parent.parent / "eventsourcing_peer.py"
_TITLES = {
    "many": f"append in process, {APPENDERS} appenders",
    "one": "append in process, one appender",
    "eventsourcing": "eventsourcing, app.save",
    "sqlite": "raw SQLite, one insert a transaction",
    "sqlite.batch": f"raw SQLite, {_AT_ONCE} a transaction",
    "nats": "raw nats-py, one by one",
    "nats.batch": f"raw nats-py, atomic batches of {_AT_ONCE}",
}


class Library:
    """The library in a process of its own, which runs a round when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def rate(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))


@contextmanager
def library(python: Path, file: Path, count: int, rounds: int) -> Iterator[Library]:
    command = [str(python), str(_SCRIPT), str(file), str(count), str(rounds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Library(process)
    finally:
        process.kill()
        process.communicate()


def measure(bench: Bench) -> Iterator[Measured]:
    """Append the same facts in every way, round after round."""
    directory = bench.scratch / "append"
    directory.mkdir()
    rates = uvloop.run(_rates(bench, directory))
    peers = rates.get("eventsourcing", [])
    for name, bar in (("many", Bar(of="ratio", least=5.0)), ("one", None)):
        common = {"group": GROUP, "unit": "events/s", "peer": "eventsourcing"}
        yield Figure(name=f"append.{name}", what=_TITLES[name], rounds=rates[name], peer_rounds=peers, bar=bar, **common)
    for name in ("sqlite", "sqlite.batch", "nats", "nats.batch"):
        yield Figure(name=f"append.{name}", group=GROUP, what=f"limit: {_TITLES[name]}", unit="events/s", rounds=rates[name])
    points = [(_TITLES[name], statistics.median(rates[name])) for name in _TITLES if name in rates]
    title = "Appending events, each on disk before it counts"
    yield Plot(name="append", group=GROUP, title=title, kind="bars", y="events/s", series=[Series("median", points)])


async def _rates(bench: Bench, directory: Path) -> dict[str, list[float]]:
    scale = bench.scale
    rates: dict[str, list[float]] = {}
    single = scale.appends // 4
    with ExitStack() as stack:
        python = bench.peers.program("python")
        peer = stack.enter_context(library(python, directory / "library.sqlite3", single, scale.rounds)) if python else None
        running = stack.enter_context(broker(directory / "nats"))
        sqlite = stack.enter_context(raw_sqlite(directory / "raw.sqlite3"))
        async with log(directory / "log.sqlite3") as own, raw_nats(running) as nats:
            await own.append(200, APPENDERS)  # statements are compiled at their first use
            some = (own.wires(_AT_ONCE) * (scale.appends // _AT_ONCE + 1))[: scale.appends]
            for number in range(1, scale.rounds + 1):
                bench.say(f"round {number}: appending")
                found = {"many": await _rate(own, scale.appends, APPENDERS), "one": await _rate(own, single, 1)}
                if peer is not None:
                    found["eventsourcing"] = await asyncio.to_thread(peer.rate)
                found |= {"sqlite": sqlite.rate(some[:single], 1), "sqlite.batch": sqlite.rate(some, _AT_ONCE)}
                found |= {"nats": await nats.one_by_one(some[:single]), "nats.batch": await nats.in_batches(some, _AT_ONCE)}
                for name, rate in found.items():
                    rates.setdefault(name, []).append(rate)
    return rates


async def _rate(own: Log, count: int, appenders: int) -> float:
    began = time.perf_counter()
    await own.append(count, appenders)
    return count / (time.perf_counter() - began)

"""The peak: as many requests as 32 connections get answered, straight at one tickets process, beside the same of the peers.

In each round the same is asked of all of them, one after the other. Reads come first: creation makes the list longer.
"""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from benchmarks import pocketbase
from benchmarks.bench import Bench
from benchmarks.figure import Bar, Figure, Measured, Plot, Series
from benchmarks.load import Load, run
from benchmarks.processes import paused
from benchmarks.settling import settled

GROUP = "rates"
BODY = '{"title":"The printer on the second floor burns","body":"It began this morning, in tray 2."}'
_AMONG_GO = Bar(of="ratio", least=0.8, goal=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One server's form of the same request; `beside` is what holds while it is asked."""

    name: str
    url: str
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    beside: tuple[int, ...] = ()


@dataclass(slots=True)
class Rates:
    """By target and round: 2xx answers a second; and in how many seconds the desk had done all that followed."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    late: dict[str, list[float]] = field(default_factory=dict)


def read(bench: Bench) -> Iterator[Measured]:
    """One ticket, the one in the middle."""
    number = bench.scale.tickets // 2
    found = _measure(bench, _targets(bench, f"/{number}", f"{pocketbase.RECORDS}/{pocketbase.record_id(number)}"))
    yield from _figures("read", "read of one ticket", found.rates, plain=None)


def list_(bench: Bench) -> Iterator[Measured]:
    """The newest 25."""
    found = _measure(bench, _targets(bench, "?limit=25", pocketbase.LIST))
    yield from _figures("list", f"list of 25 of {bench.scale.tickets:,}", found.rates, plain=None)


def create(bench: Bench) -> Iterator[Measured]:
    """Durable creation, with the whole desk at work, and with the two stopped that follow from it and share its cores."""
    targets = _targets(bench, "", pocketbase.RECORDS, create=True)
    followers = tuple(bench.desk.pids[name] for name in ("notifier", "escalator"))
    own = next(target for target in targets if target.name == "desk")
    targets.append(replace(own, name="alone", beside=followers))
    found = _measure(bench, targets)
    yield from _figures("create", "durable creation", found.rates, plain=Bar(of="ratio", least=0.75))
    alone = "notifier and escalator standing still"
    common = {"what": f"durable creation, {alone}", "rounds": found.rates["alone"], "unit": "requests/s"}
    yield Figure(name="create.alone", group=GROUP, peer="plain FastAPI", peer_rounds=found.rates["plain"], **common)  # type: ignore[arg-type]
    for name, what in (("desk", "after creation: until all services have caught up"), ("alone", f"the same, after {alone}")):
        each = statistics.median(found.rates[name]) * bench.scale.seconds
        note = f"after about {each:,.0f} creations in a round"
        yield Figure(name=f"create.late.{name}", group=GROUP, what=what, unit="s", rounds=found.late[name], note=note)


def _targets(bench: Bench, path: str, peer_path: str, *, create: bool = False) -> list[Target]:
    """Return who is asked, in the order of a round."""
    signed_in = {"Cookie": bench.admin.cookie, "Sec-Fetch-Site": "same-origin"}
    as_json = {"Content-Type": "application/json"} if create else {}
    own = {"headers": signed_in | as_json, "body": BODY if create else None}
    straight = f"http://127.0.0.1:{bench.desk.ports['tickets']}"
    targets = [
        Target(name=name, url=f"{base}/api/tickets{path}", **own)  # type: ignore[arg-type] # one each of two known fields
        for name, base in (("plain", bench.plain), ("desk", straight), ("gateway", bench.desk.url))
    ]
    if (base := bench.pocketbase) is not None:
        targets.insert(1, Target(name="pocketbase", url=base + peer_path, headers=as_json, body=pocketbase.BODY if create else None))
    return targets


def _measure(bench: Bench, targets: Sequence[Target]) -> Rates:
    """Ask each target, round after round. Raises RuntimeError when an answer was no 2xx: such a rate means nothing."""
    scale, found = bench.scale, Rates()
    for number in range(1, scale.rounds + 1):
        for target in targets:
            bench.say(f"round {number}: {target.name} {target.url.partition('/api')[2]}")
            load = Load(url=target.url, headers=target.headers, body=target.body, connections=scale.connections, seconds=scale.seconds)
            holding: AbstractContextManager[None] = paused(target.beside) if target.beside else nullcontext()
            with holding:
                outcome = run(load)
            if outcome.failed:
                raise RuntimeError(f"{outcome.failed} requests to {target.name} failed.")
            found.rates.setdefault(target.name, []).append(outcome.rate)
            if target.body is not None and target.name not in {"plain", "pocketbase"}:
                found.late.setdefault(target.name, []).append(asyncio.run(settled(bench.desk)))  # the next one pays for nothing of this
    return found


def _figures(name: str, what: str, rates: dict[str, list[float]], *, plain: Bar | None) -> Iterator[Measured]:
    def against(peer: str, title: str, bar: Bar | None) -> Figure:
        return Figure(
            name=f"{name}.{peer}",
            group=GROUP,
            what=what,
            unit="requests/s",
            rounds=rates["desk"],
            peer=title,
            peer_rounds=rates.get(peer, ()),
            bar=bar,
        )

    yield against("plain", "plain FastAPI", plain)
    yield against("pocketbase", "PocketBase", _AMONG_GO)
    yield Figure(name=f"{name}.gateway", group=GROUP, what=f"{what}, through the gateway", unit="requests/s", rounds=rates["gateway"])
    titles = {"desk": "desk", "alone": "desk, followers still", "gateway": "desk, through the gateway", "plain": "plain FastAPI"}
    shown = [key for key in (*titles, "pocketbase") if key in rates]
    points = [({**titles, "pocketbase": "PocketBase"}[key], statistics.median(rates[key])) for key in shown]
    yield Plot(name=name, group=GROUP, title=f"{what.capitalize()}", kind="bars", y="requests/s", series=[Series("median", points)])

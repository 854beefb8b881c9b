"""The public feed, through the gateway, as another system reads it: page after page, and looking for what there is not."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench
from benchmarks.client import Desk, Person
from benchmarks.desk import RunningDesk
from benchmarks.figure import Figure, Measured
from chassis import secrets
from chassis.peers import Peers
from chassis.settings import SERVICES, Settings

GROUP = "log"
PAGE, LARGEST = 100, 1_000
RARE = "type=job.retried"
"""Nobody has a job retried here: every event is looked at, and none is found."""


def measure(bench: Bench) -> Iterator[Measured]:
    """Pages of the usual size, events in the largest ones, and events that are looked through in vain, each in a second."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(1, bench.scale.rounds + 1):
        desk = bench.desk
        bench.say(f"round {number}: the public feed")
        for name, rate in asyncio.run(_rates(desk, bench.scale.seconds)).items():
            rates[name].append(rate)
    yield Figure(name="events.pages", group=GROUP, what=f"GET /api/events, pages of {PAGE}", unit="pages/s", rounds=rates["pages"])
    yield Figure(
        name="events.largest", group=GROUP, what=f"GET /api/events, pages of {LARGEST:,}", unit="events/s", rounds=rates["largest"]
    )
    note = "through the gateway, one reader, which takes what it is given apart; here it finds nothing"
    yield Figure(name="events.rare", group=GROUP, what="GET /api/events, looked through", unit="events/s", rounds=rates["rare"], note=note)


async def _rates(running: RunningDesk, seconds: float) -> dict[str, float]:
    async with Desk(running.url) as desk:
        admin = await desk.sign_in(running.admin, running.password)
        pages, _, took = await _read(desk, admin, f"limit={PAGE}", seconds)
        _, events, took_largest = await _read(desk, admin, f"limit={LARGEST}", seconds)
        return {"pages": pages / took, "largest": events / took_largest, "rare": await _events(running) / await _look(desk, admin)}


async def _read(desk: Desk, by: Person, query: str, seconds: float) -> tuple[int, int, float]:
    """Return how many pages and events came, and in how many seconds; at its end the feed is begun again."""
    pages = events = 0
    after, began = "0", time.perf_counter()
    while time.perf_counter() - began < seconds:
        page = await _page(desk, by, f"{query}&after={after}")
        pages, events = pages + 1, events + len(page["items"])
        after = page["next"] if page["next"] != after else "0"
    return pages, events, time.perf_counter() - began


async def _look(desk: Desk, by: Person) -> float:
    """Return in how many seconds it is found that there is nothing."""
    after, began = "0", time.perf_counter()
    while (page := await _page(desk, by, f"{RARE}&after={after}"))["next"] != after:
        after = page["next"]
    return time.perf_counter() - began


async def _events(running: RunningDesk) -> int:
    """Return how many events the services have."""
    ports: dict[str, Any] = {f"{name}_port": running.ports[name] for name in SERVICES}
    settings = Settings(_env_file=None, data_dir=running.data_dir, **ports)
    peers = Peers(settings, secrets.ensure(settings.secrets_dir, "services"))
    try:
        answers = [await peers.get(name, "/internal/events", params={"limit": 1}) for name in SERVICES]
        return sum(answer.json()["head"] for answer in answers)
    finally:
        await peers.close()


async def _page(desk: Desk, by: Person, query: str) -> dict[str, Any]:
    page: dict[str, Any] = await desk.ask("GET", f"/api/events?{query}", by)
    return page

"""Many deadlines that become due at one moment: how long until every ticket is escalated and every admin has been told."""

import asyncio
import time
from collections.abc import Iterator

from benchmarks.bench import Bench, desk_of, sign_in
from benchmarks.client import Desk, Person
from benchmarks.desk import RunningDesk
from benchmarks.figure import Bar, Figure, Measured
from benchmarks.settling import settled

_PATIENCE = 300.0
_LOOK = 0.02


def measure(bench: Bench) -> Iterator[Measured]:
    """In each round a further policy makes all tickets overdue at once: each policy escalates a ticket once."""
    count = bench.scale.overdue
    bench.say(f"making {count:,} open tickets")
    dataset = bench.datasets.of(count, imported=False)
    seconds = []
    with desk_of(bench.datasets, dataset, "overdue", STE_ESCALATE_AFTER="365d") as desk:
        asyncio.run(settled(desk))
        admin = asyncio.run(sign_in(desk))
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: {count:,} overdue deadlines")
            seconds.append(asyncio.run(_escalate(desk, admin, number, count)))
            asyncio.run(settled(desk))
    yield Figure(
        name="overdue",
        group="overdue",
        what=f"{count:,} overdue deadlines escalated and told",
        unit="s",
        rounds=seconds,
        bar=Bar(of="value", below=10.0) if count >= 10_000 else None,
        note="from the 2xx to the change of the policies, which also sets every deadline anew, to the last notification of the one admin",
    )


async def _escalate(desk: RunningDesk, admin: Person, number: int, count: int) -> float:
    """Return how many seconds it took. Raises TimeoutError, or RuntimeError when more are told of than there are."""
    async with Desk(desk.url) as client:
        path = "/api/escalations/policies"
        current = (await client.ask("GET", path, admin))["policies"]
        further = {"name": f"round-{number}", "levels": [{"after": "1s", "notify": "admins"}]}
        before = await _unread(client, admin)
        await client.ask("PUT", path, admin, {"policies": [*current, further], "apply_to_past": True})
        began = time.monotonic()
        async with asyncio.timeout(_PATIENCE):
            while (told := await _unread(client, admin) - before) < count:  # noqa: ASYNC110 -- it is another process
                await asyncio.sleep(_LOOK)
        if told > count:
            raise RuntimeError(f"{told} notifications of {count} escalations.")
        return time.monotonic() - began


async def _unread(client: Desk, admin: Person) -> int:
    return int((await client.ask("GET", "/api/notifications/unread-count", admin))["count"])

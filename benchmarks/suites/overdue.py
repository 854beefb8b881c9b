"""Many deadlines that become due at one moment: how long until every ticket is escalated and every admin has been told."""

import asyncio
from collections.abc import Iterator

from benchmarks.bench import Bench, desk_of, sign_in
from benchmarks.client import Desk, Person
from benchmarks.course import Course, plot
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
    courses = []
    with desk_of(bench.datasets, dataset, "overdue", STE_ESCALATE_AFTER="365d") as desk:
        asyncio.run(settled(desk))
        admin = asyncio.run(sign_in(desk))
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: {count:,} overdue deadlines")
            courses.append(asyncio.run(_escalate(desk, admin, number, count)))
            asyncio.run(settled(desk))
    yield Figure(
        name="overdue",
        group="overdue",
        what=f"{count:,} overdue deadlines escalated and told",
        unit="s",
        rounds=[course.points[-1][0] for course in courses],
        bar=Bar(of="value", below=10.0) if count >= 10_000 else None,
        note="from the 2xx to the change of the policies, which also sets every deadline anew, to the last notification of the one admin",
    )
    yield plot("overdue", "overdue", f"{count:,} overdue deadlines, told", "notifications", courses)


async def _escalate(desk: RunningDesk, admin: Person, number: int, count: int) -> Course:
    """Return how many were told when. Raises TimeoutError, or RuntimeError when more are told of than there are."""
    async with Desk(desk.url) as client:
        path = "/api/escalations/policies"
        current = (await client.ask("GET", path, admin))["policies"]
        further = {"name": f"round-{number}", "levels": [{"after": "1s", "notify": "admins"}]}
        before = await _unread(client, admin)
        await client.ask("PUT", path, admin, {"policies": [*current, further], "apply_to_past": True})
        course = Course()
        async with asyncio.timeout(_PATIENCE):
            while (told := await _unread(client, admin) - before) < count:
                course.at(told)
                await asyncio.sleep(_LOOK)  # it is another process
        course.at(told)
        if told > count:
            raise RuntimeError(f"{told} notifications of {count} escalations.")
        return course


async def _unread(client: Desk, admin: Person) -> int:
    return int((await client.ask("GET", "/api/notifications/unread-count", admin))["count"])

"""Clicks: an admin's changes of statuses at a fixed rate, spread over tickets and their requesters, and what their requesters hear."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks import open_loop
from benchmarks.bench import Bench
from benchmarks.client import Desk, Person
from benchmarks.listening import Arrival
from benchmarks.open_loop import Plan, Request
from tickets.commands import STATUSES


@dataclass(slots=True)
class Clickable:
    """A ticket as it is now."""

    id: int
    requester: str
    status: str

    def click(self) -> Request:
        """Return the request for its next status."""
        self.status = STATUSES[(STATUSES.index(self.status) + 1) % len(STATUSES)]
        return Request("PUT", f"/api/tickets/{self.id}/status", f'{{"status":"{self.status}"}}')


@dataclass(slots=True)
class Clicks:
    """When the answers to the clicks on each ticket were there, in their order, in seconds since 1970."""

    answers: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    requesters: dict[int, str] = field(default_factory=dict)

    def by(self, people: Sequence[str]) -> int:
        """Return how many concern tickets of these people."""
        return sum(len(times) for ticket, times in self.answers.items() if self.requesters[ticket] in people)


def clickables(bench: Bench) -> list[Clickable]:
    """Return the oldest tickets of the desk, those that its people opened, as many as a round has clicks.

    So none is clicked on twice in a round: of two changes of one ticket the later might be made first, and the other be no change then.
    """
    scale = bench.scale
    wanted = min(scale.tickets, math.ceil(max(scale.changes) * scale.lasting))
    desk, admin = bench.desk, bench.admin

    async def read() -> list[Clickable]:
        found: list[Clickable] = []
        async with Desk(desk.url) as client:
            async for item in client.pages("/api/tickets?sort=created_at", admin):
                found.append(Clickable(item["id"], item["requester"]["id"], item["status"]))
                if len(found) == wanted:
                    break
        return found

    return asyncio.run(read())


def click(bench: Bench, tickets: Sequence[Clickable], rate: float) -> Clicks:
    """Click at this rate, each ticket in turn, straight at the tickets process."""
    count = round(rate * bench.scale.lasting)
    clicked = [tickets[number % len(tickets)] for number in range(count)]
    plan = Plan(
        url=f"http://127.0.0.1:{bench.desk.ports['tickets']}",
        rate=rate,
        seconds=bench.scale.lasting,
        requests=[ticket.click() for ticket in clicked],
        headers={"Cookie": bench.admin.cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"},
        connections=64,
    )
    made = Clicks()
    for ticket, answer in zip(clicked, open_loop.run(plan), strict=True):
        made.answers[ticket.id].append(answer.answered)
        made.requesters[ticket.id] = ticket.requester
    return made


def waits(clicks: Clicks, arrivals: Sequence[Arrival]) -> list[float]:
    """Return, in seconds, how long after its answer each click was on each stream; 0 for those that were there before the answer.

    Raises RuntimeError when a stream told of more clicks on a ticket than there were.
    """
    found: list[float] = []
    by_stream: dict[tuple[int, int], list[float]] = defaultdict(list)
    for arrival in arrivals:
        by_stream[arrival.stream, arrival.ticket].append(arrival.at)
    for (_, ticket), times in by_stream.items():
        found += _after(clicks.answers.get(ticket, []), times, ticket)
    return found


def written(clicks: Clicks, rows: Mapping[int, Sequence[float]]) -> list[float]:
    """Return how long after its answer each click's notification was made. Raises RuntimeError when one is lost or doubled."""
    found: list[float] = []
    for ticket, answers in clicks.answers.items():
        times = rows.get(ticket, [])
        if len(times) != len(answers):
            raise RuntimeError(f"{len(answers)} clicks on ticket {ticket} made {len(times)} notifications.")
        found += _after(answers, times, ticket)
    return found


def _after(answers: Sequence[float], times: Sequence[float], ticket: int) -> Iterator[float]:
    if len(times) > len(answers):
        raise RuntimeError(f"{len(answers)} clicks on ticket {ticket} came {len(times)} times.")
    return (max(0.0, at - answered) for answered, at in zip(answers, times, strict=False))


async def notifications(url: str, people: Sequence[Person], since: float) -> dict[int, list[float]]:
    """Return by ticket when each of its notifications was made, in their order, for those made after `since`."""
    found: dict[int, list[float]] = defaultdict(list)
    async with Desk(url) as client:

        async def read(person: Person) -> None:
            async for item in client.pages("/api/notifications", person):
                at = datetime.fromisoformat(item["created_at"]).timestamp()
                if at < since:
                    break
                found[item["ticket_id"]].insert(0, at)

        await asyncio.gather(*map(read, people))
    return found

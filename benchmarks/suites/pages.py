"""Every page at a fixed rate, by way of the gateway: from the moment at which it was to be asked for to its last byte."""

from collections.abc import Iterator

from benchmarks import open_loop
from benchmarks.bench import Bench
from benchmarks.figure import Bar, Figure, Measured, Plot, Series, percentile
from benchmarks.open_loop import Plan, Request
from benchmarks.words import vocabulary

GROUP = "pages"
RATE = 10.0
"""Pages a second."""
_SHOWN = 95
_BAR = Bar(of="value", below=60.0)


def pages(tickets: int) -> dict[str, str]:
    """Return every page of an admin by its name, on a desk with so many tickets."""
    middle = tickets // 2
    return {
        "tickets": "/tickets",
        "open tickets, the oldest first": "/tickets?status=open&sort=created_at",
        "tickets with the commonest word": f"/tickets?q={vocabulary()[0]}",
        "a ticket": f"/tickets/{middle}",
        "a new ticket": "/tickets/new",
        "notifications": "/notifications",
        "audit": "/audit",
        "overview": "/admin",
        "people": "/admin/people",
        "jobs": "/admin/jobs",
        "parked events": "/admin/parked",
        "escalation policies": "/admin/policies",
        "health": "/admin/health",
        "account": "/account",
    }


def measure(bench: Bench) -> Iterator[Measured]:
    """Ask for one page after the other, each for a while."""
    url = f"http://127.0.0.1:{bench.desk.ports['gateway']}"
    headers = {"Cookie": bench.admin.cookie}
    found: list[tuple[float | str, float]] = []
    for name, path in pages(bench.scale.tickets).items():
        rounds = []
        for number in range(1, bench.scale.rounds + 1):
            bench.say(f"round {number}: {path}")
            plan = Plan(url=url, rate=RATE, seconds=bench.scale.lasting, requests=[Request("GET", path)], headers=headers)
            rounds.append(percentile([answer.latency * 1000 for answer in open_loop.run(plan)], _SHOWN))
        figure = Figure(
            name=f"pages.{path.strip('/').replace('/', '.').partition('?')[0]}.{name.replace(' ', '-')}",
            group=GROUP,
            what=f"page: {name}, p{_SHOWN}",
            unit="ms",
            rounds=rounds,
            bar=_BAR,
            note=f"{RATE:.0f} a second" if not found else "",
        )
        found.append((name, figure.median))
        yield figure
    yield Plot(name="pages", group=GROUP, title=f"Pages, p{_SHOWN}", kind="bars", y="ms", series=[Series("by way of the gateway", found)])

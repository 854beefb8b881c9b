"""What can be measured, in the order in which it is: first what needs the machine for itself, last what changes the desk the most."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figure import Measured
from benchmarks.suites import (
    append,
    clicks,
    events,
    exports,
    growth,
    history,
    idle,
    latency,
    log,
    overdue,
    pages,
    processes,
    rates,
    simulate,
    travel,
)

Measure = Callable[[Bench], Iterator[Measured]]


@dataclass(frozen=True, slots=True)
class Suite:
    """`alone`: what is shared is ended before, so that nothing else runs."""

    about: str
    measure: Measure
    alone: bool = False


SUITES: Mapping[str, Suite] = {
    "idle": Suite("time to ready, memory at rest", idle.measure, alone=True),
    "append": Suite("the log in process, beside eventsourcing, raw SQLite and raw nats-py", append.measure, alone=True),
    "lists": Suite("filters and orders, as the desk grows", growth.lists, alone=True),
    "search": Suite("words, as the desk grows", growth.search, alone=True),
    "history": Suite("a ticket with ever more events", history.measure, alone=True),
    "travel": Suite("a ticket, lists and counts as of moments of the past", travel.measure, alone=True),
    "verify": Suite("the whole log from disk", log.verify, alone=True),
    "export": Suite("an audit export of the whole log, and its verification", exports.measure, alone=True),
    "rebuild": Suite("the ticket tables from the log, at the start of a new version", log.rebuild, alone=True),
    "beside": Suite("the ticket tables from the log, beside those in use", log.beside, alone=True),
    "feed": Suite("the log over HTTP, as other services read it", log.feed),
    "events": Suite("the public feed, as other systems read it", events.measure),
    "read": Suite("one ticket, beside plain FastAPI and PocketBase", rates.read),
    "list": Suite("25 of many tickets, beside plain FastAPI and PocketBase", rates.list_),
    "create": Suite("durable creation, beside plain FastAPI and PocketBase", rates.create),
    "latency": Suite("creation at a fixed rate", latency.measure),
    "click": Suite("click to notification, at fixed rates", clicks.clicks),
    "streams": Suite("click to notification, with ever more open pages", clicks.streams),
    "pages": Suite("every page at a fixed rate", pages.measure),
    "processes": Suite("the tickets service as one process and as two", processes.measure, alone=True),
    "overdue": Suite("deadlines that are all due at once", overdue.measure, alone=True),
    "simulate": Suite("what another policy would have done, over all tickets", simulate.measure, alone=True),
}

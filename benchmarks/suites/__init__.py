"""What can be measured, in the order in which it is: first what needs the machine for itself, last what changes the desk the most."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figure import Measured
from benchmarks.suites import idle, rates

Measure = Callable[[Bench], Iterator[Measured]]


@dataclass(frozen=True, slots=True)
class Suite:
    """`alone`: what is shared is ended before, so that nothing else runs."""

    about: str
    measure: Measure
    alone: bool = False


SUITES: Mapping[str, Suite] = {
    "idle": Suite("time to ready, memory at rest", idle.measure, alone=True),
    "read": Suite("one ticket, beside plain FastAPI and PocketBase", rates.read),
    "list": Suite("25 of many tickets, beside plain FastAPI and PocketBase", rates.list_),
    "create": Suite("durable creation, beside plain FastAPI and PocketBase", rates.create),
}

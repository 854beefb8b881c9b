"""How much is measured: a run of a minute for the tests, of a quarter of an hour for people, and the largest sizes on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes and durations; times are in seconds."""

    name: str = "default"
    rounds: int = 3
    seconds: float = 3.0
    """How long each load lasts."""
    connections: int = 32
    tickets: int = 100_000
    """On the desk that is asked, and in the log that is verified, rebuilt and fed."""
    sizes: Sequence[int] = (1_000, 10_000, 100_000)
    """Tickets, as a desk grows; the first is what the others are compared with."""
    asked: int = 40
    """How often each list is asked for at each size."""
    appends: int = 6_000
    """Events that many appenders write in a round; a single one writes a quarter of them."""
    shares: Sequence[int] = (25, 50, 75)
    """Percent of the peak at which creations come."""
    changes: Sequence[int] = (10, 100, 500)
    """Changes a second whose notifications are waited for."""
    lasting: float = 5.0
    """How long requests come at a fixed rate."""
    events: Sequence[int] = (1, 10, 100, 1_000, 10_000)
    """Of one ticket."""
    streams: Sequence[int] = (1, 100, 500, 2_000)
    """Clients that listen."""
    overdue: int = 10_000
    rest: float = 5.0
    """How long a desk has nothing to do before its memory is looked at."""


DEFAULT = Scale()
QUICK = Scale(
    name="quick",
    rounds=1,
    seconds=0.5,
    connections=8,
    tickets=1_000,
    sizes=(500, 1_000),
    asked=5,
    appends=400,
    shares=(50,),
    changes=(50,),
    lasting=1.5,
    events=(1, 10, 100),
    streams=(1, 20),
    overdue=200,
    rest=0.2,
)
FULL = replace(DEFAULT, name="full", sizes=(1_000, 10_000, 100_000, 1_000_000))

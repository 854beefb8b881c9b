"""Questions to stores in this process: how long each takes, in turns, so that what disturbs one disturbs all."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from events.store import Store

Ask = Callable[[Connection], Any]


def medians(store: Store, asks: Mapping[str, Ask], times: int) -> dict[str, float]:
    """Return by name the median time in seconds. Raises RuntimeError when one finds nothing: that would be too easy."""
    return {name: statistics.median(each) for name, each in durations(store, asks, times).items()}


def durations(store: Store, asks: Mapping[str, Ask], times: int) -> dict[str, list[float]]:
    """Return by name each time in seconds. Raises RuntimeError as `medians` does."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(times + 1):
        for name, ask in asks.items():
            began = time.perf_counter()
            with store.read() as connection:
                rows = ask(connection)
            if number:  # the first one compiles the statement and warms the cache
                taken[name].append(time.perf_counter() - began)
            if not rows:
                raise RuntimeError(f"Nothing was found: {name}.")
    return taken

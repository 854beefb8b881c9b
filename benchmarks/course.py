"""How far something was at which moment, for a plot of each round."""

import time
from collections.abc import Sequence

from benchmarks.figure import Plot, Series

_SHOWN = 50
"""Points that a line is drawn through."""


class Course:
    """Begins now. `points` are (seconds since then, how much was done)."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.points: list[tuple[float, float]] = [(0.0, 0.0)]

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._began

    def at(self, done: float, _total: float | None = None) -> None:
        """Note how much is done by now; it is also the `progress` of a walk."""
        self.points.append((self.seconds, done))


def plot(name: str, group: str, title: str, unit: str, courses: Sequence[Course]) -> Plot:
    """Return the rounds as lines over the seconds."""
    series = [Series(f"round {number}", _thinned(course.points)) for number, course in enumerate(courses, 1)]
    return Plot(name=name, group=group, title=title, kind="lines", x="s", y=unit, series=series)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float | str, float]]:
    """Return some fifty of the points, evenly, the first and the last among them."""
    step = max(1, (len(points) - 1) // _SHOWN)
    kept = [*points[:-1:step], points[-1]]
    return [(round(seconds, 3), done) for seconds, done in kept]

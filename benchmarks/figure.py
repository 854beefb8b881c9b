"""What is measured: figures, each with its rounds, its peer and its bar, and plots that show how several hang together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a figure must reach: `least` or `below`, of its value or of its ratio to the peer; `goal` is what one would like."""

    of: Literal["value", "ratio"]
    least: float | None = None
    below: float | None = None
    goal: float | None = None

    def __str__(self) -> str:
        sign, bound = ("≥", self.least) if self.below is None else ("<" if self.of == "value" else "≤", self.below)
        text = f"{sign} {number(bound or 0.0)}" + (" ×" if self.of == "ratio" else "")  # noqa: RUF001 -- the sign of a product
        return text + (f" (goal {number(self.goal)})" if self.goal is not None else "")

    def met_by(self, found: float) -> str:
        """Return "yes", "no", or "accepted" for what is enough and short of the goal."""
        enough = found >= self.least if self.least is not None else self.below is not None and found <= self.below
        if not enough:
            return "no"
        return "yes" if self.goal is None or found >= self.goal else "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `rounds` and `peer_rounds` belong together: the ratio is taken within a round."""

    name: str
    """Unique and lasting, as "create.plain": under it a later run replaces this one."""
    group: str
    what: str
    unit: str
    rounds: Sequence[float]
    peer: str = ""
    peer_rounds: Sequence[float] = ()
    bar: Bar | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.rounds or (self.peer_rounds and len(self.peer_rounds) != len(self.rounds)):
            raise ValueError(f"{self.name} needs its rounds, and as many of its peer's.")

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def peer_median(self) -> float | None:
        return statistics.median(self.peer_rounds) if self.peer_rounds else None

    @property
    def ratio(self) -> float | None:
        """The median of the ratios within the rounds."""
        if not self.peer_rounds:
            return None
        return statistics.median(own / peer for own, peer in zip(self.rounds, self.peer_rounds, strict=True))

    @property
    def verdict(self) -> str:
        """ "yes", "accepted" or "no" where there is a bar, "?" where its peer is not here, else nothing."""
        if self.bar is None:
            return ""
        found = self.median if self.bar.of == "value" else self.ratio
        return "?" if found is None else self.bar.met_by(found)


@dataclass(frozen=True, slots=True)
class Series:
    """`points` are (x, y); in a plot of bars x is the label of each."""

    name: str
    points: Sequence[tuple[float | str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Bars for what is compared, lines for what grows. `x` and `y` name the axes with their units."""

    name: str
    group: str
    title: str
    kind: Literal["bars", "lines"]
    y: str
    series: Sequence[Series]
    x: str = ""
    log_x: bool = False
    log_y: bool = False


Measured = Figure | Plot
"""What a suite yields."""


def number(value: float) -> str:
    """Return a number as people read it: about three digits, thousands apart."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of all do not exceed (nearest rank). Raises ValueError when there are none."""
    if not values:
        raise ValueError("Nothing was measured.")
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]

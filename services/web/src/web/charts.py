"""Charts as geometry: from numbers to what an SVG draws, in units of its view box. Pure; nothing is NaN, and nothing lies outside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 24
"""The margins around the plot: for the numbers of the axis on the left and the labels below."""
_STEPS = (1, 2, 5)
_MOST_LABELS = 8
_FEW_LABELS = 6
"""As many as a phone has room for."""
_WIDEST = 72
_GAP = 0.25
"""Of the room of a bar, what is left free."""


def scale_top(largest: float) -> tuple[int, int]:
    """Return where an axis of counts ends, at or above `largest` (at least 1), and the step between its lines: three to six of them."""
    top = max(1, math.ceil(largest)) if math.isfinite(largest) else 1
    power = 1
    while True:
        for step in _STEPS:
            size = step * power
            if size * 5 >= top:
                return size * -(-top // size), size
        power *= 10


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line of the grid, and the number that it stands for."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word below the plot, centred on `x`. One that is `minor` is left out where there is little room, as on a phone."""

    x: float
    text: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: which series it is of, and what it says on hover."""

    x: float
    y: float
    width: float
    height: float
    series: int
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A series as a line; `d` is a path's, `area` the same closed to the axis. `dots` are set where a line alone would not be seen."""

    d: str
    area: str
    series: int
    dots: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """`names` are those of the series, in order; `rows` are the numbers themselves, for the table beside the picture."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    bars: tuple[Bar, ...] = ()
    curves: tuple[Curve, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see: no number above zero."""
        return not any(any(values) for _, values in self.rows)

    @property
    def base(self) -> int:
        return self.height - BOTTOM


Rows = Sequence[tuple[str, Sequence[int]]]
"""For each place on the axis its label and a number of each series; numbers below zero count as zero."""


def stacked(names: Sequence[str], rows: Rows) -> Chart:
    """Return columns with the series on top of each other."""
    clean = _clean(names, rows)
    top, step = scale_top(max((sum(values) for _, values in clean), default=0))
    bars = []
    for index, (label, values) in enumerate(clean):
        x, width = _slot(index, len(clean))
        below = 0
        for series, value in enumerate(values):
            if value:
                y = _y(below + value, top)
                bars.append(Bar(x, y, width, _round(_y(below, top) - y), series, f"{label}: {value:,} {names[series].lower()}"))
            below += value
    return Chart(tuple(names), clean, _grid(top, step), _labels(clean), bars=tuple(bars))


def grouped(names: Sequence[str], rows: Rows) -> Chart:
    """Return columns with the series beside each other."""
    clean = _clean(names, rows)
    top, step = scale_top(max((max(values, default=0) for _, values in clean), default=0))
    bars = []
    for index, (label, values) in enumerate(clean):
        x, width = _slot(index, len(clean))
        part = width / max(1, len(names))
        for series, value in enumerate(values):
            if value:
                y = _y(value, top)
                place, wide = _round(x + series * part), _round(part * 0.92)
                bars.append(Bar(place, y, wide, _round(HEIGHT - BOTTOM - y), series, f"{label}: {value:,} {names[series].lower()}"))
    return Chart(tuple(names), clean, _grid(top, step), _labels(clean), bars=tuple(bars))


def curves(names: Sequence[str], rows: Rows) -> Chart:
    """Return a line for each series."""
    clean = _clean(names, rows)
    top, step = scale_top(max((max(values, default=0) for _, values in clean), default=0))
    found = []
    for series in range(len(names)):
        points = [(_middle(index, len(clean)), _y(values[series], top)) for index, (_, values) in enumerate(clean)]
        if points:
            d = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
            area = f"{d}L{points[-1][0]:g} {HEIGHT - BOTTOM}L{points[0][0]:g} {HEIGHT - BOTTOM}Z"
            found.append(Curve(d, area, series, tuple(points) if len(points) == 1 else ()))
    return Chart(tuple(names), clean, _grid(top, step), _labels(clean), curves=tuple(found))


def shares(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int, float]]:
    """Return each number with its part of the largest, in hundredths: for bars that lie."""
    most = max((value for _, value in rows), default=0)
    return [(label, max(0, value), _round(100 * max(0, value) / most) if most > 0 else 0.0) for label, value in rows]


def _clean(names: Sequence[str], rows: Rows) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((label, tuple(max(0, value) for value in values[: len(names)])) for label, values in rows)


def _slot(index: int, count: int) -> tuple[float, float]:
    """Return where a column begins, and its width."""
    room = (WIDTH - LEFT - RIGHT) / count
    width = min(room * (1 - _GAP), _WIDEST)
    return _round(LEFT + (index + 0.5) * room - width / 2), _round(width)


def _middle(index: int, count: int) -> float:
    room = (WIDTH - LEFT - RIGHT) / count
    return _round(LEFT + (index + 0.5) * room)


def _y(value: float, top: int) -> float:
    return _round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top))


def _grid(top: int, step: int) -> tuple[Line, ...]:
    return tuple(Line(_y(value, top), short(value)) for value in range(0, top + 1, step))


def _labels(rows: Sequence[tuple[str, Sequence[int]]]) -> tuple[Label, ...]:
    """Return as many labels as have room, evenly apart, the last one always among them."""
    every = max(1, -(-len(rows) // _MOST_LABELS))
    last = len(rows) - 1
    shown = [index for index in range(len(rows)) if (last - index) % every == 0]
    many = len(shown) > _FEW_LABELS
    return tuple(Label(_middle(index, len(rows)), rows[index][0], many and (last - index) // every % 2 == 1) for index in shown)


def _round(number: float) -> float:
    return round(number, 2)


def short(number: int) -> str:
    """Return a count in as few characters as an axis has room for: "950", "12k", "3.5M"."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 1000 * size else f"{number / size:.0f}{unit}"
    return str(number)

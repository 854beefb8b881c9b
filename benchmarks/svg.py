"""Plots as SVG, written out: bars that lie, and lines. Readable in light and dark, with a text that says what can be seen.

Colours are Okabe and Ito's, which people with any colour vision tell apart; lines differ in their dashes and marks as well.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

from benchmarks.figure import Plot, Series, number

WIDTH = 720
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b3a100")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 4", "4 4", "10 2 2 2")
_RIGHT, _TOP, _BAR, _LETTER = 90, 56, 26, 6.8
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; } .title { font-weight: 600; font-size: 15px; } .small { font-size: 11px; }
.axis { stroke: #8c959f; } .grid { stroke: #d0d7de; } .back { fill: #ffffff; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .grid { stroke: #30363d; } .back { fill: #0d1117; } }
"""


def draw(plot: Plot) -> str:
    """Return the whole file."""
    height, body = _bars(plot) if plot.kind == "bars" else _lines(plot)
    text = escape(alternative(plot))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="title desc">'
    )
    about = f'<title id="title">{escape(plot.title)}</title>\n<desc id="desc">{text}</desc>\n<style>{_STYLE}</style>'
    back = f'<rect class="back" width="{WIDTH}" height="{height}"/>'
    title = _text(16, 26, plot.title, css="title")
    return "\n".join([head, about, back, title, *body, "</svg>", ""])


def alternative(plot: Plot) -> str:
    """Return what the plot shows, in words and numbers."""
    unit = f" ({plot.y}" + (f" by {plot.x})" if plot.x else ")")
    parts = []
    for series in plot.series:
        values = ", ".join(f"{_label(x)}: {number(y)}" for x, y in series.points)
        parts.append(f"{series.name}: {values}" if len(plot.series) > 1 else values)
    return f"{plot.title}{unit}. " + "; ".join(parts) + "."


def _label(x: float | str) -> str:
    return x if isinstance(x, str) else number(x)


def _text(x: float, y: float, text: str, *, anchor: str = "start", css: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"' + (f' class="{css}"' if css else "") + f">{escape(text)}</text>"


def _bars(plot: Plot) -> tuple[int, list[str]]:
    labels = list(dict.fromkeys(x for series in plot.series for x, _ in series.points))
    most = max((y for series in plot.series for _, y in series.points), default=1.0) or 1.0
    left = 26 + _LETTER * max(len(_label(label)) for label in labels)
    body = [_text(16, 44, plot.y, css="small")]
    y = float(_TOP + 8)
    for label in labels:
        body.append(_text(left - 10, y + 15, _label(label), anchor="end"))
        for place, series in enumerate(plot.series):
            value = dict(series.points).get(label)
            if value is None:
                continue
            width = (WIDTH - left - _RIGHT) * value / most
            body.append(f'<rect x="{left:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{_BAR - 8}" fill="{_COLOURS[place % 8]}"/>')
            body.append(_text(left + width + 6, y + 14, number(value), css="small"))
            y += _BAR
        y += 6 if len(plot.series) > 1 else 0
    if len(plot.series) > 1:
        legend, tall = _legend(plot.series, y + 14, dashed=False)
        return int(y + 14 + tall), body + legend
    return int(y + 14), body


def _lines(plot: Plot) -> tuple[int, list[str]]:
    points = [(float(x), y) for series in plot.series for x, y in series.points]
    left, right, top, bottom = 76.0, WIDTH - 24.0, float(_TOP), 316.0
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across, marks_x = _scale(xs, left, right, log=plot.log_x)
    up, marks_y = _scale([*ys, *([] if plot.log_y else [0.0])], bottom, top, log=plot.log_y)
    if plot.log_x:
        across, marks_x = _between(min(xs), max(xs), left, right), sorted(set(xs))
    body = [_text(16, 44, plot.y, css="small"), _text((left + right) / 2, bottom + 36, plot.x, anchor="middle", css="small")]
    for mark in marks_y:
        body.append(f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{up(mark):.1f}" y2="{up(mark):.1f}"/>')
        body.append(_text(left - 8, up(mark) + 4, number(mark), anchor="end", css="small"))
    body += [_text(across(mark), bottom + 18, number(mark), anchor="middle", css="small") for mark in marks_x]
    body.append(f'<line class="axis" x1="{left:.1f}" x2="{right:.1f}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>')
    for place, series in enumerate(plot.series):
        drawn = [(across(float(x)), up(y)) for x, y in series.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        dash = f' stroke-dasharray="{_DASHES[place % 8]}"' if _DASHES[place % 8] else ""
        body.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[place % 8]}" stroke-width="2"{dash}/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[place % 8]}"/>' for x, y in drawn]
    legend, tall = _legend(plot.series, bottom + 58, dashed=True)
    return int(bottom + 58 + tall), body + legend


def _between(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return where a value stands between two edges, by its logarithm."""
    low = max(low, 1e-9)
    span = math.log10(max(high, low * 1.01) / low)
    return lambda value: start + (end - start) * math.log10(max(value, low) / low) / span


def _scale(values: Sequence[float], start: float, end: float, *, log: bool) -> tuple[Callable[[float], float], list[float]]:
    """Return where a value stands between two edges, and the values to mark."""
    low, high = min(values), max(values)
    if log:
        low, high = 10 ** math.floor(math.log10(max(low, 1e-9))), 10 ** math.ceil(math.log10(max(high, 1e-9)))
        low, high = (low, high) if high > low else (low, low * 10)
        marks = [low * 10**step for step in range(round(math.log10(high / low)) + 1)]
        return _between(low, high, start, end), marks
    step = _step((high - low) or 1.0)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    high = high if high > low else low + step
    marks = [low + step * count for count in range(round((high - low) / step) + 1)]
    return lambda value: start + (end - start) * (value - low) / (high - low), marks


def _step(span: float) -> float:
    """Return a round distance of which about five are in the span."""
    power: float = 10.0 ** math.floor(math.log10(span / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 6)


def _legend(series: Sequence[Series], y: float, *, dashed: bool) -> tuple[list[str], int]:
    """Return the legend, as many names beside each other as there is place for, and how tall it is."""
    columns = max(1, min(3, int((WIDTH - 48) / (52 + _LETTER * max(len(each.name) for each in series)))))
    body = []
    for place, each in enumerate(series):
        x, line = 24 + (place % columns) * (WIDTH - 48) / columns, y + 26 * (place // columns)
        look = f'stroke="{_COLOURS[place % 8]}" stroke-width="{2 if dashed else 10}"'
        look += f' stroke-dasharray="{_DASHES[place % 8]}"' if dashed and _DASHES[place % 8] else ""
        body.append(f'<line x1="{x:.1f}" x2="{x + 26:.1f}" y1="{line - 4:.1f}" y2="{line - 4:.1f}" {look}/>')
        body.append(_text(x + 34, line, each.name, css="small"))
    return body, 26 * math.ceil(len(series) / columns)

"""The page docs/performance.md and its plots, from the newest figure of each name: a run of some figures leaves the others as they are."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import Bar, Figure, Plot, Series
from benchmarks.report import Report, Run, about, notes, rows
from benchmarks.svg import alternative, draw

STEPS = Path(__file__).with_name("steps.md")
MISSED = Path(__file__).with_name("missed.md")
_GROUPS = {
    "rates": "The peak: requests a second of 32 connections",
    "processes": "Several processes of a service",
    "append": "The log: appending",
    "log": "The log: verifying, rebuilding, feeding",
    "latency": "At a fixed rate, counted from the planned start",
    "click": "From a click to its notification",
    "overdue": "Overdue deadlines",
    "pages": "Pages, drawn on the server",
    "simulate": "What another policy would have done",
    "growth": "As a desk grows",
    "travel": "The past",
    "streams": "Open pages",
    "idle": "At rest",
}
_INTRODUCTION = """# What it costs

Written by `make bench ARGS=--write-docs`; `python -m benchmarks --help` says what can be measured alone. A figure is the median of the
rounds, its spread the least and the most of them. A ratio is taken within a round, desk to peer, and the median of these is shown: figures
depend on the machine and on what else it does, ratios much less. `met` says whether the bar is reached; `accepted` is enough, and short of
the goal.

- *plain FastAPI* is an app with the desk's own models on the same server that does nothing else: no sign-in, no store, no events.
- *PocketBase* is a Go program with SQLite inside; here one collection with a ticket's fields, open to all, as it comes: synchronous NORMAL,
  so that a power cut may take back what it acknowledged, no audit, no events. Its list is asked for without the total.
- *eventsourcing* is the Python library of that name on a SQLite file, as it comes; its events are neither chained nor signed.
- The load tool and the peers share the cores with the desk. The desk is signed in to, its rate limits are off, and all its services run.
"""


def write_docs(report: Report, docs: Path) -> None:
    """Put the run's figures in the place of those of the same names, and write the page and the plots anew."""
    place = docs / "performance"
    place.mkdir(parents=True, exist_ok=True)
    kept = _Kept(place / "figures.json")
    kept.take(report)
    (docs / "performance.md").write_text(kept.page(), encoding="utf-8")
    for old in place.glob("*.svg"):
        old.unlink()
    for plot in kept.plots:
        (place / f"{plot.name}.svg").write_text(draw(plot), encoding="utf-8")
    kept.save()


class _Kept:
    """What the page is made from: figures and plots by name, each with the run that it is of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data: dict[str, Any] = {"runs": {}, "figures": {}, "plots": {}, "missing": {}}
        if path.exists():
            self._data = json.loads(path.read_text(encoding="utf-8"))

    def take(self, report: Report) -> None:
        said = report.as_dict()
        name = report.run.taken_at
        self._data["runs"][name] = said["run"]
        measured = set(report.suites.values())
        for kind in ("figures", "plots"):  # what a suite no longer gives goes as well
            stays = {key: each for key, each in self._data[kind].items() if each["suite"] not in measured}
            self._data[kind] = stays | {each["name"]: {**each, "run": name} for each in said[kind]}
        missing = {key: why for key, why in self._data["missing"].items() if key not in measured and key != "peers"}
        self._data["missing"] = missing | report.missing
        used = {each["run"] for kind in ("figures", "plots") for each in self._data[kind].values()}
        self._data["runs"] = {key: run for key, run in self._data["runs"].items() if key in used}

    def save(self) -> None:
        self._path.write_text(json.dumps(self._data, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @property
    def figures(self) -> list[Figure]:
        order = list(_GROUPS)
        found = [_figure(each) for each in self._data["figures"].values()]
        return sorted(found, key=lambda figure: order.index(figure.group))

    @property
    def plots(self) -> list[Plot]:
        return [_plot(each) for each in self._data["plots"].values()]

    def page(self) -> str:
        """Return the whole page."""
        figures, plots = self.figures, self.plots
        parts = [_INTRODUCTION, "## What it must reach", "", *rows([figure for figure in figures if figure.bar is not None]), ""]
        parts += ["## What is missed, and why", "", MISSED.read_text(encoding="utf-8").strip(), ""]
        for group, title in _GROUPS.items():
            of_group = [figure for figure in figures if figure.group == group]
            if of_group:
                parts += [f"## {title}", "", *rows(of_group), "", *notes(of_group, {}), ""]
                parts += _images([plot for plot in plots if plot.group == group])
        parts += [*notes([], self._data["missing"]), "## Steps of optimisation", "", STEPS.read_text(encoding="utf-8").strip(), ""]
        parts += ["## Where and how it was taken", "", *self._runs()]
        return "\n".join(parts).rstrip() + "\n"

    def _runs(self) -> list[str]:
        lines: list[str] = []
        for name, run in sorted(self._data["runs"].items(), reverse=True):
            of_run = [figure["what"] for figure in self._data["figures"].values() if figure["run"] == name]
            if len(self._data["runs"]) > 1:
                lines += [f"{len(of_run)} figures are of this run:", ""]
            lines += [*about(Run(**run)), ""]
        return lines


def _images(plots: Sequence[Plot]) -> list[str]:
    return [line for plot in plots for line in (f"![{alternative(plot)}](performance/{plot.name}.svg)", "")]


def _figure(kept: dict[str, Any]) -> Figure:
    fields = {name: kept[name] for name in Figure.__dataclass_fields__}
    return Figure(**{**fields, "bar": None if kept["bar"] is None else Bar(**kept["bar"])})


def _plot(kept: dict[str, Any]) -> Plot:
    fields = {name: kept[name] for name in Plot.__dataclass_fields__}
    return Plot(**{**fields, "series": [Series(each["name"], [tuple(point) for point in each["points"]]) for each in kept["series"]]})

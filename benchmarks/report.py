"""The figures of a run: one table on the screen, and JSON, Markdown and plots beside each other in a directory."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.figure import Figure, Plot, number
from benchmarks.machine import describe
from benchmarks.svg import draw

HEADINGS = ("figure", "unit", "median", "spread", "peer", "its median", "ratio", "bar", "met")


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where, when and how figures were taken."""

    command: str
    seed: int
    machine: dict[str, str]
    taken_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def now(cls, command: str, seed: int, peers: dict[str, str]) -> "Run":
        return cls(command=command, seed=seed, machine={**describe(), **peers})

    @property
    def name(self) -> str:
        """A name for its files."""
        return self.taken_at.replace(":", "").replace("+0000", "Z")


@dataclass(kw_only=True)
class Report:
    """`suites` says of each figure and plot, by its name, which suite it is of; `missing` by name of a suite why it gave nothing."""

    run: Run
    figures: Sequence[Figure]
    plots: Sequence[Plot]
    suites: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def table(self) -> Table:
        made = Table(box=SIMPLE_HEAD, title="The desk's figures", caption=f"seed {self.run.seed}, commit {self.run.machine['commit']}")
        for heading in HEADINGS:
            made.add_column(heading, justify="left" if heading in {"figure", "unit", "peer"} else "right", overflow="fold")
        for figure in self.figures:
            made.add_row(*cells(figure))
        return made

    def markdown(self) -> str:
        """Return the table with how, where and with what it was taken."""
        return "\n".join([*rows(self.figures), "", *notes(self.figures, self.missing), "", *about(self.run), ""])

    def as_dict(self) -> dict[str, Any]:
        return {
            "run": asdict(self.run),
            "figures": [asdict(figure) | _found(figure) | {"suite": self.suites.get(figure.name, "")} for figure in self.figures],
            "plots": [asdict(plot) | {"suite": self.suites.get(plot.name, "")} for plot in self.plots],
            "missing": self.missing,
        }

    def write(self, directory: Path) -> Path:
        """Write everything into a directory named by the time, and return it."""
        target = directory / self.run.name
        target.mkdir(parents=True, exist_ok=True)
        (target / "figures.json").write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        (target / "figures.md").write_text(self.markdown(), encoding="utf-8")
        for plot in self.plots:
            (target / f"{plot.name}.svg").write_text(draw(plot), encoding="utf-8")
        return target


def _found(figure: Figure) -> dict[str, Any]:
    return {"median": figure.median, "ratio": figure.ratio, "met": figure.verdict}


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a line of the table, in the order of HEADINGS."""
    low, high = min(figure.rounds), max(figure.rounds)
    peer = figure.peer_median
    return (
        figure.what,
        figure.unit,
        number(figure.median),
        f"{number(low)}–{number(high)}" if len(figure.rounds) > 1 else "",  # noqa: RUF001 -- from … to
        figure.peer if peer is not None or not figure.peer else f"{figure.peer} (not here)",
        "" if peer is None else number(peer),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.bar is None else str(figure.bar),
        figure.verdict,
    )


def rows(figures: Sequence[Figure]) -> list[str]:
    """Return a table in Markdown."""
    aligned = ["---", "---", "---:", "---:", "---", "---:", "---:", "---:", "---"]
    return [_row(HEADINGS), _row(aligned), *(_row(cells(figure)) for figure in figures)]


def notes(figures: Sequence[Figure], missing: dict[str, str]) -> list[str]:
    """Return what is to be said about single figures."""
    said = [f"- *{figure.what}*: {figure.note}." for figure in figures if figure.note]
    return said + [f"- *{name}* was not measured: {why}" for name, why in missing.items()]


def about(run: Run) -> list[str]:
    """Return where, when and how, in Markdown."""
    facts = {"taken": run.taken_at, "command": f"`{run.command}`", "seed": str(run.seed), **run.machine}
    return [_row(("", "")), _row(("---", "---")), *(_row(fact) for fact in facts.items())]


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"

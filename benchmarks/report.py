"""The figures as one table: on the screen, as JSON, and as the page docs/performance.md."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from benchmarks.figures import Rate
from benchmarks.machine import describe


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    desk: str
    plain: str = ""
    ratio: str = ""


@dataclass(slots=True, kw_only=True)
class Report:
    """All figures of one run. Times are in seconds, memory in MiB."""

    command: str
    rates: Sequence[Rate]
    clicks: Sequence[float]
    memory: Mapping[str, float]
    starts: Sequence[float]
    taken_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    machine: Mapping[str, str] = field(default_factory=describe)

    def lines(self) -> list[Line]:
        """Return the table: medians of the runs; each ratio is the median of the ratios within the runs."""
        lines = [
            Line(
                f"{rate.what}, requests/s" + (f" ({rate.failed} failed)" if rate.failed else ""),
                f"{statistics.median(rate.desk):,.0f}",
                f"{statistics.median(rate.plain):,.0f}",
                f"{statistics.median(rate.ratios):.2f}",
            )
            for rate in self.rates
        ]
        lines += [Line(f"{rate.what} through the gateway, requests/s", f"{statistics.median(rate.gateway):,.0f}") for rate in self.rates]
        lines += [Line(f"click to notification, p{percent}", f"{percentile(self.clicks, percent) * 1000:.1f} ms") for percent in (50, 99)]
        lines += [Line(f"idle memory (PSS), {name}", f"{size:.0f} MiB") for name, size in sorted(self.memory.items())]
        lines.append(Line("idle memory (PSS), all processes", f"{sum(self.memory.values()):.0f} MiB"))
        lines.append(Line("time to ready, first start", f"{statistics.median(self.starts):.1f} s"))
        return lines

    def table(self) -> Table:
        table = Table(title="The desk's figures", caption=f"medians of {len(self.starts)} runs; load by {self.machine['load']}")
        table.add_column("what")
        for heading in ("desk", "plain FastAPI", "ratio"):
            table.add_column(heading, justify="right")
        for line in self.lines():
            table.add_row(line.what, line.desk, line.plain, line.ratio)
        return table

    def markdown(self) -> str:
        """Return the table with how, where and with what it was taken."""
        rows = [f"| {line.what} | {line.desk} | {line.plain} | {line.ratio} |" for line in self.lines()]
        about = [
            f"| {name} | {value} |" for name, value in {"taken": self.taken_at, "command": f"`{self.command}`", **self.machine}.items()
        ]
        return "\n".join(
            ["| what | desk | plain FastAPI | ratio |", "| --- | ---: | ---: | ---: |", *rows, "", "| | |", "| --- | --- |", *about, ""]
        )

    def write(self, directory: Path) -> None:
        """Write JSON and Markdown, named by the time."""
        directory.mkdir(parents=True, exist_ok=True)
        name = self.taken_at.replace(":", "").replace("+0000", "Z")
        (directory / f"{name}.json").write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        (directory / f"{name}.md").write_text(self.markdown(), encoding="utf-8")

    def write_docs(self, page: Path) -> None:
        """Replace the page of first figures."""
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"{_INTRODUCTION}\n{self.markdown()}", encoding="utf-8")


_INTRODUCTION = """# What it costs

Written by `python -m benchmarks --write-docs`. Creation, read and list go straight to one tickets process, signed in, against a FastAPI app
with the same models on the same server that does nothing else (no sign-in, no store, no events). Rates depend on the machine, ratios
within a run much less. A click is an admin's change of a status; the time runs from its 2xx answer to the requester's open page (SSE).
"""


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of all do not exceed (nearest rank). Raises ValueError when there are none."""
    if not values:
        raise ValueError("Nothing was measured.")
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]

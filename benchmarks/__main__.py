"""`make bench`: measure a desk of our own and print one table."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.desk import end_by_signal, running_desk
from benchmarks.figures import measure_click, measure_memory, measure_rates, sign_in
from benchmarks.report import Report

ROOT = Path(__file__).parent.parent
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(  # noqa: PLR0917 (options, by name)
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long each load lasts.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="How often each is measured; the median counts.")] = 3,
    connections: Annotated[int, typer.Option(min=1, max=256)] = 32,
    clicks: Annotated[int, typer.Option(min=10, max=2000)] = 200,
    rest: Annotated[float, typer.Option(min=0, max=60, help="Seconds of idleness before memory is looked at.")] = 5.0,
    results: Annotated[Path, typer.Option(help="Where JSON and Markdown go.")] = ROOT / "bench-results",
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Also write docs/performance.md.")] = False,
) -> None:
    """Measure creation, read and list, click to notification, idle memory and time to ready."""
    console = Console()
    end_by_signal()
    starts: list[float] = []
    for _ in range(rounds - 1):
        with console.status("starting a desk"), running_desk() as desk:
            starts.append(desk.ready_after)
    with console.status("starting a desk") as status, running_desk() as desk:
        starts.append(desk.ready_after)
        status.update("idle memory")
        memory = measure_memory(desk, rest=rest)
        admin = asyncio.run(sign_in(desk))
        status.update("click to notification")
        waits = asyncio.run(measure_click(desk, admin, clicks=clicks))
        status.update("create, read, list")
        rates = measure_rates(desk, admin, rounds=rounds, seconds=seconds, connections=connections)
    command = f"python -m benchmarks --seconds {seconds:g} --rounds {rounds} --connections {connections} --clicks {clicks}"
    report = Report(command=command, rates=rates, clicks=waits, memory=memory, starts=starts)
    console.print(report.table())
    report.write(results)
    if write_docs:
        report.write_docs(ROOT / "docs" / "performance.md")
    sys.exit(1 if any(rate.failed for rate in rates) else 0)


if __name__ == "__main__":
    app()

"""`make faults`: kill the desk everywhere, under load, and print what came of it. Exit code 1 if anything was lost, doubled or violated."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.desk import end_by_signal
from tests.faults.campaign import Campaign
from tests.faults.report import Report

ROOT = Path(__file__).parents[2]
PROOF = ROOT / "docs" / "proof"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each point is hit.")] = 1,
    seed: Annotated[int, typer.Option(help="What the load is generated from.")] = 1,
    point: Annotated[str, typer.Option(help="Only what has this in its name, as 'writer.committed' or 'tickets relay.sent'.")] = "",
    results: Annotated[Path, typer.Option(help="Where histories and figures go.")] = ROOT / "fault-results",
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Also write docs/proof/faults.md.")] = False,
) -> None:
    """Kill every service at every point and at its system calls, break the world around the desk, and judge what is there afterwards."""
    end_by_signal()  # nothing stays mounted
    console = Console(width=None if sys.stdout.isatty() else 130)
    wanted = {"ROUNDS": rounds if rounds > 1 else "", "SEED": seed, "POINT": point, "ARGS": "--write-docs" if write_docs else ""}
    command = " ".join(["make faults", *(f"{name}={shlex.quote(str(value))}" for name, value in wanted.items() if value)])
    directory = results / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    report = Report(command=command, seed=seed)
    campaign = Campaign(
        report=report, results=directory, rounds=rounds, only=point, show=lambda line: console.print(line, highlight=False, markup=False)
    )
    campaign.run()
    console.print(report.table())
    for violation in report.violations:
        console.print(violation, style="red", highlight=False, markup=False)
    report.write(directory / "report.json")
    console.print(f"histories and figures: {directory.relative_to(ROOT) if directory.is_relative_to(ROOT) else directory}", highlight=False)
    if write_docs:
        report.write_docs(PROOF / "faults.md", PROOF / "plants.json")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    app()

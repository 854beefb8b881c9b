"""`make bench`: measure a desk of our own beside its peers, print one table, and keep what was found."""

import resource
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.bench import ROOT, Bench
from benchmarks.desk import end_by_signal
from benchmarks.docs import write_docs as write_page
from benchmarks.measuring import measure
from benchmarks.peers import install
from benchmarks.report import Report, Run
from benchmarks.scale import DEFAULT, FULL, QUICK
from benchmarks.suites import SUITES

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_TABLE = 150  # characters that the table needs
_NAMES = ", ".join(f"{name} ({suite.about})" for name, suite in SUITES.items())


@app.command()
def main(  # noqa: PLR0917 (options, by name)
    only: Annotated[list[str] | None, typer.Option(help=f"Measure these alone; several times for several: {_NAMES}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes and one round: about a minute, and no figure to rely on.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Let the desk grow to a million tickets.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, max=99, help="How often each is measured; the median counts.")] = None,
    tickets: Annotated[int | None, typer.Option(min=100, max=1_000_000, help="How many the desk has that is asked.")] = None,
    seed: Annotated[int, typer.Option(help="What is made up, is made up from it.")] = 1,
    results: Annotated[Path, typer.Option(help="Where JSON, Markdown and plots go.")] = ROOT / "bench-results",
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Also write docs/performance.md and its plots.")] = False,
    docs: Annotated[Path, typer.Option(hidden=True)] = ROOT / "docs",
) -> None:
    """Measure, print one table, and keep JSON, Markdown and plots. Ends with 1 when a suite failed."""
    if unknown := set(only or ()) - SUITES.keys():
        raise typer.BadParameter(f"There is no {', '.join(sorted(unknown))}.", param_hint="--only")
    if quick and full:
        raise typer.BadParameter("It is quick or full.", param_hint="--full")
    chosen = [*(f"--only {name}" for name in only or ()), *(["--quick"] * quick), *(["--full"] * full)]
    sizes = {"rounds": rounds, "tickets": tickets, "seed": seed}
    command = " ".join(["python -m benchmarks", *chosen, *(f"--{name} {size}" for name, size in sizes.items() if size is not None)])
    end_by_signal()
    _allow_many_files()
    results.mkdir(parents=True, exist_ok=True)
    scale = QUICK if quick else FULL if full else DEFAULT
    scale = replace(scale, rounds=rounds or scale.rounds, tickets=tickets or scale.tickets)
    errors = Console(stderr=True)
    console = Console(width=max(Console().width, _TABLE))
    with tempfile.TemporaryDirectory(dir=results, prefix="run-", ignore_cleanup_errors=True) as scratch:
        peers = install(results / "peers")
        run = Run.now(command, seed, peers.versions)
        bench = Bench(scale=scale, seed=seed, scratch=Path(scratch), peers=peers, say=lambda text: errors.print(text, style="dim"))
        found = measure(bench, only or SUITES, partial(errors.print_exception, max_frames=4))
    missing = found.missing | ({"peers": peers.why} if peers.why else {})
    report = Report(run=run, figures=found.figures, plots=found.plots, suites=found.suites, missing=missing)
    console.print(report.table())
    for name, why in missing.items():
        console.print(f"{name} was not measured: {why}", style="red")
    console.print(f"Kept in {report.write(results)}")
    if write_docs:
        write_page(report, docs)
    sys.exit(1 if missing.keys() & SUITES.keys() else 0)


def _allow_many_files() -> None:
    """Thousands of open pages are thousands of open files, here and in the desk that we start."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    app()

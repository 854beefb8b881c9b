"""Play a real incident log through a desk, as its people would have, and compare the desk with the file afterwards.

python benchmarks/incidents.py FILE                 starts a desk of its own, in a directory that goes with it
python benchmarks/incidents.py FILE --url URL ...   uses a running one, started with STE_RATE_LIMITS=off

Every caller, resolver and updater gets an account. Every row becomes the calls that it stands for, in order of time. Exit codes: 0 the desk
agrees with the file and every store is whole, 1 something differs, 2 it could not be tried.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from benchmarks.client import Desk, Refused
from benchmarks.desk import ADMIN, NotStarted, end_by_signal, running_desk
from benchmarks.incident_compare import Comparison
from benchmarks.incident_log import Row, Unreadable, read_log
from benchmarks.incident_play import Play

SHOWN = 20
"""Differences that are told one by one."""
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


class Bars:
    """Shows each phase as a bar with its rate."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, total: int) -> Callable[[], None]:
        if not self._progress.console.is_terminal:  # bars are drawn only at the end then
            self._progress.console.print(f"{what}: {total:,}")
        task = self._progress.add_task(what, total=total)
        return lambda: self._progress.advance(task)


@dataclass(frozen=True, slots=True)
class Address:
    """A desk, and an admin of it."""

    url: str
    email: str
    password: str


async def go(at: Address, rows: list[Row], concurrency: int, console: Console) -> list[str]:
    """Play the rows at the desk and return every difference, none when it agrees."""
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn())
    async with Desk(at.url, connections=concurrency * 2) as desk:
        with Progress(*columns, console=console) as progress:
            play = Play(desk, await desk.sign_in(at.email, at.password), rows, Bars(progress), concurrency)
            await play.open_accounts()
            began = time.monotonic()
            await play.play()
            seconds = time.monotonic() - began
            comparison = Comparison.of(play)
            found = [*await comparison.tickets(), *await comparison.audit(), *await comparison.inboxes(), *await comparison.stores()]
    _summarise(comparison, seconds, console)
    return found


def _summarise(comparison: Comparison, seconds: float, console: Console) -> None:
    play, truth = comparison.play, comparison.truth
    table = Table(title="The log at the desk")
    table.add_column("what")
    table.add_column("number", justify="right")
    calls = sum(play.done.values())
    for what, number in (
        ("rows", f"{len(play.rows):,}"),
        ("incidents", f"{len(truth.incidents):,}"),
        ("people", f"{len(play.people):,}"),
        ("calls", f"{calls:,}"),
        ("calls per second", f"{calls / seconds:,.0f}"),
        ("changes of tickets", f"{sum(truth.actions.values()):,}"),
        ("notifications", f"{truth.notifications:,}"),
    ):
        table.add_row(what, number)
    console.print(table)


@contextmanager
def _desk(url: str | None, email: str, password: str) -> Iterator[Address]:
    """Give the desk to use: the one that runs there, or one of our own."""
    if url is not None:
        yield Address(url, email, password)
        return
    # passwords are hashed cheaply: what is tried is the log, and there are more than a thousand of them in it
    with running_desk(STE_UNSAFE_BCRYPT_COST="4") as own:
        yield Address(own.url, ADMIN, own.password)


@app.command()
def main(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The incident log, as CSV.")],
    url: Annotated[str | None, typer.Option(help="A running desk's address; without it, one is started.")] = None,
    admin: Annotated[str, typer.Option(help="An admin of that desk.")] = "admina@example.com",
    password_env: Annotated[str, typer.Option(help="The variable that holds the admin's password.")] = "STE_ADMIN_PASSWORD",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Calls at once; those of one incident follow each other.")] = 16,
) -> None:
    """Play an incident log through a desk and compare the two."""
    console = Console()
    end_by_signal()
    failures: list[BaseException] = []
    found: list[str] = []
    try:
        rows = read_log(file)
        with _desk(url, admin, os.environ.get(password_env, "demo123")) as desk:
            found = asyncio.run(go(desk, rows, concurrency, console))
    except* (Unreadable, NotStarted, Refused, httpx2.HTTPError) as errors:
        failures = _leaves(errors)
    if failures:
        _excuse(failures, console)
        sys.exit(2)
    for difference in found[:SHOWN]:
        console.print(difference, markup=False, highlight=False)
    if found:
        console.print(f"{len(found)} differences between the desk and {file.name}.", style="bold red", markup=False)
        sys.exit(1)
    console.print(f"The desk agrees with {file.name}, and every store is whole.", style="bold green", markup=False)


def _excuse(failures: list[BaseException], console: Console) -> None:
    for failure in failures:
        console.print(f"It could not be tried: {str(failure) or type(failure).__name__}", style="bold red", markup=False)
    if any(isinstance(failure, Refused) and failure.status == 429 for failure in failures):
        console.print("Start the desk with STE_RATE_LIMITS=off: a whole company comes from one address here.")


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [leaf for error in group.exceptions for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])]


if __name__ == "__main__":
    app()

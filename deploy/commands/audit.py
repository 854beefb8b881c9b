"""`ste audit`: whether the history is what it was."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.commands.audit_search import search
from deploy.commands.commands import Commands
from deploy.commands.rotate_key import rotate_key
from deploy.commands.verify_export import verify_export
from deploy.commands.verify_proof import verify_proof

if TYPE_CHECKING:
    from chassis.settings import Settings
    from deploy.operator import Operator

app = Commands(help="The audit trail.")

_LOOK, _WORD_EVERY = 0.1, 5.0
Tell = Callable[[Mapping[str, tuple[int, int]]], None]
"""Shows how far each is: by name, (events done, events in all)."""


app.command("search")(search)
app.command("verify-export")(verify_export)
app.command("verify-proof")(verify_proof)
app.command("rotate-key")(rotate_key)


@app.command("verify")
def verify(as_json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON.")] = False) -> None:
    """Verify every store, from disk, now: each service its own, or, where no desk runs, this command all of them.

    Chain, digests, columns, checkpoints with their signatures, what the other services last saw, and the journal: it names the first bad
    event. These are what all else is made from; whether lists, counts and search say what the logs say is told by ste rebuild, which makes
    them anew beside the old ones and compares. Of a desk that is stopped the files are looked at, and nobody can start it meanwhile.
    The result of a running desk is kept by it and stands in its audit.
    It takes a second for each 200,000 events. A service that hangs is not waited for: it is told of as not verified.
    Ends with 0 when all is well, with 1 when it is not, or a service is down or hangs.
    """
    import json

    from chassis.settings import SERVICES
    from deploy.backups.verifying import is_stopped
    from deploy.operator import Operator
    from deploy.refusal import Exit
    from deploy.settings import load
    from deploy.verifying import verify_all

    settings = load()
    with _progress() as tell:
        if is_stopped(settings):
            reports = _of_stopped(settings, tell)
        else:
            with Operator.of(settings) as desk:
                reports = verify_all(desk, SERVICES, tell)
                _keep(desk, reports)
    if as_json:
        typer.echo(json.dumps(list(reports.values())))
    else:
        _show(reports)
    if not all(report["ok"] for report in reports.values()):
        raise typer.Exit(Exit.WRONG)


def _keep(desk: "Operator", reports: Mapping[str, dict[str, Any]]) -> None:
    """Write the result down where all find it; where that cannot be, it is no less true, and is said."""
    from deploy.refusal import Refusal
    from deploy.verifying import keep

    try:
        keep(desk, reports)
    except Refusal as refusal:
        typer.echo(f"This result is not in the desk's audit. {refusal.what}", err=True)


def _of_stopped(settings: "Settings", tell: Tell) -> dict[str, dict[str, Any]]:
    from deploy.backups.verifying import verify_stopped

    typer.echo(f"No desk runs on {settings.data_dir}: its stores are verified here, and held meanwhile.", err=True)
    far: dict[str, tuple[int, int]] = {}
    over = threading.Event()

    def so_far(name: str, done: int, total: int) -> None:
        far[name] = done, total
        if over.is_set():
            raise InterruptedError

    with ThreadPoolExecutor(1) as pool:
        walking = pool.submit(verify_stopped, settings, so_far)
        try:
            while wait([walking], _LOOK).not_done:
                tell(dict(far))
        finally:
            over.set()
        return {name: dict(report) for name, report in walking.result().items()}


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show how far each service is; where nobody watches, a line now and then."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeElapsedColumn())
    spoke = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        rows: dict[str, TaskID] = {}

        def tell(far: Mapping[str, tuple[int, int]]) -> None:
            nonlocal spoke
            for name, (done, total) in far.items():
                if name not in rows:
                    rows[name] = shown.add_task(name, total=None)
                shown.update(rows[name], completed=done, total=total or None)
            if shown.disable and time.monotonic() - spoke > _WORD_EVERY:
                spoke = time.monotonic()
                typer.echo(", ".join(f"{name}: {done} of {total} events" for name, (done, total) in far.items()), err=True)

        yield tell


def _show(reports: dict[str, dict[str, Any]]) -> None:
    from deploy.tables import show

    show(
        ["store", "", "events", "checkpoints", "head", "what is wrong"], [_row(name, report) for name, report in reports.items()], empty=""
    )
    typer.echo("This looked at the logs and the journal. What is made of them, lists, counts and search, is compared by ste rebuild.")


def _row(name: str, report: dict[str, Any]) -> list[str]:
    verdict = {True: "ok", False: "BAD", None: "not verified"}[report["ok"]]
    head = report.get("head") or {}
    bad = report.get("first_bad_sequence")
    wrong = " ".join(part for part in (f"at event {bad}:" if bad else "", report.get("reason") or "") if part)
    shown = f"{head['sequence']} {head['hash'][:16]}…" if head.get("hash") else "-"
    return [name, verdict, str(report.get("events", "-")), str(report.get("checkpoints", "-")), shown, wrong]

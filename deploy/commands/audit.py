"""`ste audit`: whether the history is what it was."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.commands.audit_search import search
from deploy.commands.commands import Commands
from deploy.commands.rotate_key import rotate_key
from deploy.commands.verify_export import verify_export
from deploy.commands.verify_proof import verify_proof

if TYPE_CHECKING:
    from chassis.settings import Settings

app = Commands(help="The audit trail.")

_LOOK, _WORD_EVERY = 0.1, 5.0


app.command("search")(search)
app.command("verify-export")(verify_export)
app.command("verify-proof")(verify_proof)
app.command("rotate-key")(rotate_key)


@app.command("verify")
def verify(as_json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON.")] = False) -> None:
    """Verify every store, from disk, now: each service its own, or, where no desk runs, this command all of them.

    Chain, digests, columns, checkpoints with their signatures, what the other services last saw, and the journal: it names the first bad
    event. Of a desk that is stopped the files are looked at too, and nobody can start it meanwhile.
    Ends with 0 when all is well, with 1 when it is not or a service is down.
    """
    import json

    from deploy.backups.verifying import is_stopped
    from deploy.refusal import Exit
    from deploy.settings import load

    settings = load()
    reports = _of_stopped(settings) if is_stopped(settings) else _of_running(settings)
    if as_json:
        typer.echo(json.dumps(list(reports.values())))
    else:
        _show(reports)
    if not all(report["ok"] for report in reports.values()):
        raise typer.Exit(Exit.WRONG)


def _of_running(settings: "Settings") -> dict[str, dict[str, Any]]:
    from chassis.settings import SERVICES
    from deploy.operator import Operator

    with Operator.of(settings) as desk, ThreadPoolExecutor(len(SERVICES)) as pool:
        asked = {name: pool.submit(desk.post, name, "/internal/verify", {}, timeout=None) for name in SERVICES}
        _wait(lambda name: _progress(desk, name), asked)
        return {name: _report(name, future) for name, future in asked.items()}


def _of_stopped(settings: "Settings") -> dict[str, dict[str, Any]]:
    from chassis.settings import SERVICES
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
            _wait(lambda name: far.get(name, (0, 0)), dict.fromkeys(SERVICES, walking))
        finally:
            over.set()
        return {name: dict(report) for name, report in walking.result().items()}


def _report(name: str, future: "Future[Any]") -> dict[str, Any]:
    from deploy.refusal import Refusal

    try:
        return dict(future.result())
    except Refusal as refusal:
        return {"source": f"/{name}", "ok": None, "reason": refusal.what}


def _wait(progress: Callable[[str], tuple[int, int]], asked: "dict[str, Future[Any]]") -> None:
    """Wait for all, showing how far each is; where nobody watches, a line now and then."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeElapsedColumn())
    spoke = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        rows = {name: shown.add_task(name, total=None) for name in asked}
        while not all(future.done() for future in asked.values()):
            time.sleep(_LOOK)
            far = {name: progress(name) for name, future in asked.items() if not future.done()}
            for name, (done, total) in far.items():
                shown.update(rows[name], completed=done, total=total or None)
            if far and shown.disable and time.monotonic() - spoke > _WORD_EVERY:
                spoke = time.monotonic()
                typer.echo(", ".join(f"{name}: {done} of {total} events" for name, (done, total) in far.items()), err=True)
        for name in asked:
            done, total = progress(name)
            shown.update(rows[name], completed=done, total=total or None)


def _progress(desk: Any, name: str) -> tuple[int, int]:
    status, answer = desk.try_get(name, "/internal/verify")
    return (answer["done"], answer["total"]) if status == 200 else (0, 0)


def _show(reports: dict[str, dict[str, Any]]) -> None:
    from deploy.tables import show

    show(
        ["store", "", "events", "checkpoints", "head", "what is wrong"], [_row(name, report) for name, report in reports.items()], empty=""
    )


def _row(name: str, report: dict[str, Any]) -> list[str]:
    verdict = {True: "ok", False: "BAD", None: "not verified"}[report["ok"]]
    head = report.get("head") or {}
    bad = report.get("first_bad_sequence")
    wrong = " ".join(part for part in (f"at event {bad}:" if bad else "", report.get("reason") or "") if part)
    shown = f"{head['sequence']} {head['hash'][:16]}…" if head.get("hash") else "-"
    return [name, verdict, str(report.get("events", "-")), str(report.get("checkpoints", "-")), shown, wrong]

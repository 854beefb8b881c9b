"""`ste audit`: whether the history is what it was."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Any

import typer

from deploy.commands.audit_search import search
from deploy.commands.commands import Commands
from deploy.commands.rotate_key import rotate_key
from deploy.commands.verify_export import verify_export
from deploy.commands.verify_proof import verify_proof

app = Commands(help="The audit trail.")

_LOOK, _WORD_EVERY = 0.1, 5.0


app.command("search")(search)
app.command("verify-export")(verify_export)
app.command("verify-proof")(verify_proof)
app.command("rotate-key")(rotate_key)


@app.command("verify")
def verify(as_json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON.")] = False) -> None:
    """Let every service verify its own store, from disk, now.

    Chain, digests, columns, checkpoints with their signatures, and what the other services last saw: it names the first bad event.
    Ends with 0 when all is well, with 1 when it is not or a service is down.
    """
    import json

    from chassis.settings import SERVICES
    from deploy.operator import Operator
    from deploy.refusal import Exit
    from deploy.settings import load

    with Operator.of(load()) as desk, ThreadPoolExecutor(len(SERVICES)) as pool:
        asked = {name: pool.submit(desk.post, name, "/internal/verify", {}, timeout=None) for name in SERVICES}
        _wait(desk, asked)
        reports = {name: _report(name, future) for name, future in asked.items()}
    if as_json:
        typer.echo(json.dumps(list(reports.values())))
    else:
        _show(reports)
    if not all(report["ok"] for report in reports.values()):
        raise typer.Exit(Exit.WRONG)


def _report(name: str, future: "Future[Any]") -> dict[str, Any]:
    from deploy.refusal import Refusal

    try:
        return dict(future.result())
    except Refusal as refusal:
        return {"source": f"/{name}", "ok": None, "reason": refusal.what}


def _wait(desk: Any, asked: "dict[str, Future[Any]]") -> None:
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
            far = {name: _progress(desk, name) for name, future in asked.items() if not future.done()}
            for name, (done, total) in far.items():
                shown.update(rows[name], completed=done, total=total or None)
            if far and shown.disable and time.monotonic() - spoke > _WORD_EVERY:
                spoke = time.monotonic()
                typer.echo(", ".join(f"{name}: {done} of {total} events" for name, (done, total) in far.items()), err=True)
        for name, future in asked.items():
            events = _report(name, future).get("events", 0)
            shown.update(rows[name], completed=events, total=events)


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

"""`ste rebuild`: whether the tables that a service answers from are those that follow from the history, and making them so."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Any

import typer

from deploy.usage import identifier, service_named

_LOOK, _WORD_EVERY = 0.1, 5.0


def rebuild(
    service: Annotated[str, typer.Argument(callback=service_named, help="auth, tickets, notifier or escalator.")],
    projection: Annotated[
        str | None,
        typer.Argument(
            parser=identifier, metavar="projection", help="What to build, as desk or deadlines; all that the service derives if left out."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON.")] = False,
) -> None:
    """Build derived tables anew from the history, beside those in use, and put them in their place where they differ.

    The desk works on meanwhile. Both are compared at one moment, row by row; where nothing differs nothing is written. Where something does
    the rows are replaced in one transaction, which holds the service's writer for about ten microseconds a row.
    Ends with 0 when the tables are right now (it says whether they were before), with 1 when they could not be built.
    """
    import json

    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk, ThreadPoolExecutor(1) as pool:
        names = [projection] if projection else desk.get(service, "/internal/projections")["projections"]
        reports = [_build(desk, pool, service, each) for each in names]
    if as_json:
        typer.echo(json.dumps(reports))
    else:
        _show(reports)


def _build(desk: Any, pool: ThreadPoolExecutor, service: str, projection: str) -> dict[str, Any]:
    building = pool.submit(desk.post, service, f"/internal/projections/{projection}/rebuild", timeout=None)
    _wait(desk, service, projection, building)
    return dict(building.result())


def _wait(desk: Any, service: str, projection: str, building: "Future[Any]") -> None:
    """Wait, showing how far it is; where nobody watches, a line now and then."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeElapsedColumn())
    spoke = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as shown:
        row = shown.add_task(projection, total=None)
        while not building.done():
            time.sleep(_LOOK)
            status, answer = desk.try_get(service, "/internal/projections")
            if status != 200 or (now := answer["building"]) is None:
                continue
            shown.update(row, completed=now["position"], total=now["until"] or None)
            if shown.disable and time.monotonic() - spoke > _WORD_EVERY:
                spoke = time.monotonic()
                typer.echo(f"{projection}: {now['position']} of {now['until']} events", err=True)


def _show(reports: list[dict[str, Any]]) -> None:
    from deploy.tables import show

    rows = [
        [report["projection"], table, str(found["rows"]), _verdict(found), str(report["position"]), found["digest"][:16] + "…"]
        for report in reports
        for table, found in report["tables"].items()
    ]
    show(["projection", "table", "rows", "", "up to", "digest"], rows, empty="This service derives nothing.")


def _verdict(found: dict[str, Any]) -> str:
    if not found["equal"]:
        return "DIFFERS"
    return "as it was" if not found["differed"] else f"{found['differed']} rows mended"

"""`ste ticket`: tickets as they are, and as they were."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import typer

from deploy.commands.commands import Commands
from deploy.times import FORMS, moment, second
from deploy.words import called, plain

app = Commands(help="Tickets, as they are or as they were at any moment.")

_PAGE = 100


AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", parser=moment, help=f"As it was at this time: {FORMS}"),
]
At = Annotated[int | None, typer.Option(min=0, metavar="SEQUENCE", help="As it was after this event of the log of tickets.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("show")
def show_ticket(
    number: Annotated[int, typer.Argument(min=1, help="The ticket's number.")],
    as_of: AsOf = None,
    at: At = None,
    version: Annotated[int | None, typer.Option(min=1, help="As it was under this version, before the next.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a ticket. Its title and text are those of then, empty where they were erased since; names are those of now."""
    found = _ask(f"/internal/tickets/{number}", as_of=as_of, at=at, version=version)
    if as_json:
        typer.echo(json.dumps(found))
        return
    width = max(map(len, _facts(found)))
    for name, value in _facts(found).items():
        typer.echo(f"{name:<{width}}  {plain(value)}")
    typer.echo(f"\n{plain(found['body'])}")


@app.command("list")
def list_tickets(  # noqa: PLR0917 (options, by name)
    as_of: AsOf = None,
    at: At = None,
    status: Annotated[
        Literal["open", "in_progress", "resolved"] | None,
        typer.Option(metavar="STATUS", help="Only those that are open, in_progress or resolved."),
    ] = None,
    priority: Annotated[
        Literal["low", "normal", "high", "urgent"] | None,
        typer.Option(metavar="PRIORITY", help="Only those of priority low, normal, high or urgent."),
    ] = None,
    requester: Annotated[str | None, typer.Option(metavar="ID", help="Only those that this person opened.")] = None,
    assigned_to: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those that this person has, or none: that nobody has.")
    ] = None,
    escalated: Annotated[bool | None, typer.Option("--escalated/--not-escalated", help="Only those that did, or did not.")] = None,
    sort: Annotated[
        Literal["-created_at", "created_at", "-updated_at", "updated_at"],
        typer.Option(metavar="ORDER", help="By created_at or updated_at; with - before it, as in -updated_at, the last comes first."),
    ] = "-created_at",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List tickets. To a terminal as a table, to anything else one line a ticket, the fields apart by tabs."""
    from deploy.tables import show

    asked = {
        "as_of": as_of,
        "at": at,
        "status": status,
        "priority": priority,
        "requester": requester,
        "assigned_to": assigned_to,
        "escalated": None if escalated is None else str(escalated).lower(),
        "sort": sort,
    }
    if as_json:
        for found in _pages(asked, limit):
            typer.echo(json.dumps(found))
        return
    titles = ["number", "title", "status", "priority", "requester", "assignee", "updated"]
    show(titles, [_row(found) for found in _pages(asked, limit)], empty="There are no such tickets.")


@app.command("count")
def count_tickets(as_of: AsOf = None, at: At = None, as_json: AsJson = False) -> None:
    """Count tickets by status."""
    counted = _ask("/internal/tickets/counts", as_of=as_of, at=at)
    del counted["assigned_to_me"]  # the operator has none
    if as_json:
        typer.echo(json.dumps(counted))
        return
    for name, count in counted.items():
        typer.echo(f"{name:<11}  {count:>7,}" if sys.stdout.isatty() else f"{name}\t{count}")


def _ask(path: str, **asked: str | int | None) -> Any:
    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk:
        return desk.get("tickets", path, **_given(asked))


def _given(asked: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in asked.items() if value is not None}


def _pages(asked: Mapping[str, str | int | None], limit: int) -> Iterator[Any]:
    from deploy.operator import Operator
    from deploy.settings import load

    query = _given(asked)
    with Operator.of(load()) as desk:
        while limit > 0:
            page = desk.get("tickets", "/internal/tickets", **query, limit=min(limit, _PAGE))
            yield from page["items"]
            limit -= len(page["items"])
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    escalated = f"{found['escalated_at']}, level {found['escalation_level']}" if found["escalated_at"] else "no"
    requester = found["requester"]
    return {
        "ticket": str(found["id"]),
        "title": found["title"],
        "status": found["status"],
        "priority": found["priority"],
        "requester": f"{requester['name']} <{requester['email']}>" if requester["email"] else called(requester, exact=True),
        "assignee": called(found["assignee"], exact=True),
        "escalated": escalated,
        "created": found["created_at"],
        "updated": found["updated_at"],
        "version": str(found["version"]),
    }


def _row(found: Mapping[str, Any]) -> list[str]:
    named = [called(found["requester"]), called(found["assignee"])]
    return [str(found["id"]), found["title"], found["status"], found["priority"], *named, second(found["updated_at"])]

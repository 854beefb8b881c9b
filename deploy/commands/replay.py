"""`ste replay`: the history, event by event, as it happened."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from deploy.times import FORMS, moment

_PAGE = 500


def _end(text: str) -> int | str:
    """Return a position as a number, or a time as the desk writes it."""
    if text.isascii() and text.isdecimal():
        return int(text[:18])
    return moment(text)


def replay(
    since: Annotated[str | None, typer.Option("--from", metavar="POSITION|TIME", help=f"Begin here. A time is {FORMS}")] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="POSITION|TIME", help="End here: with this position, or before this time.")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this type, as ticket.created, or a beginning of it, as ticket.; may be given more than once."),
    ] = None,
    ticket: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Only what happened to this ticket.")] = None,
) -> None:
    """Print the events of all services in the order of the journal: causes before their effects. One JSON object a line, for jq.

    Each line is {"position": ..., "event": {"head": ..., "data": ..., "personal": ...}}; docs/events.md says what the parts mean. Positions
    are those that ste restore --to-position takes; times are those at which things happened, which for imported history is long before
    they came into the journal. Nothing is changed, and nobody is told.
    """
    for line in _lines(_query(since, until, kinds, ticket), _last(until)):
        typer.echo(line)


def _last(until: str | None) -> int | None:
    """Return the last position that is wanted, if it was given as one."""
    end = _end(until) if until is not None else None
    return end if isinstance(end, int) else None


def _query(since: str | None, until: str | None, kinds: list[str] | None, ticket: int | None) -> dict[str, str | int]:
    query: dict[str, str | int] = {"limit": _PAGE}
    if since is not None:
        begin = _end(since)
        query |= {"position": max(0, begin - 1)} if isinstance(begin, int) else {"since": begin}
    if until is not None and isinstance(end := _end(until), str):
        query["until"] = end
    if kinds:
        query["type"] = ",".join(kinds)
    if ticket is not None:
        query |= {"entity": "ticket", "entity_id": str(ticket)}
    return query


def _lines(query: dict[str, str | int], last: int | None) -> Iterator[str]:
    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk:
        while True:
            page: Mapping[str, Any] = desk.get("tickets", "/internal/journal", **query)
            for item in page["items"]:
                if last is not None and item["position"] > last:
                    return
                yield json.dumps(item, separators=(",", ":"), ensure_ascii=False)
            query["position"] = page["next"]
            if page["next"] >= min(page["head"], last if last is not None else page["head"]):
                return

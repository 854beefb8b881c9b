"""`ste replay`: the history, event by event, as it happened."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from deploy.times import FORMS, moment
from deploy.usage import event_types, ordered

_PAGE = 500


End = int | str
"""Where a part of the history begins or ends: a position, or a time as the desk writes it."""


def _end(text: str) -> End:
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
        typer.Option(
            "--type",
            metavar="TYPE",
            parser=event_types,
            help="Only this type, as ticket.created, or a beginning of it, as ticket.; may be given more than once.",
        ),
    ] = None,
    ticket: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Only what happened to this ticket.")] = None,
) -> None:
    """Print the events of all services in the order of the journal: causes before their effects. One JSON object a line, for jq.

    Each line is {"position": ..., "event": {"head": ..., "data": ..., "personal": ...}}; docs/events.md says what the parts mean. Positions
    are those that ste restore --to-position takes; times are those at which things happened, which for imported history is long before
    they came into the journal. Nothing is changed, and nobody is told. Where there is nothing to print, that is said beside the output.
    """
    begin, end = (text if text is None else _end(text) for text in (since, until))
    ordered(begin, end, ("--from", "--to"), closed=isinstance(end, int))
    if end == 0:
        raise typer.BadParameter("Positions begin with 1: nothing can be before that.", param_hint="--to")
    for line in _lines(_query(begin, end, kinds, ticket), end if isinstance(end, int) else None):
        typer.echo(line)


def _query(begin: End | None, end: End | None, kinds: list[str] | None, ticket: int | None) -> dict[str, str | int]:
    query: dict[str, str | int] = {"limit": _PAGE}
    if isinstance(begin, int):
        query["position"] = max(0, begin - 1)
    elif begin is not None:
        query["since"] = begin
    if isinstance(end, str):
        query["until"] = end
    if kinds:
        query["type"] = ",".join(kinds)
    if ticket is not None:
        query |= {"entity": "ticket", "entity_id": str(ticket)}
    return query


def _lines(query: dict[str, str | int], last: int | None) -> Iterator[str]:
    from deploy.operator import Operator
    from deploy.settings import load

    found = False
    with Operator.of(load()) as desk:
        while True:
            page: Mapping[str, Any] = desk.get("tickets", "/internal/journal", **query)
            for item in page["items"]:
                if last is not None and item["position"] > last:
                    break
                found = True
                yield json.dumps(item, separators=(",", ":"), ensure_ascii=False)
            query["position"] = page["next"]
            if page["next"] >= min(page["head"], last if last is not None else page["head"]):
                break
    if not found:
        typer.echo(f"There are no such events; the journal ends with position {page['head']}.", err=True)

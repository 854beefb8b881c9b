"""`ste audit search`: who did what, as the API lists it, without signing in."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from deploy.times import FORMS, moment, second
from deploy.usage import ordered
from deploy.words import called

_PAGE = 100


def search(  # noqa: PLR0917 -- options are given by their names
    actor: Annotated[str | None, typer.Option(help="Only what this person or service did, by its id.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, as ticket_created.")] = None,
    entity: Annotated[str | None, typer.Option(help="Only what concerns a kind of thing, as ticket or user.")] = None,
    entity_id: Annotated[str | None, typer.Option("--id", help="Only what concerns the thing with this id.")] = None,
    name: Annotated[str | None, typer.Option("-q", "--name", help="Only what was done by people in whose name or e-mail this is.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"Only what happened from then on: {FORMS}")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only what happened before; as for --since.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 25,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier search with the same filters ended.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each entry whole, one JSON object a line.")] = False,
) -> None:
    """Search the audit trail of all services, the newest first. That it was searched is noted there, once in ten minutes.

    Times are when it happened; of imported history, the column “imported” is when it was brought in.
    What is found goes to the output; where there is more, the way on is told beside it.
    """
    from deploy.operator import Operator
    from deploy.settings import load

    filters = {"actor": actor, "action": action, "entity": entity, "entity_id": entity_id, "q": name}
    times = {"since": since if since is None else moment(since), "until": until if until is None else moment(until)}
    ordered(times["since"], times["until"], ("--since", "--until"))
    with Operator.of(load()) as desk:
        found = _Found(desk, {key: value for key, value in {**filters, **times}.items() if value is not None}, limit, cursor)
        _print_json(found) if as_json else _print_table(found)
    if found.following is not None:
        # a time of so long ago would be another one by then
        exact = "".join(f" --{key} {value}" for key, value in times.items() if value is not None and value not in (since, until))
        typer.echo(f"There are more: the same search with --cursor {found.following}{exact}", err=True)


class _Found:
    """The entries, asked for page by page; `following` is the way on, once they came, if there is one."""

    def __init__(self, desk: Any, filters: Mapping[str, str], limit: int, cursor: str | None) -> None:
        self._desk, self._filters, self._limit = desk, filters, limit
        self.following = cursor

    def __iter__(self) -> Iterator[Any]:
        left = self._limit
        while left:
            query: dict[str, str | int] = {**self._filters, "limit": min(left, _PAGE)}
            page = self._desk.get("tickets", "/internal/audit", **query, **({"cursor": self.following} if self.following else {}))
            yield from page["items"]
            self.following, left = page["next_cursor"], left - len(page["items"])
            if self.following is None:
                return


def _print_json(found: _Found) -> None:
    for entry in found:
        typer.echo(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))


def _print_table(found: _Found) -> None:
    from deploy.tables import show

    titles = ["time", "action", "about", "by", "event", "imported", "what changed"]
    show(titles, [row(entry) for entry in found], empty="There are no such entries.")


def row(entry: Mapping[str, Any]) -> list[str]:
    """Return an entry as the cells of a table."""
    entity, actor = entry["entity"], entry["actor"]
    about, event = f"{entity['type']}/{entity['id']}", f"{entry['source'][1:]} {entry['sequence']}"
    imported = second(entry["recorded_at"]) if entry["imported"] else ""
    return [
        second(entry["time"]),
        entry["action"],
        about,
        f"{actor['kind']} {called(actor, exact=True)}",
        event,
        imported,
        _changed(entry),
    ]


def _changed(entry: Mapping[str, Any]) -> str:
    before, after = entry["before"], entry["after"] or {}
    if before is None:
        return " ".join(f"{name}={_short(value)}" for name, value in after.items())
    return " ".join(f"{name}: {_short(before.get(name))} → {_short(after.get(name))}" for name in {**before, **after})


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:37] + "…"

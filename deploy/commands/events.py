"""`ste events`: what happens, as it happens."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from deploy.commands.commands import Commands
from deploy.usage import event_types, service_named

app = Commands(help="The services' logs of events.")

_PAUSE = 0.5
_PAGE = 500


@app.command("tail")
def tail(
    source: Annotated[list[str] | None, typer.Option(help="Only events of this service; may be given more than once.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            parser=event_types,
            help="Only this type, as ticket.created, or a beginning of it, as ticket.; may be given more than once.",
        ),
    ] = None,
    last: Annotated[int, typer.Option("-n", "--last", min=0, help="Begin with so many earlier events of each service.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as it is stored, one JSON object a line.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C, or stop after what there is.")] = True,
) -> None:
    """Print events, and go on with those that come."""
    from chassis.settings import SERVICES
    from deploy.operator import Operator
    from deploy.settings import load

    sources = [service_named(name) for name in source] if source else list(SERVICES)
    with Operator.of(load()) as desk:
        at = {name: max(0, _head(desk, name) - last) for name in sources}
        away: set[str] = set()
        while True:
            found = sorted((event for name in sources for event in _news_if_there(desk, name, at, away, follow=follow)), key=_moment)
            for event in found:
                if not kind or any(event["head"]["type"].startswith(prefix) for prefix in kind):
                    typer.echo(json.dumps(event, separators=(",", ":")) if as_json else line(event))
            if not follow and not found:
                return
            if not found:
                time.sleep(_PAUSE)


def _head(desk: Any, name: str) -> int:
    return int(desk.get(name, "/internal/events", after=0, limit=1)["head"])


def _news_if_there(desk: Any, name: str, at: dict[str, int], away: set[str], *, follow: bool) -> list[Mapping[str, Any]]:
    """Return what is new; a service that restarts has nothing new while it does, which is said once. Raises Refusal when the desk ended."""
    from deploy.desk_file import DeskFile
    from deploy.refusal import Refusal
    from deploy.settings import load

    try:
        found = list(_news(desk, name, at))
    except Refusal as refusal:
        if not follow or DeskFile.read(load().data_dir) is None:
            raise
        if name not in away:
            typer.echo(f"ste: {refusal.what} It is waited for.", err=True)
        away.add(name)
        return []
    away.discard(name)
    return found


def _news(desk: Any, name: str, at: dict[str, int]) -> Iterator[Mapping[str, Any]]:
    for event in desk.get(name, "/internal/events", after=at[name], limit=_PAGE)["events"]:
        at[name] = event["head"]["sequence"]
        yield event


def _moment(event: Mapping[str, Any]) -> tuple[str, str, int]:
    head = event["head"]
    return head["recordedtime"], head["source"], head["sequence"]


def line(event: Mapping[str, Any]) -> str:
    """Return one event on one line: when, whose, which, what, about what, by whom, and its facts."""
    head = event["head"]
    actor = f"{head['actorkind']}:{head['actorid']}"
    facts = " ".join(f"{name}={_short(value)}" for name, value in (event["data"] or {}).items())
    mark = " imported" if head.get("imported") else ""
    whose = f"{head['source'][1:]:<9} {head['sequence']:>6}"
    what = f"{head['type']:<26} {head['subject']:<41}"
    return f"{head['recordedtime']} {whose} {what} by {actor}{mark}  {facts}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"

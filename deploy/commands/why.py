"""`ste why`: why somebody was told of something, or a ticket escalated; and why not."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.times import second


def why(
    ticket: Annotated[int, typer.Argument(min=1, help="The ticket's number.")],
    *,
    notification: Annotated[str | None, typer.Option(help="Why somebody has the notification of this id.")] = None,
    escalation: Annotated[
        str | None,
        typer.Option(metavar="POLICY[:LEVEL]", help="Why a level of a policy has escalated the ticket, or why not; level 1 at first."),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(help="Why the --person was, or was not, told of the event of this id: [bold]ste events tail --json[/] has ids."),
    ] = None,
    person: Annotated[str | None, typer.Option(help="With --event: the id of the person.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Explain why somebody was told of something, or why a ticket escalated: event by event, from the click to the message.

    Say one of --notification, --escalation and --event. Ends with 0 when there is an answer, whether it happened or not; with 1 when there
    is no such thing, or a service that has to be asked is down.
    """
    import json

    from deploy.operator import Operator
    from deploy.settings import load

    asked = {"notification": notification, "escalation": escalation, "event": event}
    if sum(value is not None for value in asked.values()) != 1 or (event is None) != (person is None):
        raise typer.BadParameter("Say one of --notification, --escalation, or --event together with --person.")
    query = {name: value for name, value in (*asked.items(), ("person", person)) if value is not None}
    with Operator.of(load()) as desk:
        answer = desk.get("tickets", "/internal/why", ticket=ticket, **query)
    typer.echo(json.dumps(answer) if as_json else told(answer))


def told(answer: Mapping[str, Any]) -> str:
    """Return an explanation for people: the answer, then a line for each step."""
    lines = [answer["summary"], ""]
    for number, step in enumerate(answer["steps"], 1):
        at = second(step["time"]) if step["time"] else ""
        event = step["event"]
        where = f"  [{event['source'].strip('/')} {event['sequence']}]" if event is not None else ""
        lines.append(f"{number:>3}. {at:<20}  {step['sentence']}{where}")
    return "\n".join(lines)

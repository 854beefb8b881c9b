"""`ste why`: why somebody was told of something, or a ticket escalated; and why not."""

import re
from collections.abc import Collection, Mapping
from textwrap import wrap
from typing import Annotated, Any

import typer

from deploy.times import second
from deploy.usage import identifier
from deploy.words import plain


def _level(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,40}(:[1-9][0-9]?)?", text):
        raise typer.BadParameter(f"{text} is no level of a policy. It can be default, or default:2 for its level 2.")
    return text


def _named(help_: str) -> Any:
    return typer.Option(metavar="ID", parser=identifier, help=help_)


def why(  # noqa: PLR0917 (options, by name)
    ticket: Annotated[int, typer.Argument(min=1, help="The ticket's number.")],
    notification: Annotated[str | None, _named("Why somebody has this notification, by its id in GET /api/notifications.")] = None,
    event: Annotated[
        str | None, _named("Why the --person was, or was not, told of this event: [bold]ste replay --ticket NUMBER[/] shows ids.")
    ] = None,
    person: Annotated[str | None, _named("With --event: the person, by their id in GET /api/auth/users.")] = None,
    escalation: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY[:LEVEL]",
            parser=_level,
            help="Why a level of a policy has escalated the ticket, or why not: default:2, or default for its level 1.",
        ),
    ] = None,
    escalated: Annotated[str | None, _named("Why this escalation came about, by the id of its event.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as GET /api/tickets/{id}/why gives it.")] = False,
) -> None:
    """Explain why somebody was told of something, or why a ticket escalated: event by event, from the click to the message; or why not.

    Say one of --notification, --event with --person, --escalation and --escalated.
    For example: [bold]ste why 42 --escalation default[/]

    Ends with 0 when there is an answer, whether it happened or not; with 1 when there is no such thing, or a service that has to be asked
    is down.
    """
    import json
    import shutil
    import sys

    from deploy.operator import Operator
    from deploy.settings import load

    asked = {"notification": notification, "event": event, "escalation": escalation, "escalated": escalated}
    if sum(value is not None for value in asked.values()) != 1 or (event is None) != (person is None):
        raise typer.BadParameter("Say one of --notification, --escalation, --escalated, or --event together with --person.")
    query = {name: value for name, value in (*asked.items(), ("person", person)) if value is not None}
    with Operator.of(load()) as desk:
        answer = desk.get("tickets", "/internal/why", ticket=ticket, **query)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    typer.echo(json.dumps(answer) if as_json else plain(told(answer, width)))


def told(answer: Mapping[str, Any], width: int | None = None) -> str:
    """Return an explanation for people: the answer, then how it came to that, step by step, then what stands in the way.

    Lines are broken at `width`, or, without one, not at all.
    """
    steps = [step for step in answer["steps"] if step["kind"] not in ("request", "obstacle")]
    requests = {step["request"] for step in answer["steps"] if step["kind"] == "request"}
    lines = [*_wrapped("", answer["summary"], width), "", "How it came to that:" if answer["happened"] else "What happened:"]
    for number, step in enumerate(steps, 1):
        when = second(step["time"]) if step["time"] and step["kind"] != "deadline" else ""  # when it is due is in its sentence
        lines += _wrapped(f"{number:>3}. {when:<20}  ", f"{step['sentence']}{_where(step, requests)}", width)
    if obstacles := [step["sentence"] for step in answer["steps"] if step["kind"] == "obstacle"]:
        lines += ["", "Why not:"]
        lines += [line for sentence in obstacles for line in _wrapped("  - ", sentence, width)]
    return "\n".join(lines)


def _where(step: Mapping[str, Any], requests: Collection[str]) -> str:
    """Return where a step is found: its event, and its request where the story begins with that."""
    event, request = step["event"], step["request"]
    found = [f"{event['source'].strip('/')} {event['sequence']}"] if event is not None else []
    if request in requests:
        found.append(f"request {request}{' with an API token' if step['actor'] and step['actor']['kind'] == 'token' else ''}")
    return f"  [{', '.join(found)}]" if found else ""


def _wrapped(start: str, text: str, width: int | None) -> list[str]:
    if width is None:
        return [start + text]
    return wrap(text, width, initial_indent=start, subsequent_indent=" " * len(start), break_long_words=False, break_on_hyphens=False)

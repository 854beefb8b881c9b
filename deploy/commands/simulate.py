"""`ste simulate`: what another escalation policy would have done."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.times import FORMS, moment, second
from deploy.usage import ordered

_SHOWN = 20
_WIDEST = 30
Answer = Mapping[str, Any]


def simulate(
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The policy, as YAML or JSON; docs/what-if.md shows one.")],
    since: Annotated[str, typer.Option(metavar="TIME", parser=moment, help=f"Escalations from then on: {FORMS}")] = "1970-01-01",
    until: Annotated[
        str | None, typer.Option(metavar="TIME", parser=moment, help="Escalations before then; without it, up to now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON, with every ticket.")] = False,
) -> None:
    """Say what a policy would have escalated in the past, beside what the policies of today would have.

    Both are taken as if they had always been there, over all tickets that there were, imported ones too. Nothing is changed by it.
    Ends with 0 when it is done, with 1 when the policy cannot be.
    """
    from deploy.operator import Operator
    from deploy.policy_file import read_policy
    from deploy.settings import load

    until = until or moment("0m")
    ordered(since, until, ("--since", "--until"))
    question = {"policy": read_policy(policy), "since": since, "until": until}
    with Operator.of(load()) as desk:
        answer = desk.post("escalator", "/internal/escalations/simulate", question, timeout=None)
        if as_json:
            typer.echo(json.dumps(answer))
        else:
            _show(answer, _names(desk, answer))


def _names(desk: Any, answer: Answer) -> dict[str, str]:
    """Return what those are called who have the most; where nobody can say, none are."""
    from deploy.refusal import Refusal
    from deploy.words import ERASED

    ids = [each["id"] for each in answer["by_person"][:_SHOWN] if each["id"] is not None]
    try:
        named = desk.post("auth", "/internal/names", {"ids": ids})["names"]
    except Refusal:
        return {}
    return {id_: named.get(id_) or f"{ERASED} ({id_})" for id_ in ids}


def _show(answer: Answer, names: Mapping[str, str]) -> None:
    from deploy.tables import show

    compared = ", ".join(answer["compared_with"]) or "no policy"
    typer.echo(f"{answer['policy']} would have escalated {_tickets(answer['total'])}, where today's ({compared}) would have")
    typer.echo(f"{answer['current_total']}: {answer['only_new_total']} only with it, {answer['only_current_total']} only today.")
    typer.echo(f"From {second(answer['since'])} to {second(answer['until'])}.")
    people = [{**each, "who": _who(each["id"], names)} for each in answer["by_person"][:_SHOWN]]
    for title, rows in (
        ("day", [(each["day"], each) for each in answer["by_day"]]),
        ("priority", list(reversed(answer["by_priority"].items()))),
        ("level", [(str(each["level"]), each) for each in answer["by_level"]]),
        ("person", [(each["who"], each) for each in people]),
    ):
        if rows and answer["by_day"]:
            more = f"; the first {_SHOWN} of {len(answer['by_person'])}, --json has all" if len(answer["by_person"]) > _SHOWN else ""
            typer.echo(f"\nBy {title}: with it, and today{more if title == 'person' else ''}")
            show([title, "with it", "today", ""], list(_lines(rows)), empty="")
    _show_tickets("With it", answer["tickets"], answer["total"])
    _show_tickets("Only with it", answer["only_new"], answer["only_new_total"])
    _show_tickets("Only today", answer["only_current"], answer["only_current_total"])


def _tickets(count: int) -> str:
    return f"{count} ticket" if count == 1 else f"{count} tickets"


def _who(person: str | None, names: Mapping[str, str]) -> str:
    return "the admins" if person is None else names.get(person, person)


def _lines(rows: Iterable[tuple[str, Mapping[str, int]]]) -> Iterable[list[str]]:
    """Yield what stands in a row, with a bar: as far as today's, and what is more."""
    rows = list(rows)
    most = max((max(each["total"], each["current"]) for _, each in rows), default=0) or 1
    for name, each in rows:
        new, today = (-(-each[side] * _WIDEST // most) for side in ("total", "current"))
        bar = "█" * min(new, today) + ("▒" * (new - today) if new > today else "·" * (today - new))
        yield [name, str(each["total"]), str(each["current"]), bar]


def _show_tickets(title: str, items: list[Answer], total: int) -> None:
    from deploy.tables import show

    if not items:
        return
    more = f"; the first {_SHOWN} of {len(items)} escalations, --json has all" if len(items) > _SHOWN else ""
    typer.echo(f"\n{title}: {_tickets(total)}{more}")
    show(
        ["ticket", "level", "escalated at"],
        [[str(item["id"]), str(item["level"]), second(item["at"])] for item in items[:_SHOWN]],
        empty="",
    )

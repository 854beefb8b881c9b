"""`ste witness`: what the services say of each other's histories."""

from typing import Annotated, Any

import typer

from deploy.commands.commands import Commands
from deploy.times import second
from deploy.usage import service_named

app = Commands(help="The services as witnesses of each other's logs.")

Service = Annotated[str, typer.Argument(callback=service_named, help="Who witnesses: auth, tickets, notifier or escalator.")]
Source = Annotated[str, typer.Argument(callback=service_named, help="Whose log: auth, tickets, notifier or escalator.")]


@app.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, the signed evidence too.")] = False) -> None:
    """List what each service has witnessed of each log it consumes, and what is wrong.

    Ends with 0 when all is well, with 1 when a history was rewritten.
    """
    import json

    from chassis.settings import SERVICES
    from deploy.operator import Operator
    from deploy.refusal import Exit
    from deploy.settings import load
    from deploy.tables import show as show_table

    with Operator.of(load()) as desk:
        states = [{"witness": name, **state} for name in SERVICES for state in desk.get(name, "/internal/witness")["items"]]
    if as_json:
        typer.echo(json.dumps(states))
    else:
        show_table(["witness", "log", "", "events", "looked at", "what is wrong"], [_row(state) for state in states], empty="")
    if any(state["alarm"] for state in states):
        raise typer.Exit(Exit.WRONG)


@app.command("resolve")
def resolve(
    service: Service,
    source: Source,
    accept: Annotated[bool, typer.Option("--accept", help="Take the history as it is now: what was witnessed of it is forgotten.")] = False,
) -> None:
    """End a service's alarm over another's history, so that it consumes it again.

    Put the right store back first: then the witness finds that everything fits. Only when there is none, and you know why, take the history
    as it is with --accept. Either is noted in the audit trail. Ends with 1 when what is there still contradicts what was seen.
    """
    from deploy.operator import Operator
    from deploy.refusal import Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk:
        path = f"/internal/witness/{source}/resolve"
        states = desk.post(service, path, {"accept": accept}, timeout=None)["items"]
    (state,) = [each for each in states if each["source"] == f"/{source}"]
    if state["alarm"]:
        raise Refusal(state["alarm"], "Put the right store back, or take this one with --accept.")
    if state["trouble"]:
        raise Refusal(f"The alarm is ended, but {source} could not be looked at: {state['trouble']}")
    typer.echo(f"{service} consumes {source} again; {state['size']} of its events are witnessed.")


def _row(state: dict[str, Any]) -> list[str]:
    verdict = "REWRITTEN" if state["alarm"] else "ok" if state["size"] else "-"
    wrong = state["alarm"] or state["trouble"] or ""
    return [state["witness"], state["source"], verdict, str(state["size"]), second(state["checked_at"]), wrong]

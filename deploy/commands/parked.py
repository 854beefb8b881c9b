"""`ste parked`: events that a service could not handle and set aside."""

from typing import Annotated

import typer

from deploy.commands.commands import Commands
from deploy.usage import service_named

app = Commands(help="Events that a service could not handle and set aside: it tries each 8 times, then it waits for you.")

Service = Annotated[
    str, typer.Argument(callback=service_named, help="The service that could not handle it: auth, tickets, notifier or escalator.")
]
Source = Annotated[str, typer.Argument(callback=service_named, help="The service whose event it is.")]
Sequence = Annotated[int, typer.Argument(min=1, help="The event's sequence in its source.")]


@app.command("list")
def list_parked() -> None:
    """List what is parked at every service, the longest waiting first."""
    from chassis.settings import SERVICES
    from deploy.operator import Operator
    from deploy.settings import load
    from deploy.tables import show

    with Operator.of(load()) as desk:
        found = [(name, event) for name in SERVICES for event in desk.get(name, "/internal/parked")["items"]]
    rows = [
        [
            name,
            event["source"].strip("/"),
            str(event["sequence"]),
            event["type"],
            event["subject"],
            event["state"],
            str(event["tries"]),
            event["error"],
        ]
        for name, event in found
    ]
    show(["at", "source", "sequence", "type", "subject", "state", "tries", "error"], rows, empty="Nothing is parked.")


@app.command("retry")
def retry(service: Service, source: Source, sequence: Sequence) -> None:
    """Handle a parked event now, and what waits behind it. It is noted in the audit trail."""
    from deploy.operator import Operator
    from deploy.refusal import Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk:
        answer = desk.post(service, f"/internal/parked/{source}/{sequence}/retry")
    if not answer["handled"]:
        raise Refusal(f"{service} could still not handle it.", "ste parked list says why. Skipping it gives it up for good.")
    typer.echo("It is handled.")


@app.command("skip")
def skip(
    service: Service,
    source: Source,
    sequence: Sequence,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give a parked event up: what would have followed from it there does not happen. It is noted in the audit trail."""
    from deploy.operator import Operator
    from deploy.settings import load

    if not yes:
        typer.confirm(f"Event {sequence} of {source} will never be handled by {service}. Go on?", abort=True)
    with Operator.of(load()) as desk:
        desk.post(service, f"/internal/parked/{source}/{sequence}/skip")
    typer.echo("It is skipped.")

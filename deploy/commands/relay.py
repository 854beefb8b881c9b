"""`ste relay`: from a service's log to the broker."""

from typing import Annotated

import typer

from deploy.commands.commands import Commands
from deploy.usage import service_named

app = Commands(help="The way from a service's log to the broker.")


@app.command("refill")
def refill(service: Annotated[str, typer.Argument(callback=service_named, help="auth, tickets, notifier or escalator.")]) -> None:
    """Delete a service's stream at the broker and fill it again from the service's log.

    Needed only when the relay stopped because the broker holds events that the log does not: it says so, and ste doctor too.
    Nothing is lost by it and nobody is told twice. It is noted in the audit trail.
    """
    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk:
        answer = desk.post(service, "/internal/relay/refill", timeout=None)
    typer.echo(f"The stream of {service} is filled again, up to event {answer['relayed']}.")

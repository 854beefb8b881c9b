"""`ste`: the operator's command."""

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from deploy.commands import audit, events, importing, jobs, parked, people, relay, ticket, witness
from deploy.commands.backup import backup, export, import_desk, restore
from deploy.commands.commands import Commands
from deploy.commands.doctor import doctor
from deploy.commands.rebuild import rebuild
from deploy.commands.replay import replay
from deploy.commands.simulate import simulate
from deploy.commands.why import why
from deploy.refusal import Refusal

app = Commands(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run and look after a Support Ticket Express desk.",
    epilog="Exit codes: 0 fine, 1 something is wrong (it says what), 2 the command was not understood, 3 the desk is not running. "
    "It reads the same variables as the desk, from the environment and from .env; .env.example lists them.",
)


app.command()(doctor)
app.command()(backup)
app.command()(restore)
app.command()(export)
importing.app.command("desk")(import_desk)
app.command()(rebuild)
app.command()(replay)
app.command()(simulate)
app.command()(why)
app.add_typer(people.app, name="user")
app.add_typer(ticket.app, name="ticket")
app.add_typer(events.app, name="events")
app.add_typer(jobs.app, name="jobs")
app.add_typer(parked.app, name="parked")
app.add_typer(relay.app, name="relay")
app.add_typer(audit.app, name="audit")
app.add_typer(witness.app, name="witness")
app.add_typer(importing.app, name="import")


@app.command()
def up() -> None:
    """Run the whole desk in the foreground, until Ctrl-C; this is what [bold]make run[/] does."""
    from deploy.local import up as run_desk
    from deploy.settings import load
    from deploy.terminal import Terminal

    run_desk(load(), Terminal())


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def about(
    _version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the versions.")] = False,
) -> None:
    """Keep what all commands share."""


@app.command()
def version() -> None:
    """Print the versions of the desk and of what it stands on."""
    from deploy.versions import lines

    for line in lines():
        typer.echo(line)


def main() -> None:
    """Run a command. What it can not do, it says in a sentence, without a traceback."""
    try:
        _run()
    except Refusal as refusal:
        from rich.console import Console
        from rich.markup import escape

        console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        console.print(f"[bold red]ste:[/] {escape(refusal.what)}")
        if refusal.mend:
            console.print(f"     {escape(refusal.mend)}")
        sys.exit(refusal.code)
    except OSError as error:
        _give_up_output()
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        about = f"{error.filename}: " if error.filename else ""
        typer.echo(f"ste: {about}{error.strerror or error}.\n     ste doctor says what else is wrong.", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    """Run a command, and write out what is left of its output while it can still be said that this can not be done."""
    try:
        app()
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()


def _give_up_output() -> None:
    """Where nobody reads on, or the disk is full, the interpreter is not to try again at its end, and to complain of itself."""
    with suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]


if __name__ == "__main__":
    main()

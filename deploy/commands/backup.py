"""`ste backup`, `ste restore`: a whole desk, kept and put back."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.verify_export import KeyOption
from deploy.commands.witnessed import check_keys

ErasuresOption = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, readable=True, help="A file with the ids of people who were erased since, a line each."),
]


def say(sentence: str) -> None:
    """Tell on the terminal what is done now; it is not the command's answer."""
    typer.echo(sentence, err=True)


def backup(
    directory: Annotated[Path, typer.Argument(help="Where the backup goes: a directory that is not there yet, or is empty.")],
) -> None:
    """Copy the whole desk as it is at one moment into a directory, secrets included, and verify the copy.

    A desk that runs goes on: its stores stand still together for some moments,
    then each service copies its own. A desk that is stopped can be copied too.
    The directory has its name only once all of it is written and verified.

    [bold]It holds passwords' hashes and keys: keep it as you keep the desk.[/]
    """
    from deploy.backups.making import backup as make
    from deploy.settings import load

    manifest = make(load(), directory, say)
    size = sum(entry.bytes for entry in manifest.stores.values())
    events = sum(entry.sequence for entry in manifest.stores.values())
    typer.echo(f"{directory} holds the desk at position {manifest.journal} of its journal: {events:,} events, {size / 1e6:,.1f} MB.")


def restore(
    directory: Annotated[Path, typer.Argument(help="A backup that ste backup made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put the desk that is there aside, and this one in its place.")] = False,
    to_position: Annotated[
        str | None,
        typer.Option(
            metavar="POSITION",
            help="As it was after this position of the journal, a number or what /api/events gave out; all that came later is cut off.",
        ),
    ] = None,
    erasures: ErasuresOption = None,
) -> None:
    """Put the desk of a backup into STE_DATA_DIR, while no desk runs there. Start it afterwards as usual.

    Everything is made and verified beside what is there before anything takes
    its place. Every log goes on under a new origin and says that it was restored.
    Who was erased since the backup, as the desk that is replaced or a file tells,
    is erased again, before the desk is put in place.
    """
    from deploy.backups.erasing import people_in
    from deploy.backups.restoring import restore as put_back
    from deploy.settings import load

    settings = load()
    erased = people_in(erasures) if erasures is not None else None
    outcome = put_back(settings, directory, say, replace=replace, position=to_position, erased=erased)
    if outcome.finished:
        typer.echo("That was an earlier restore, which had been interrupted. Say it again for another one.")
    events = sum(report.events for report in outcome.reports.values())
    typer.echo(f"{settings.data_dir} is a whole desk of {events:,} events, verified. Start it as usual.")
    if outcome.erased:
        typer.echo(f"{len(outcome.erased)} people are erased in it; what the backup still holds of them is in none of its files.")
    if outcome.replaced is not None:
        typer.echo(f"What was there is in {outcome.replaced}. Delete it once you are sure: no erasure will reach it.")
    if not outcome.finished:
        typer.echo("All sessions have ended: people sign in again.")
    for hint in outcome.hints:
        typer.echo(hint)


def export(
    directory: Annotated[Path, typer.Argument(help="Where the export goes: a directory that is not there yet, or is empty.")],
    primary: Annotated[
        bool,
        typer.Option(
            "--primary",
            help="Also what stands in no event: how people sign in (hashes, tokens, the pepper), what they were told, what they prefer.",
        ),
    ] = False,
) -> None:
    """Write the whole desk as text: every event of every service as a line of JSON, with the signed checkpoints over them.

    The desk may run or be stopped; either way it is one cut, as a backup is.
    docs/backup.md has the format. [bold]ste import desk[/] makes a desk of it.
    With --primary it holds passwords' hashes: keep it as you keep the desk.
    """
    from deploy.backups.exporting import export as write
    from deploy.settings import load

    exported = write(load(), directory, say, primary=primary)
    events = sum(store["events"] for store in exported.stores.values())
    typer.echo(f"{directory} holds {events:,} events, up to position {exported.journal} of the journal.")


def import_desk(
    directory: Annotated[Path, typer.Argument(help="An export that ste export made.")],
    key: KeyOption = None,
    erasures: ErasuresOption = None,
) -> None:
    """Make a desk of an export, in an empty STE_DATA_DIR. Start it afterwards as usual.

    Every event is checked against the chain and the signed checkpoints, of which
    the last must be over the last event. Without --key the export vouches for its
    own keys: compare those with ones you trust; with it, one of those given must
    have signed for each log. What is derived is made from the events. Who was
    erased since the export is erased again only if --erasures says so. Unless the
    export has them, nobody has a password yet: [bold]ste user create-admin[/] opens
    the first account that can sign in.
    """
    from deploy.backups.erasing import people_in
    from deploy.backups.importing import import_desk as take_in
    from deploy.settings import load

    check_keys(key or [])
    settings = load()
    erased = people_in(erasures) if erasures is not None else None
    outcome = take_in(settings, directory, say, keys=key or (), erased=erased)
    events = sum(report.events for report in outcome.reports.values())
    typer.echo(f"{settings.data_dir} is a whole desk of {events:,} events, verified. Start it as usual.")
    signed = "a key that you trust" if key else "the export's own word: compare it, or give --key"
    for name, vouched_by in outcome.vouched.items():
        typer.echo(f"  {name:<10} signed by {vouched_by} ({signed})")
    if outcome.erased:
        typer.echo(f"{len(outcome.erased)} people are erased in it; what the export still holds of them is in none of its files.")
    for hint in outcome.hints:
        typer.echo(hint)

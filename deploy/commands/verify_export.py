"""`ste audit verify-export`: whether an exported audit is what was exported, and leads to what was signed, with nothing but the file."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.commands.witnessed import WitnessOption, check_keys, check_witness_keys, demand_words, on_whose_word

if TYPE_CHECKING:
    from events.export_files import Progress, Verified

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The export, as JSON lines or as CSV.")]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="A store's verifier key as you know it from elsewhere; may be given more than once."),
]


def verify_export(
    file: File,
    key: KeyOption = None,
    witness: WitnessOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is proved as JSON.")] = False,
) -> None:
    """Verify an audit export, offline: no desk need run, and none is asked.

    Of JSON lines: every entry against its event, every event against its digests, its chain and the signed root of its log, the signatures
    of the logs and of the witnesses, and the seal over the whole file. Of CSV, which has no events: the seal and the checkpoints. Without
    --key the file vouches for its own keys: compare those with ones you trust; with it, every log's key must be among those given. So it
    does for the keys of witnesses without --witness.
    Ends with 0 when everything is proved, with 1 when anything is not, with 2 when there is no such file or KEY is no key.
    """
    from deploy.refusal import Exit
    from events.export_files import verify_export as verify
    from events.exported import Wrong

    check_keys(key or [])
    check_witness_keys(witness or ())
    try:
        with _Shown(file) as shown:
            verified = verify(file, key or (), shown)
        demand_words(witness or (), (word for each in verified.sources for word in each.cosignatures))
    except (Wrong, ValueError) as error:
        typer.echo(f"NOT PROVED: {error}", err=True)
        raise typer.Exit(Exit.WRONG) from None
    if as_json:
        import json

        typer.echo(json.dumps(told(verified)))
        return
    for line in verdict(verified, trusted=bool(key), witnesses=witness or ()):
        typer.echo(line)


def verdict(verified: "Verified", *, trusted: bool, witnesses: Collection[str]) -> list[str]:
    """Return what is proved, a line for each thing."""
    signed = "a key that you trust" if trusted else "the file's own word: compare it, or give --key"
    by, filters = verified.about["by"], verified.about["filter"]
    asked = ", ".join(f"{name}={value}" for name, value in filters.items() if name != "format") or "everything"
    kept = "each is in its signed log, where it was recorded" if verified.chained else "as they were exported; their logs need the JSON"
    lines = [
        f"PROVED: {verified.entries} entries, {kept}.",
        f"  sealed     {verified.about['time']} for {by['kind']} {by['id']}, who asked for {asked}",
        f"  sealed by  {verified.key} ({signed})",
    ]
    passed = sum(each.checkpoint.size for each in verified.sources) - verified.entries
    if verified.sources:
        lines += [f"  not in it  {passed} events of these logs: not listed, left out by the filter, or by whoever exported"]
    for each in verified.sources:
        lines += [f"  log        {each.checkpoint.origin}, {each.checkpoint.size} events"]
        lines += [f"  signed by  {each.key} ({signed})"] if each.key != verified.key else []
        seen = [f"  witness    {word.witness} ({on_whose_word(word, witnesses)})" for word in each.cosignatures]
        lines += seen or ["  witness    none"]
    return lines


def told(verified: "Verified") -> dict[str, Any]:
    """Return what is proved as plain values."""
    logs = [
        {
            "source": each.source,
            "origin": each.checkpoint.origin,
            "size": each.checkpoint.size,
            "root": each.checkpoint.root.hex(),
            "key": each.key,
            "witnesses": [cosignature.witness for cosignature in each.cosignatures],
            "witness_keys": [cosignature.key for cosignature in each.cosignatures],
        }
        for each in verified.sources
    ]
    shown = {"format": verified.format, "entries": verified.entries, "chained": verified.chained, "export": dict(verified.about)}
    return {"proved": True, **shown, "key": verified.key, "logs": logs}


class _Shown:
    """How far it is, for whoever watches; nothing where nobody does."""

    def __init__(self, file: Path) -> None:
        import sys

        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
        self._task = self._bar.add_task(file.name, total=None)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

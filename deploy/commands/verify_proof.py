"""`ste audit verify-proof`: whether a proof file proves what it says, with nothing but the file."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.commands.witnessed import WitnessOption, check_witness_keys, demand_words, on_whose_word
from deploy.times import second
from events.times import to_text

if TYPE_CHECKING:
    from events.cosignatures import Cosignature
    from events.proofs import Proved

File = Annotated[typer.FileBinaryRead, typer.Argument(help="The proof file; - is standard input.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The store's verifier key as you know it from elsewhere: name+id+base64.")
]


def verify_proof(file: File, key: KeyOption = None, witness: WitnessOption = None) -> None:
    """Verify a ticket's proof file, offline: no desk need run, and none is asked.

    Every event's digests and hash, its path to the signed root, the signatures of the log and of the witnesses, and that none of the
    ticket's events is left out. Without --key the file vouches for its own key: compare that with one you trust. So it does for the keys of
    its witnesses without --witness: anybody who has the log's key could have made some with their names.
    Ends with 0 when everything is proved, with 1 when anything is not, with 2 when there is no such file or KEY is no key.
    """
    from deploy.refusal import Exit
    from events.proofs import check_proof, read_proof

    _check_key(key)
    check_witness_keys(witness or ())
    try:
        proved = check_proof(read_proof(file.read()), key)
        demand_words(witness or (), proved.cosignatures)
    except ValueError as error:
        typer.echo(f"NOT PROVED: {error}", err=True)
        raise typer.Exit(Exit.WRONG) from None
    for line in verdict(proved, trusted=key is not None, witnesses=witness or ()):
        typer.echo(line)


def _check_key(key: str | None) -> None:
    from events.notes import ED25519, Key

    try:
        right = key is None or Key.parse(key).algorithm == ED25519
    except ValueError:
        right = False
    if not right:
        raise typer.BadParameter("it is no verifier key of a log, as ste-tickets+0f1e2d3c+A… is one.", param_hint="--key")


def verdict(proved: "Proved", *, trusted: bool, witnesses: Collection[str]) -> list[str]:
    """Return what is proved, a line for each thing."""
    events = f"{proved.events} event{'s' if proved.events > 1 else ''}"
    signed = "the key that you trust" if trusted else "the file's own word: compare it, or give --key"
    at = f", at {proved.checkpoint.time}" if proved.checkpoint.time else ""
    lines = [
        f"PROVED: {events} of {proved.subject}, none left out up to the last one of {proved.last}.",
        f"  log        {proved.checkpoint.origin}, {proved.checkpoint.size} events when it was signed{at}",
        f"  signed by  {proved.key} ({signed})",
    ]
    seen = [f"  witness    {_seen(each)} ({on_whose_word(each, witnesses)})" for each in proved.cosignatures]
    lines += seen or ["  witness    none"]
    if proved.silent:
        lines.append(f"  not shown  {proved.silent} with a text that is not in the file: left out, or erased. Its digest is proved.")
    return lines


def _seen(cosignature: "Cosignature") -> str:
    try:
        at = second(to_text(datetime.fromtimestamp(cosignature.time, UTC)))
    except (ValueError, OverflowError, OSError):
        at = f"{cosignature.time} seconds after 1970"
    return f"{cosignature.witness} saw it grow from all it saw before, at {at}"

"""What the offline verifiers say of witnesses: whose word a file holds, and whether the key is known from elsewhere."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from events.cosignatures import Cosignature

WitnessOption = Annotated[
    list[str] | None,
    typer.Option(
        "--witness", metavar="KEY", help="A witness's key as you know it from elsewhere, whose word must be there; may be repeated."
    ),
]
OWN_WORD = "by the file's own word; pin it with --witness KEY"


def check_keys(keys: Iterable[str]) -> None:
    """Raise BadParameter for the first that is no verifier key of a log."""
    from events.notes import ED25519

    _demand(keys, ED25519, "verifier key of a log, as ste-tickets+0f1e2d3c+A… is one", "--key")


def check_witness_keys(keys: Iterable[str]) -> None:
    """Raise BadParameter for the first that is no key of a witness."""
    from events.notes import COSIGNATURE

    _demand(keys, COSIGNATURE, "key of a witness, as ste-escalator+0f1e2d3c+B… is one", "--witness")


def _demand(keys: Iterable[str], algorithm: int, kind: str, option: str) -> None:
    from events.notes import Key

    for each in keys:
        try:
            right = Key.parse(each).algorithm == algorithm
        except ValueError:
            right = False
        if not right:
            raise typer.BadParameter(f"{each} is no {kind}.", param_hint=option)


def demand_words(pinned: Iterable[str], cosignatures: Iterable["Cosignature"]) -> None:
    """Raise ValueError unless each of these keys has cosigned something."""
    found = {cosignature.key for cosignature in cosignatures}
    for key in pinned:
        if key not in found:
            raise ValueError(f"The witness that you named has cosigned nothing in it: {key}.")


def on_whose_word(cosignature: "Cosignature", pinned: Collection[str]) -> str:
    """Return in words how far its key is to be believed."""
    return "a witness that you trust" if cosignature.key in pinned else OWN_WORD

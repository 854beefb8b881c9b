"""How `ste` shows people, everywhere alike."""

import unicodedata
from collections.abc import Mapping
from typing import Any

ERASED = "erased person"
_KEPT = "\n\t"


def called(person: Mapping[str, Any] | None, *, exact: bool = False) -> str:
    """Return how somebody is called, `person` being their `id` and `name` as services answer them: `name` is null once it was erased.

    `exact`: of whom was erased, the id too, since several may have been, and where it matters who did what, they are still several.
    """
    if person is None:
        return "nobody"
    if person["name"]:
        return str(person["name"])
    return f"{ERASED} ({person['id']})" if exact else ERASED


def plain(text: str) -> str:
    """Return what people wrote without what a terminal would obey."""
    return "".join(char if char in _KEPT or unicodedata.category(char)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for char in text)

"""How `ste` shows people, everywhere alike."""

from collections.abc import Mapping
from typing import Any

ERASED = "erased person"


def called(person: Mapping[str, Any] | None, *, exact: bool = False) -> str:
    """Return how somebody is called, `person` being their `id` and `name` as services answer them: `name` is null once it was erased.

    `exact`: of whom was erased, the id too, since several may have been, and where it matters who did what, they are still several.
    """
    if person is None:
        return "nobody"
    if person["name"]:
        return str(person["name"])
    return f"{ERASED} ({person['id']})" if exact else ERASED

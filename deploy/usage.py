"""What `ste` does not understand of a command: said before any desk is asked, with the exit code of typer's own refusals."""

import re
from difflib import get_close_matches

import typer


def ordered(begin: str | int | None, end: str | int | None, options: tuple[str, str], *, closed: bool = False) -> None:
    """Raise BadParameter for a range that nothing can be in: two times as `moment` returns them, or, where `closed`, two numbers.

    `closed`: the end is part of it.
    """
    if begin is None or end is None or type(begin) is not type(end):
        return
    if begin > end or (begin == end and not closed):  # type: ignore[operator] # both are of one type
        raise typer.BadParameter(f"Nothing lies between: {options[0]} is {begin}, and {options[1]} is {end}.")


def identifier(text: str) -> str:
    """Return the id of something. Raises BadParameter."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise typer.BadParameter(f"{text!r} is no id, which has letters, digits, - and _ alone.")
    return text


def event_types(text: str) -> str:
    """Return a type of events, or the beginning of one that ends in a dot. Raises BadParameter where there are no such events."""
    from events.contracts import CATALOGUE

    names = [kind.name for kind in CATALOGUE]
    known = {*names, *(f"{name.partition('.')[0]}." for name in names)}
    if text not in known and not (text.endswith(".") and any(name.startswith(text) for name in names)):
        near = get_close_matches(text, sorted(known), 3) or sorted(name for name in known if name.endswith("."))
        raise typer.BadParameter(f"There are no events of the type {text!r}. There are, for example, {', '.join(near)}.")
    return text


def service_named(name: str) -> str:
    """Return the name if a service bears it; its source, "/tickets", will do. Raises BadParameter."""
    from chassis.settings import SERVICES

    if (bare := name.strip("/")) not in SERVICES:
        raise typer.BadParameter(f"There is no service {name!r}. There are {', '.join(SERVICES)}.")
    return bare

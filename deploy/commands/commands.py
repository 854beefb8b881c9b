"""How `--help` reads: what a flag takes is nothing, and lines end where the terminal does, or a sentence."""

from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_TYPES = {bool: "", str: "<text>", list[str]: "<text>", int: "<number>", typer.FileBinaryRead: "<file>"}
"""What stands beside an option of a type, where nothing else was said; a flag takes nothing."""


class Commands(typer.Typer):
    """A group of commands of `ste`, all of whose help reads alike. Without a command it shows its help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=_Group, no_args_is_help=True, rich_markup_mode="rich", **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Return what makes a command of a function."""
        return super().command(name, cls=_Command, **options)


class _Command(TyperCommand):
    def __init__(self, name: str | None, *, help: str | None = None, **options: Any) -> None:  # noqa: A002 -- as it is called there
        super().__init__(name, help=help and flowing(help), **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. What is wrong with one is said as everything else is: the validator's own words are for programmers."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as wrong:
            wrong.message = plain(wrong.message)
            raise

    def get_params(self, ctx: Any) -> list[Any]:
        return _told(super().get_params(ctx))


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _told(super().get_params(ctx))


def plain(said: str) -> str:
    """Return what a validator says of an argument, as people say it."""
    if said.startswith("Input should be a valid integer"):
        return "It is a whole number."
    return said.removeprefix("Value error, ")


def flowing(text: str) -> str:
    """Return paragraphs in which a line ends only where a sentence does, or before an example: the rest is for the terminal to break."""
    return "\n\n".join(_joined(paragraph.split("\n")) for paragraph in text.split("\n\n"))


def _joined(lines: list[str]) -> str:
    joined = lines[:1]
    for line in lines[1:]:
        if joined[-1].endswith((".", ":")):
            joined.append(line)
        else:
            joined[-1] = f"{joined[-1]} {line}"
    return "\n".join(joined)


def _told(params: list[Any]) -> list[Any]:
    for param in params:
        said = _TYPES.get(param.type_descriptor.annotation)
        if said is not None and not param.type_descriptor.is_path:
            param.display_type = partial(_said, said)
    return params


def _said(what: str, _ctx: Any) -> str:
    return what

"""Following an erasure through all services, until each has done its part."""

import time
from collections.abc import Mapping
from typing import Any

import typer

from chassis.settings import SERVICES
from deploy.operator import Operator
from deploy.refusal import Exit
from deploy.tables import show

_LOOK = 0.2
_WORD_EVERY = 5.0
_AWAY = 15.0
"""Seconds in which a service that does not answer is waited for: one that crashed is back by then."""


def follow(desk: Operator, person: str) -> None:
    """Wait until every service is done with a person, with a word now and then, and say what was taken away where.

    One that is away is named and not waited for any longer than the others take. Raises typer.Exit when not all are done.
    """
    began = spoke = time.monotonic()
    while True:
        told = {name: desk.try_get(name, f"/internal/erasures/{person}") for name in SERVICES}
        left = {name: answer for name, answer in told.items() if not _done(answer)}
        away = {name for name, (status, _) in left.items() if status == 0}
        if not left or (left.keys() == away and time.monotonic() - began > _AWAY):
            break
        if time.monotonic() - spoke > _WORD_EVERY:
            spoke = time.monotonic()
            typer.echo("; ".join(f"{name}: {_state(answer)}" for name, answer in left.items()), err=True)
        time.sleep(_LOOK)
    show(["service", "", "taken away"], [[name, _state(answer), _taken(answer)] for name, answer in told.items()], empty="")
    if left:
        typer.echo(f"Not done yet: {', '.join(left)}. It is done when they are back; ste doctor says when it takes long.", err=True)
        raise typer.Exit(Exit.WRONG)


def _done(answer: tuple[int, Any]) -> bool:
    status, told = answer
    return status == 200 and told["done_at"] is not None


def _state(answer: tuple[int, Any]) -> str:
    status, told = answer
    if status == 200:
        return "done" if told["done_at"] else told["trouble"] or f"at {told['step']}"
    return "has not heard of it yet" if status == 404 else "does not answer"


def _taken(answer: tuple[int, Any]) -> str:
    status, told = answer
    blanked: Mapping[str, int] = told["blanked"] if status == 200 else {}
    return ", ".join(f"{count} {name}" for name, count in blanked.items()) or "nothing"

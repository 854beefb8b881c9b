"""`--help` of every command, as it is read in a narrow and in a wide terminal."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli import app
from deploy.commands.commands import flowing


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_made_of_words_and_fits(path: tuple[str, ...], width: int) -> None:
    shown = CliRunner(env={"TERMINAL_WIDTH": str(width), "COLUMNS": str(width)}).invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "--help" in shown.output
    for jargon in ("<bool>", "<str>", "<int", "list[", "BinaryRead", "[bold]", "[/]"):
        assert jargon not in shown.output
    assert max(map(len, shown.output.splitlines())) <= width


def test_every_command_is_looked_at() -> None:
    assert len(COMMANDS) > 25
    assert ("audit", "search") in COMMANDS


def test_lines_of_help_end_where_a_sentence_does() -> None:
    assert flowing("A line that\nwas cut.\nAnother.\n\nBelow:\nan\nexample") == "A line that was cut.\nAnother.\n\nBelow:\nan example"

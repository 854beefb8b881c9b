"""What people wrote is shown in a table, and a terminal obeys none of it."""

import pytest

from deploy.tables import show

CLEARS = "\x1b[2J\x07"
TURNS = "\u202e"


def test_a_field_of_a_table_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(["by", "what changed"], [[f"Eve{TURNS}", f"title=Lamp{CLEARS}"], ["Zo\u00eb", "body=two\nlines\tand a tab"]], empty="")
    assert capsys.readouterr().out == "Eve\ufffd\ttitle=Lamp\ufffd[2J\ufffd\nZo\u00eb\tbody=two lines and a tab\n"


def test_a_table_commands_no_terminal_that_it_is_drawn_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(["by", "what changed"], [["Eve", f"Lamp{CLEARS}{TURNS}"]], empty="")
    drawn = capsys.readouterr().out
    assert "Lamp" in drawn
    assert not {"\x07", TURNS} & set(drawn)
    assert "\x1b[2J" not in drawn

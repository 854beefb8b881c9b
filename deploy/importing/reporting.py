"""What an import says of rows that do not go in, or not as they stand: of each kind of flaw the first rows, then how many more. Pure.

A wrong `--zone`, say, concerns every row of a file; thousands of lines that say the same would hide the one that says something else.
"""

import re
from collections.abc import Callable

SHOWN = 10
"""Rows of one kind of flaw that are named."""
_MOST_KINDS = 100
"""Kinds that are told apart; what is of more is of one kind."""
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


class Reports:
    """Says what is reported: `say` hears a line for people each time. `everything`: of every row."""

    def __init__(self, say: Callable[[str], None], *, everything: bool = False) -> None:
        self._say, self._everything = say, everything
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def report(self, line: int, what: str) -> None:
        """Report one row; `what` completes the sentence "Line 7 …". Names and numbers in it make no other kind of it."""
        kind = _PARTICULAR.sub("…", what)
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = ""
        self._first.setdefault(kind, f"like line {line}, which {what}" if kind else "of other kinds")
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._everything or self._counts[kind] <= SHOWN:
            self._say(f"line {line} {what}")

    def rest(self) -> list[str]:
        """Return a line for each kind of which there was more than was said."""
        if self._everything:
            return []
        return [f"… and {count - SHOWN:,} more {self._first[kind]}" for kind, count in self._counts.items() if count > SHOWN]

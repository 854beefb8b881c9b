"""What the person at the terminal sees of the runner: a line per thing that happens, coloured where that is possible."""

import sys
import time
from collections import defaultdict, deque
from typing import Literal

from rich.console import Console
from rich.markup import escape

_COLOURS = {"info": "cyan", "ready": "green", "warning": "yellow", "error": "red"}
_MOST, _WITHIN = 12, 10.0
"""No process says more than so many lines in so many seconds here; its log has them all."""


class Terminal:
    """Prints to standard output, and goes on when nobody is there to read."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True, emoji=False)
        self._said: defaultdict[str, deque[float]] = defaultdict(deque)

    def tell(self, who: str, what: str, level: Literal["info", "ready", "warning", "error"] = "info") -> None:
        """Print one line: who, and what happened to it."""
        if level in ("warning", "error") and not self._may_speak(who):
            return
        self._print(f"[{_COLOURS[level]}]{who:>10}[/]  {escape(what)}")

    def plain(self, line: str) -> None:
        """Print a line as it is, at once: others read it."""
        try:
            print(line, flush=True)
        except OSError:
            self._to_nowhere()

    def _may_speak(self, who: str) -> bool:
        now, said = time.monotonic(), self._said[who]
        while said and now - said[0] > _WITHIN:
            said.popleft()
        said.append(now)
        if len(said) == _MOST + 1:
            self._print(f"[yellow]{who:>10}[/]  … and more: see its log")
        return len(said) <= _MOST

    def _print(self, markup: str) -> None:
        try:
            self.console.print(markup)
            sys.stdout.flush()
        except OSError:
            self._to_nowhere()

    def _to_nowhere(self) -> None:
        """The reader of our output is gone: the desk is not, and its logs are kept."""
        self.console = Console(quiet=True)

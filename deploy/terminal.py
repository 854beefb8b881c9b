"""What the person at the terminal sees of the runner: a line per thing that happens, coloured where that is possible."""

import re
import sys
import time
from collections import defaultdict, deque
from typing import Literal

from rich.console import Console
from rich.markup import escape

_COLOURS = {"info": "cyan", "ready": "green", "warning": "yellow", "error": "red"}
_SAME_WITHIN = 60.0
"""Seconds in which the same sentence of the same process is said once."""
_MOST, _WITHIN = 12, 10.0
"""No process says more than so many lines in so many seconds here; its log has them all."""


class Terminal:
    """Prints to standard output, and goes on when nobody is there to read."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True, emoji=False)
        self._said: defaultdict[str, deque[float]] = defaultdict(deque)
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, who: str, what: str, level: Literal["info", "ready", "warning", "error"] = "info") -> bool:
        """Print one line: who, and what happened to it. Return False when it says too much already."""
        if level in ("warning", "error") and not self._may_speak(who):
            return False
        self._print(f"[dim]{time.strftime('%H:%M:%S')}[/] [{_COLOURS[level]}]{who:>10}[/]  {escape(what)}")
        return True

    def pass_on(self, who: str, what: str, level: Literal["warning", "error"]) -> None:
        """Print what a process wrote into its log, but not the same again and again."""
        now, said = time.monotonic(), (who, re.sub(r"\d+", "", what))
        self._told = {key: at for key, at in self._told.items() if now - at < _SAME_WITHIN}
        if said not in self._told and self.tell(who, what, level):
            self._told[said] = now

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

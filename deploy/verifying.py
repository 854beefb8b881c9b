"""Asking services to verify their stores, which takes as long as it takes, without waiting for ever for one that hangs."""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any

from deploy.operator import Operator
from deploy.refusal import Refusal

Report = dict[str, Any]
"""What a service says of its store, as `/api/audit/verify` shows it, or, with `ok` None, why it could not be asked."""
Far = tuple[int, int]
"""How far a verification is: (events done, events in all)."""
_LOOK = 0.1
_NOTHING: Report = {"events": 0, "head": {"sequence": 0, "hash": None}, "checkpoints": 0, "first_bad_sequence": None, "reason": None}
"""What is told of a store that was not verified, beside whose it is and why."""
STANDSTILL = 30 * 60.0
"""Seconds in which a verification that goes on comes to another event, however slow the disk is."""


class Asked:
    """A service that verifies. It is asked in a thread that holds nobody back: what was given up ends with this process."""

    def __init__(self, desk: Operator, name: str) -> None:
        self.name = name
        self.report: Report | None = None
        self.far: Far = (0, 0)
        self._desk, self._moved = desk, time.monotonic()
        Thread(target=self._ask, name=f"verify {name}", daemon=True).start()

    def look(self, standstill: float) -> None:
        """Ask how far it is; give it up when it does not answer that at all, or has not come further for so many seconds."""
        try:
            told = self._desk.get(self.name, "/internal/verify")
        except Refusal as refusal:
            time.sleep(_LOOK)  # where it has gone down, what it said of that comes this way too
            self._give_up(f"It was asked how far it is. {refusal.what}")
            return
        if (far := (told["done"], told["total"])) != self.far:
            self.far, self._moved = far, time.monotonic()
        elif time.monotonic() - self._moved > standstill:
            self._give_up(f"It answers, but has stood still at {far[0]} of {far[1]} events for {standstill / 60:.0f} minutes.")

    def _ask(self) -> None:
        try:
            report: Report = dict(self._desk.post(self.name, "/internal/verify", {}, timeout=None))
        except Refusal as refusal:
            self._give_up(refusal.what)
        else:
            self.report = self.report or report

    def _give_up(self, reason: str) -> None:
        self.report = self.report or {"source": f"/{self.name}", "ok": None, "reason": reason}


def verify_all(
    desk: Operator, services: Iterable[str], tell: Callable[[Mapping[str, Far]], None], *, standstill: float = STANDSTILL
) -> dict[str, Report]:
    """Let these services verify their stores at once, and return their reports. `tell` hears now and then how far they are."""
    asked = [Asked(desk, name) for name in services]
    while at_work := [each for each in asked if each.report is None]:
        time.sleep(_LOOK)
        for each in at_work:
            if each.report is None:
                each.look(standstill)
        tell({each.name: each.far for each in at_work})
    return {each.name: each.report or {} for each in asked}


def keep(desk: Operator, reports: Mapping[str, Report]) -> None:
    """Have the desk keep these reports as its last verification, for its readiness, its figures and its audit. Raises Refusal."""
    desk.post("tickets", "/internal/verifications", {"stores": [_NOTHING | report for report in reports.values()]})

"""What the people at work have in common: the tickets that they know of, and how a client process goes about its work."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.callers import Caller
from tests.faults.history import Operation, Wanted

_RECENT = 40
CHANGED = {
    "status": ("ticket.status_changed",),
    "priority": ("ticket.priority_changed",),
    "assignee": ("ticket.assigned", "ticket.unassigned"),
}


@dataclass
class Known:
    """A ticket as whoever handles it knows it."""

    number: int
    requester: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def contended(self) -> bool:
        return self.number % 5 == 0


class Board:
    """The tickets that the load has opened, for all its threads."""

    def __init__(self) -> None:
        self._tickets: list[Known] = []
        self._lock = threading.Lock()

    def add(self, operation: Operation, requester: str) -> Known | None:
        """Put up the ticket that an acknowledged operation opened; once, however often it is told."""
        if operation.outcome != "ok":
            return None
        shown = operation.json
        with self._lock:
            if any(known.number == shown["id"] for known in self._tickets[-200:]):
                return None
            values = {"status": "open", "priority": shown["priority"], "assignee": None}
            self._tickets.append(known := Known(shown["id"], requester, values))
        return known

    def __len__(self) -> int:
        return len(self._tickets)

    def pick(self, dice: random.Random, wanted: Callable[[Known], bool]) -> Known | None:
        """Return one of the last tickets that are wanted."""
        with self._lock:
            recent = [known for known in self._tickets[-_RECENT:] if wanted(known)]
        return dice.choice(recent) if recent else None


class Worker(ABC):
    """One client process. `turn` does one thing; what it does follows from the seed and from what it is answered."""

    def __init__(self, caller: Caller, board: Board, dice: random.Random) -> None:
        self.caller, self.board, self.dice = caller, board, dice
        self.count = 0

    @property
    def pause(self) -> tuple[float, float]:
        """Seconds between two turns, at least and at most."""
        return 0.02, 0.12

    @abstractmethod
    def turn(self) -> None:
        """Do one thing."""

    def choose(self, *choices: tuple[int, Callable[[], None]]) -> None:
        """Do one of the choices, by their weights."""
        weights, acts = zip(*choices, strict=True)
        self.dice.choices(acts, weights)[0]()

    def new_name(self) -> str:
        self.count += 1
        return f"{self.caller.name} {self.count} {self.dice.getrandbits(32):08x}"

    def new_key(self) -> str:
        return f"{self.dice.getrandbits(64):016x}"

    def change(self, known: Known, what: str, value: Any, *, expected: int | None = None) -> Operation:
        """Set one field of a ticket, and look whether that is what is there then."""
        name = "assignee_id" if what == "assignee" else what
        wanted = Wanted(CHANGED[what], {"after": {what: value}})
        operation = self.caller.surely(
            what,
            "tickets",
            "PUT",
            f"/api/tickets/{known.number}/{what}",
            body={name: value},
            expected=expected,
            wanted=wanted,
            refusals=(412,) if expected is not None else (),
        )
        if operation.outcome == "ok":
            known.values[what] = value
            self.look_after(operation, {} if known.contended else {what: value})
        return operation

    def look_after(self, operation: Operation, values: dict[str, Any]) -> None:
        """Whoever was told that something is done finds it done."""
        told = operation.json
        there = self.caller.look(f"/api/tickets/{told['id']}") if self.dice.random() < 0.3 else None
        if there is None:
            return
        shown = {**there, "assignee": there["assignee"] and there["assignee"]["id"]}
        if there["version"] < told["version"] or any(shown[name] != value for name, value in values.items()):
            self.caller.history.observe(f"I12: after {operation} the ticket shown is not the one that was acknowledged: {shown}")

"""Writing down, in the log of a store, what an operator did to the desk."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from events.decider import Context, Key, Transaction


@dataclass(frozen=True, slots=True)
class Note:
    """A unit of the writer that appends one event of `events.contracts.operation` to the stream `store/<service>`."""

    service: str
    event: Any
    by: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", f"store/{self.service}")]

    def run(self, tx: Transaction) -> None:
        tx.append(f"store/{self.service}", [self.event], self.by)

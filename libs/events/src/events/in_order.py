"""Several units as one: in one transaction, in their order, and yet each refused alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from events.decider import Key, Transaction, Unit
from events.errors import DomainError, Unavailable

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class InOrder(Generic[R]):
    """Runs units one after the other, and returns what each came to: its result, or why it was refused; a refused one leaves no trace.

    Units that are given to the writer one by one keep their order too, but not where the store fails some of them and takes those behind.
    Here all are written or none. Raises Unavailable, or what is the store's fault, for all of them.
    """

    units: Sequence[Unit[R]]
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return [key for unit in self.units for key in unit.reads()]

    def run(self, tx: Transaction) -> list[R | DomainError]:
        return [self._run(tx, unit) for unit in self.units]

    def _run(self, tx: Transaction, unit: Unit[R]) -> R | DomainError:
        try:
            with tx.savepoint():
                return unit.run(tx)
        except Unavailable:
            raise
        except DomainError as refusal:
            return refusal

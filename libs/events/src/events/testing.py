"""Given facts, when a command, then events or a refusal: tests of a domain without a store.

given(TICKET, opened(by=ANNA)).when(lambda ticket: decide(resolve(by=ANNA), ticket)).then_rejected(NotPermitted)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from events.decider import Fact, Fold
from events.errors import DomainError

S = TypeVar("S")


@dataclass(frozen=True)
class Given(Generic[S]):
    """A state that facts made."""

    state: S

    def when(self, decide: Callable[[S], Sequence[Any]]) -> "Outcome":
        """Let `decide` answer in this state."""
        try:
            return Outcome(list(decide(self.state)), None)
        except DomainError as error:
            return Outcome([], error)


@dataclass(frozen=True)
class Outcome:
    """What came of a command."""

    events: list[Any]
    error: DomainError | None

    def then(self, *expected: Any) -> None:
        """Demand exactly these events."""
        assert self.error is None, f"It was refused: {self.error!r}"
        assert self.events == list(expected)

    def then_nothing(self) -> None:
        """Demand that it was accepted, and that nothing came of it."""
        self.then()

    def then_rejected(self, kind: type[DomainError]) -> DomainError:
        """Demand a refusal of this kind, and return it."""
        assert isinstance(self.error, kind), f"Expected {kind.__name__}, got {self.error!r} and {self.events!r}"
        return self.error


def given(fold: Fold[S], *facts: Fact) -> Given[S]:
    """Return the state after these facts."""
    return Given(fold.of(facts))

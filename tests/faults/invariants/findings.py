"""What a check says when something does not hold."""

from dataclasses import dataclass
from typing import Literal

Harm = Literal["lost", "doubled", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation in words. `at` is when it came about, in seconds since the epoch, if that can be told."""

    invariant: str
    what: str
    harm: Harm = "wrong"
    at: float | None = None

    def __str__(self) -> str:
        return f"{self.invariant} ({self.harm}): {self.what}"

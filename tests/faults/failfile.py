"""The file by which a running desk is told where to die (`events.failpoints`), and which service has which point."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from chassis.settings import SERVICES
from events.failpoints import POINTS

CONSUMERS = ("tickets", "notifier", "escalator")
_ONLY = {
    "consumer.recorded": ("tickets",),  # it alone keeps a journal
    "durable.": CONSUMERS,
    "consumer.": CONSUMERS,
    "parking.": CONSUMERS,
    "rebuild.": ("notifier", "escalator"),
    "worker.": ("notifier",),
    "fanout.": ("notifier",),
    "timer.": ("escalator",),
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point of one service."""

    point: str
    service: str

    def __str__(self) -> str:
        return f"{self.service} {self.point}"


def places() -> list[Place]:
    """Return every point of every service that has it."""
    return [Place(point, service) for point in POINTS for service in _services_with(point)]


def _services_with(point: str) -> tuple[str, ...]:
    return next((services for start, services in _ONLY.items() if point.startswith(start)), SERVICES)


class FailFile:
    """One place is armed at a time; a process that dies there takes the file away, so the next can be armed at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hit = path.with_name(path.name + ".hit")
        self._numbers = count(1)

    def arm(self, place: Place, arrival: int = 1) -> None:
        """Let the `arrival`-th arrival at that place be the end of its process."""
        self._hit.unlink(missing_ok=True)
        draft = self.path.with_name(self.path.name + ".draft")
        # the last word is for nobody: it makes the same place armed twice two different things
        draft.write_text(f"{place.service} {place.point} {arrival} {next(self._numbers)}")
        draft.replace(self.path)

    def withdraw(self) -> None:
        """Arm nothing."""
        self.path.unlink(missing_ok=True)

    def when_hit(self) -> float | None:
        """Return when the armed place was hit, in seconds since the epoch; None as long as it was not."""
        try:
            return self._hit.stat().st_ctime
        except FileNotFoundError:
            return None

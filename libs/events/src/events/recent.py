"""The events that this process committed last, kept in memory, so that they need not be read back to be sent on."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock

from events.envelope import StoredEvent

KEPT = 1000


class Recent:
    """An unbroken stretch of the log. The writer's thread adds to it; anybody may read."""

    def __init__(self, kept: int = KEPT) -> None:
        self._events: deque[StoredEvent] = deque(maxlen=kept)
        self._lock = Lock()

    def add(self, committed: Sequence[StoredEvent]) -> None:
        """Add what a batch committed. What stood before is dropped when another process has written in between."""
        with self._lock:
            if self._events and committed and committed[0].sequence != self._events[-1].sequence + 1:
                self._events.clear()
            self._events.extend(committed)

    def clear(self) -> None:
        """Forget everything: what is in the log may have been blanked since."""
        with self._lock:
            self._events.clear()

    def after(self, sequence: int, limit: int) -> list[StoredEvent]:
        """Return up to `limit` events that follow `sequence`; none when the next one is not here: the log may have it all the same."""
        with self._lock:
            start = sequence + 1 - self._events[0].sequence if self._events else -1
            return list(islice(self._events, start, start + limit)) if start >= 0 else []

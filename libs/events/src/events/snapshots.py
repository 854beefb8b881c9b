"""A cut through several stores: each one's writer holds its head while all are looked at, then each is copied as it was looked at.

While every head is locked nothing is committed anywhere, so what the stores hold in that moment belongs together: nothing that one of them
has consumed is missing in the one that it came from. The lock ends by itself: whoever asked for it may have died.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from events.decider import Key, Transaction
from events.errors import Conflict, Unavailable
from events.files import sync
from events.store import SQLITE, LogHead, Store, head_in

LONGEST_HOLD = 3.0
"""Seconds. Other processes that write the same store wait for five before they give up."""
_LOOK = 0.05
_PAGES = 1024
"""Pages in a step of the copy: 4 MiB of the usual ones. Between two steps others come to their turn."""
_HEAD = "SELECT source, origin, sequence, hash, tree, recordedtime, batch FROM head WHERE id = 1"

Progress = Callable[[int, int], None]
"""Is told how far a copy is: (pages done, pages in all). What it raises ends the copy."""


class Snapshot:
    """A SQLite store as it was at one moment, however it goes on. While it is open the write-ahead log keeps what came since."""

    def __init__(self, path: str) -> None:
        """Raises what SQLite raises."""
        self._source: Any = SQLITE.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("query_only=ON", "busy_timeout=5000", "trusted_schema=OFF"):
                self._source.execute(f"PRAGMA {pragma}")
            self._source.execute("BEGIN")
            self.head: LogHead = head_in(self._source.execute(_HEAD).fetchone())  # the first read is what makes the snapshot
        except BaseException:
            self._source.close()
            raise

    @classmethod
    def of(cls, store: Store) -> "Snapshot":
        """Return a snapshot of a store. Raises Conflict when it is not SQLite's."""
        if store.url.get_backend_name() != "sqlite" or not store.url.database:
            raise Conflict("Only stores in SQLite are copied here; PostgreSQL has its own tools for it.", code="not-sqlite")
        return cls(store.url.database)

    def copy_to(self, path: Path, progress: Progress = lambda _done, _total: None) -> None:
        """Write the snapshot into a new file, readable by its owner alone, page by page, and sync it. Raises FileExistsError, OSError.

        Whatever ends it early takes the file away again.
        """
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self._copy(path, progress)
            sync(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _copy(self, path: Path, progress: Progress) -> None:
        def step(_status: int, remaining: int, total: int) -> None:
            progress(total - remaining, total)

        target = SQLITE.connect(path, isolation_level=None)
        try:
            target.execute("PRAGMA journal_mode=OFF")  # what a crash leaves is thrown away
            target.execute("PRAGMA synchronous=OFF")  # synced once, at the end
            # the transaction that is open here is what it copies, whatever others write meanwhile
            self._source.backup(target, pages=_PAGES, progress=step, sleep=0)
        finally:
            target.close()

    def close(self) -> None:
        """Let go of it. Once is enough; more do no harm."""
        self._source.close()


@dataclass(slots=True)
class Hold:
    """Keeps the head locked until it is released, for `seconds` at most: a unit of the writer. Returns whether it was released in time.

    `look` opens the snapshot under the lock; `held` is called with it, in the writer's thread, once the lock is there.
    """

    look: Callable[[], Snapshot]
    held: Callable[[Snapshot], None]
    stopping: Callable[[], bool]
    seconds: float = LONGEST_HOLD
    released: threading.Event = field(default_factory=threading.Event)
    begun: bool = False
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, _tx: Transaction) -> bool:
        if self.begun:
            raise Unavailable("The batch was run again, so the head was free in between.")
        self.begun = True
        until = time.monotonic() + self.seconds
        snapshot = self.look()  # what this batch has written already is not committed, so it is not in there
        self.held(snapshot)
        while not self.released.wait(_LOOK):
            if time.monotonic() > until or self.stopping():
                return False
        return True

"""Writing a store's file anew: what was changed or deleted is in no free space of it afterwards, nor in its write-ahead log.

SQLite leaves what was deleted where it was until something else is written there. Its `secure_delete` fills cells and pages that become
free with zeros, but not the gaps that remain in a page whose rows moved to another one; only a new file has none of that. Both functions
are for the writer's thread, between two batches (`Writer.between_batches`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from events.store import SQLITE, Store
from events.tables import head

_PAGES = 5_000  # copied in one go
_PATIENCE_MS = 100  # nobody who writes is to wait for readers for long
_USUAL_PATIENCE_MS = 5_000
_BATCH = select(head.c.batch)


class _Moved(Exception):
    """Another process wrote while the file was written anew."""


def rewrite(store: Store, *, insist: bool = False) -> bool:
    """Replace what the store holds by a copy of it that has no free space. Returns False, with nothing done, when another process wrote.

    A copy is made beside it, by VACUUM INTO, and brought back page by page in one transaction. Neither needs memory, which VACUUM by itself
    does: it keeps the whole copy there where SQLite is built to have what is temporary in memory. It takes a second for each 150 MB, and
    room on the disk for two copies. On PostgreSQL nothing is done here: VACUUM FULL is for whoever runs it.

    With `insist` nobody can write while the copy is made, so that processes that never rest do not keep it back: only one that is at the
    door in the very moment between making it and bringing it back comes in between.
    """
    if store.url.get_backend_name() != "sqlite":
        return True
    draft = Path(f"{store.url.database}.anew")
    draft.unlink(missing_ok=True)  # of a process that was killed
    try:
        draft.touch(mode=0o600)
        with _driver(store) as live:
            with _locked(live) if insist else contextlib.nullcontext():
                _copy(store, draft)
            _bring_back(draft, live, store)
    except _Moved:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def _locked(live: Any) -> Iterator[None]:
    """Let nobody else write in the block."""
    live.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        live.execute("ROLLBACK")


def _copy(store: Store, draft: Path) -> None:
    """Copy the store without its free space, over a connection of its own: the one that holds the lock is in a transaction."""
    with contextlib.closing(SQLITE.connect(store.url.database, isolation_level=None)) as reader:
        reader.execute("VACUUM INTO ?", (str(draft),))


def _bring_back(draft: Path, live: Any, store: Store) -> None:
    """Copy the draft over the live store in one transaction. Raises _Moved, and undoes it, when it is no copy any more."""
    with contextlib.closing(SQLITE.connect(draft)) as source:
        [copied] = source.execute("SELECT batch FROM head").fetchone()
        [pages] = source.execute("PRAGMA page_count").fetchone()

        def check(_status: int, _left: int, _total: int) -> None:
            # from the first pages on nobody else can write, and until the last ones all of it can be given up
            with store.read() as connection:
                if connection.scalar(_BATCH) != copied:
                    raise _Moved

        source.backup(live, pages=max(1, min(_PAGES, pages // 2)), progress=check)


def truncate_log(store: Store) -> bool:
    """Bring the write-ahead log into the file and cut it off. Returns False when somebody still reads what is in it."""
    if store.url.get_backend_name() != "sqlite":
        return True
    with _driver(store) as live:
        live.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            [busy, _, _] = live.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            live.execute(f"PRAGMA busy_timeout={_USUAL_PATIENCE_MS}")
    return not busy


@contextlib.contextmanager
def _driver(store: Store) -> Iterator[Any]:
    """Give the writer's own connection, as the driver has it and outside of any transaction."""
    pooled = store.writing.raw_connection()
    try:
        yield pooled.driver_connection
    finally:
        pooled.close()

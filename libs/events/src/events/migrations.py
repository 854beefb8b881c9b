"""The first schema of every store's log, as Alembic revisions call it, and the guards that keep it append-only."""

from typing import Any

from events.tables import LOG

_SAME = " AND ".join(
    f"NEW.{column.name} IS OLD.{column.name}" for column in LOG.tables["events"].columns if column.name not in {"personal", "salt"}
)
_GUARDS = (
    "CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'Events are never deleted.'); END",
    # erasure alone may change an event: it takes the personal part and its salt away
    f"""CREATE TRIGGER events_are_facts BEFORE UPDATE ON events WHEN NOT (NEW.personal IS NULL AND NEW.salt IS NULL AND {_SAME})
    BEGIN SELECT RAISE(ABORT, 'Events are never changed.'); END""",
    "CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'Checkpoints are never deleted.'); END",
    "CREATE TRIGGER checkpoints_are_facts BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'Checkpoints are never changed.'); END",
)


def create_log(op: Any) -> None:
    """Create the log's tables and their guards; `op` is Alembic's.

    A later change of these tables is a revision of its own, and freezes here what this one created.
    """
    LOG.create_all(op.get_bind())
    if op.get_bind().dialect.name == "sqlite":
        for guard in _GUARDS:
            op.execute(guard)

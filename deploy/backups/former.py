"""What the desk that is replaced still tells: under which origin it went on, from which event on, and who has been erased there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DBAPIError

from deploy.backups.checking import ERASED, Reader, reading
from events.cutting import common
from events.store import SQLITE, log_head
from events.tables import events

Tell = Callable[[str], None]


Held = tuple[str, int]
"""An origin, and up to which sequence its history is the one that is restored."""


@dataclass(frozen=True, slots=True)
class Former:
    """`origins` are by service, none for a log that has nothing in common with the backup's; `erased` are ids of people."""

    origins: Mapping[str, Sequence[Held]] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()


def look_at(data_dir: Path, staged: Mapping[str, Path], tell: Tell) -> Former:
    """Return what the stores in a data directory tell; of those that are not there or cannot be read, nothing."""
    origins: dict[str, list[Held]] = {}
    erased: set[str] = set()
    with reading(staged) as new:
        for service, path in staged.items():
            if not (old := data_dir / path.name).exists():
                continue
            try:
                with _open(old) as connection:
                    origins[service] = _origin(connection, new, service)
                    erased.update(_erased(connection))
            except (DBAPIError, LookupError) as error:
                tell(f"The store of {service} that is replaced cannot be read ({error}). Whom it knows to be erased is not known here.")
    return Former(origins, frozenset(erased))


def _origin(connection: Connection, new: Reader, service: str) -> list[Held]:
    with new.read(service) as copied:
        held = common(connection, copied)
    return [(log_head(connection).origin, held)] if held else []


def _erased(connection: Connection) -> Iterator[str]:
    for subject in connection.scalars(select(events.c.subject).where(events.c.type == ERASED)):
        yield subject.partition("/")[2]


@contextmanager
def _open(path: Path) -> Iterator[Connection]:
    """Open a store that may have ended in a crash: SQLite reads its write-ahead log too."""
    engine = create_engine(f"sqlite:///{path}", module=SQLITE, hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            yield connection
    finally:
        engine.dispose()

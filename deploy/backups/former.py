"""What the desk that is replaced still tells: under which origin it went on, from which event on, who has been erased there, and which
of people's credentials were taken back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from deploy.backups.checking import ERASED, Reader, reading
from deploy.backups.services import Declared
from events.cutting import common
from events.erasures import erasures
from events.store import SQLITE, log_head
from events.tables import events

Tell = Callable[[str], None]
_OWNER = "auth"
"""Whose log says who was erased."""
_Found = TypeVar("_Found")


Held = tuple[str, int]
"""An origin, and up to which sequence its history is the one that is restored."""


@dataclass(frozen=True, slots=True)
class Former:
    """`origins` are by service, none for a log that has nothing in common with the backup's; `erased` are ids of people."""

    origins: Mapping[str, Sequence[Held]] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()
    withdrawn: Mapping[str, str] | None = None
    """What people took back of how they prove who they are, by id; None: no store can tell."""
    silent: bool = False
    """Whether stores are there, and not one of them can tell who was erased."""
    there: bool = False
    """Whether any store is there at all."""


def look_at(data_dir: Path, staged: Mapping[str, Path], services: Mapping[str, Declared], tell: Tell) -> Former:
    """Return what the stores in a data directory tell; of those that are not there or cannot be read, nothing.

    A desk is restored because a store is damaged, more often than not; so each is asked for what each of them knows.
    """
    origins: dict[str, list[Held]] = {}
    heard: list[set[str] | None] = []
    withdrawn: Mapping[str, str] | None = None
    with reading(staged) as new:
        for service, path in staged.items():
            if (old := data_dir / path.name).exists():
                store = _Old(old, service, tell)
                origins[service] = store.asked("origin", partial(_origin, new=new, service=service)) or []
                heard.append(store.asked("tombstones", _with_tombstone))
                if service == _OWNER:
                    heard.append(store.asked("erasures in the log", _in_log))
                if (withdrawal := services[service].withdrawal) is not None:
                    withdrawn = store.asked("tokens that were revoked", withdrawal.withdrawn)
    told = [people for people in heard if people is not None]
    silent = bool(heard) and not told
    return Former(origins, frozenset[str]().union(*told), withdrawn, silent=silent, there=bool(heard))


@dataclass(frozen=True, slots=True)
class _Old:
    path: Path
    service: str
    tell: Tell

    def asked(self, what: str, read: Callable[[Connection], _Found]) -> _Found | None:
        """Return what is read, or None when that cannot be read."""
        try:
            with _open(self.path) as connection:
                return read(connection)
        except (SQLAlchemyError, LookupError, ValueError) as error:
            self.tell(f"In the store of {self.service} that is replaced the {what} cannot be read: {error}.")
            return None


def _origin(connection: Connection, new: Reader, service: str) -> list[Held]:
    with new.read(service) as copied:
        held = common(connection, copied)
    return [(log_head(connection).origin, held)] if held else []


def _with_tombstone(connection: Connection) -> set[str]:
    return set(connection.scalars(select(erasures.c.person)))


def _in_log(connection: Connection) -> set[str]:
    return {subject.partition("/")[2] for subject in connection.scalars(select(events.c.subject).where(events.c.type == ERASED))}


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

"""Cutting the stores of a desk that nobody uses to what its journal holds at a position."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event

from chassis.rewinding import cut_answers
from deploy.backups.checking import files_in
from deploy.backups.services import Declared, journal_keeper
from deploy.refusal import Refusal
from events.cutting import Cut, Mark, cut_log, ids_behind, mark_at, name_the_gone, since, skipped_behind
from events.envelope import StoredEvent
from events.store import SQLITE, read_log

_SOME = 1_000


class Engines(dict[str, Engine]):
    """Engines by service, closed at the end of a `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for engine in self.values():
            engine.dispose()


def staging(directory: Path) -> Engines:
    """Return engines for changing the stores of a directory by hand."""
    return Engines({name: _engine(path) for name, path in files_in(directory).items()})


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", module=SQLITE, hide_parameters=True)

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own transactions begin late
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=FILE", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def position_in(services: Mapping[str, Declared], engines: Mapping[str, Engine], directory: Path, text: str) -> int:
    """Return the position that an operator names: a number, or the text that `/api/events` gave out for it. Raises Refusal."""
    if text.isascii() and text.isdecimal():
        return int(text)
    name, journal = journal_keeper(services)
    with engines[name].begin() as connection:
        try:
            return journal.standing(connection, text, (directory / "secrets" / "cursor").read_text().strip())
        except LookupError as error:
            raise Refusal(str(error), "Give a number, or a position that this desk gave out and that the backup holds.") from None


def cut_all(services: Mapping[str, Declared], engines: Mapping[str, Engine], directory: Path, position: int) -> None:
    """Cut every store to what the journal holds at a position; what is derived is not true of it until it is filled again.

    Raises Refusal when the journal does not reach so far.
    """
    marks = _marks(engines, _last(services, engines, position))
    scratch = directory / ".gone"
    with scratch.open("w") as file:  # read whole before the first log is cut
        for name, engine in engines.items():
            with engine.begin() as connection:
                for ids in ids_behind(connection, marks[f"/{name}"].sequence):
                    file.writelines(f"{id_}\n" for id_ in ids)
    for declared in services.values():
        _cut_one(declared, engines, scratch=scratch, marks=marks, position=position)
    scratch.unlink()


def _last(services: Mapping[str, Declared], engines: Mapping[str, Engine], position: int) -> Mapping[str, int]:
    name, journal = journal_keeper(services)
    with engines[name].begin() as connection:
        try:
            return journal.reached(connection, position)
        except LookupError as error:
            raise Refusal(str(error), "Name a position that the journal of this backup has.") from None


def _marks(engines: Mapping[str, Engine], last: Mapping[str, int]) -> dict[str, Mark]:
    marks = {}
    for name, engine in engines.items():
        with engine.begin() as connection:
            marks[f"/{name}"] = mark_at(connection, last.get(f"/{name}", 0))
    return marks


def _cut_one(declared: Declared, engines: Mapping[str, Engine], *, scratch: Path, marks: Mapping[str, Mark], position: int) -> None:
    own = declared.service.source
    with engines[declared.service.name].begin() as connection:
        cut = Cut(own=own, position=position, marks=marks, since=since(connection, marks[own].sequence))
        name_the_gone(connection, _lines(scratch))
        declared.rewind.cut(connection, cut)
        cut_answers(connection, cut)
        skipped = [_event_at(engines[source.strip("/")], sequence) for source, sequence in skipped_behind(connection, cut)]
        cut_log(connection, cut, skipped)
        connection.exec_driver_sql("DROP TABLE gone")


def _lines(scratch: Path) -> Iterator[list[str]]:
    with scratch.open() as file:
        while some := [line.strip() for line in islice(file, _SOME)]:
            yield some


def _event_at(engine: Engine, sequence: int) -> StoredEvent:
    with engine.begin() as connection:
        [found] = read_log(connection, sequence - 1, 1)
    return found

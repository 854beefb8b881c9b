"""`ste rebuild`: derived tables built anew beside those in use, compared with them, and put in their place where they differ."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Table

from chassis.service import Running
from events import erasures
from events.beside import BUILT, LIVE, Comparison, beside, make, mend, step
from events.contracts import CATALOGUE
from events.contracts.operation import ProjectionRebuilt
from events.decider import Context, Key, Transaction
from events.errors import Conflict, NotFound, Unavailable
from events.following import LogFeed
from events.intake import Moved
from events.materials import Consumed, Followed, Material
from events.store import log_head

logger = logging.getLogger(__name__)

_TRIES = 50
"""How often it is tried to stand exactly where the tables in use do, on a desk at work."""

Compared = dict[str, Comparison]
"""By table."""


class Index(Protocol):
    """An index of words, which a projection fills beside its tables."""

    name: str

    def words(self, connection: Connection, schema: str) -> Iterable[tuple[Any, ...]]:
        """Return what the index of a schema holds, in one order."""

    def renew(self, connection: Connection) -> None:
        """Fill the index from its tables, after it was emptied."""


@dataclass
class Build:
    """One building at work: what of, how far it is, and the database beside the store that it happens in."""

    material: Material
    connection: Connection
    position: int = 0
    until: int = 0
    erased: int = 0
    """How many people were erased when it began."""

    def start(self) -> None:
        """Make the tables, empty. Raises Unavailable while somebody is being erased: what is folded now may be blanked a moment later."""
        with step(self.connection):
            if erasures.is_under_way(self.connection):
                raise Unavailable("Somebody is being erased. Try again when that is done.", 5)
            self.erased = erasures.last_number(self.connection)
        kept = frozenset(getattr(getattr(self.material, "projection", None), "folds_by", ()))
        make(self.connection, self.material.tables, kept)

    def look(self) -> int:
        """Return where the tables in use stand. Raises NotInUse."""
        with step(self.connection):
            self.until = self.material.standing(self.connection)
        return self.until

    def fold(self) -> None:
        """Fold a step, at most up to where the tables in use stood at the last look."""
        with step(self.connection):
            self.position = self.material.fold(self.connection, self.position, self.until)

    def compare(self) -> Compared:
        """Compare all tables at one moment. Raises Moved when those in use have gone on."""
        with step(self.connection):
            if self.material.standing(self.connection) != self.position:
                raise Moved(f"{self.material.name} went on.")
            compared: Compared = {}
            for table in self.material.tables:
                compared[table.name] = comparison = Comparison()
                for _ in comparison.differences(self.connection, table):
                    pass
            if self.index is not None:
                compared[self.index.name] = comparison = Comparison()
                comparison.note(*(self.index.words(self.connection, schema) for schema in (BUILT, LIVE)))
            return compared

    @property
    def index(self) -> Index | None:
        """What is searched by, beside the tables; None where there is nothing of the kind."""
        return getattr(getattr(self.material, "projection", None), "index", None)


@dataclass(frozen=True, slots=True)
class Switch:
    """Puts what was built in the place of what is in use, row by row where they differ: a unit of the writer. Returns how many those were.

    It holds the writer for as long as comparing takes, some ten microseconds a row, and longer where words
    are searched by. Raises Moved, with nothing changed, when the tables in
    use are not where those are that were built.
    """

    build: Build
    service: str
    by: Context
    sql: bool = True

    def reads(self) -> Iterable[Key]:
        return [("stream", self._subject)]

    @property
    def _subject(self) -> str:
        return f"store/{self.service}"

    def run(self, tx: Transaction) -> int:
        build, used = self.build, tx.connection
        with step(build.connection):
            if build.material.standing(used) != build.position or log_head(used) != log_head(build.connection):
                raise Moved(f"{build.material.name} went on.")
            if erasures.last_number(used) != build.erased:
                raise Unavailable("Somebody was erased meanwhile, and what was built still holds what they wrote. Try again.", 5)
            mended = sum(self._equal(tx, table) for table in build.material.tables)
            if build.index is not None:
                build.index.renew(used)  # which words stood there for a row that was replaced, nobody knows
            told = ProjectionRebuilt(projection=build.material.name, position=build.position, mended=mended)
            tx.append(self._subject, [told], self.by)
            return mended

    def _equal(self, tx: Transaction, table: Table) -> int:
        comparison = Comparison()
        for found in comparison.differences(self.build.connection, table, tx.connection):
            mend(tx.connection, table, found)
        return comparison.differing


class Rebuilds:
    """One at a time in a process. `progress` is (name, position, position of the tables in use), None when nothing is built."""

    def __init__(self, live: Running) -> None:
        self._live = live
        self._build: Build | None = None
        self._busy = False

    @property
    def progress(self) -> tuple[str, int, int] | None:
        return None if self._build is None else (self._build.material.name, self._build.position, self._build.until)

    def materials(self) -> list[Material]:
        """Return all that is derived in this service."""
        live, parts = self._live, self._live.parts
        feeds = [(LogFeed(CATALOGUE), parts.projections), *parts.feeds]
        followed: list[Material] = [Followed(projection, feed) for feed, following in feeds for projection in following]
        consumed = [
            Consumed(live.service.source, each, live.peers.feed, live.service.loaders, live.environment.now, CATALOGUE)
            for each in parts.subscriptions
            if each.tables
        ]
        return [*followed, *consumed]

    async def rebuild(self, name: str, by: Context) -> dict[str, Any]:
        """Build the tables anew, compare, and make those in use equal. Return what was found.

        Raises NotFound, Conflict when one is built already, NotInUse, and Unavailable when an owner of a source cannot be reached.
        """
        material = next((each for each in self.materials() if each.name == name), None)
        if material is None:
            names = ", ".join(each.name for each in self.materials())
            raise NotFound(f"{self._live.service.name} derives nothing that is called {name}. There is: {names or 'nothing'}.")
        if self._busy:
            raise Conflict("Something is being built already. Wait for its end.")
        self._busy = True
        try:
            return await self._run(material, by)
        finally:
            self._busy, self._build = False, None

    async def _run(self, material: Material, by: Context) -> dict[str, Any]:
        directory = self._live.settings.data_dir / "run"
        directory.mkdir(parents=True, exist_ok=True)
        opened = beside(self._live.store, directory)
        try:
            connection = await asyncio.to_thread(opened.__enter__)
        except ValueError as error:
            raise Conflict(str(error)) from error
        try:
            build = self._build = Build(material, connection)
            await asyncio.to_thread(build.start)
            before = await self._compared(build)
            mended = await self._switched(build, by) if _differ(before) else 0
            after = await self._compared(build) if _differ(before) else before
            return _report(build, before, after, mended)
        finally:
            await asyncio.shield(asyncio.to_thread(opened.__exit__, None, None, None))

    async def _compared(self, build: Build) -> Compared:
        for _ in range(_TRIES):
            await self._fold_on(build)
            try:
                return await asyncio.to_thread(build.compare)
            except Moved:
                continue
        raise Unavailable("The desk is too busy to compare its tables at one moment. Try again when less happens.")

    async def _switched(self, build: Build, by: Context) -> int:
        for _ in range(_TRIES):
            await self._fold_on(build)
            try:
                mended = await self._live.writer.execute(Switch(build, self._live.service.name, by))
            except Moved:
                continue
            logger.warning("What is derived as %s was not what follows from the history: %s rows were mended.", build.material.name, mended)
            return mended
        raise Unavailable("The desk is too busy to switch its tables. Try again when less happens.")

    async def _fold_on(self, build: Build) -> None:
        """Fold until as much is folded as is in use."""
        while build.position < await asyncio.to_thread(build.look):
            if self._live.stopping.is_set():
                raise Unavailable("The service is going down.")
            await build.material.read_ahead(build.position, build.until)
            await asyncio.to_thread(build.fold)


def _differ(compared: Compared) -> bool:
    return any(each.differing for each in compared.values())


def _report(build: Build, before: Compared, after: Compared, mended: int) -> dict[str, Any]:
    tables = {
        name: {"rows": each.rows, "differed": before[name].differing, "digest": each.built, "equal": each.built == each.used}
        for name, each in after.items()
    }
    return {"projection": build.material.name, "position": build.position, "equal": not _differ(after), "mended": mended, "tables": tables}

"""`ste audit verify` where no desk runs: every store is walked from disk by the command itself, which holds them all meanwhile."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from chassis.settings import SERVICES, Settings
from deploy.backups.checking import ERASED, keys_of
from deploy.backups.services import all_declared, journal_keeper
from deploy.backups.taking import SAY_AGAIN, alone
from deploy.desk_file import DeskFile, holding
from deploy.refusal import Refusal
from events import positions, tables
from events.store import Store
from events.verify import Seen, verify_store
from events.walkers import crew_of

Far = Callable[[str, int, int], None]
"""Is told how far it is: (service, events done, events in all)."""
Report = dict[str, Any]
"""In the shape of `/api/audit/verify`."""
_UNASKED = "Nothing else is wrong; but auth's store, which alone tells who was erased, cannot be read."


def is_stopped(settings: Settings) -> bool:
    """Return whether there are stores here, and no desk that runs with them."""
    there = any(_is_there(settings, name) for name in SERVICES)
    return there and DeskFile.read(settings.data_dir) is None and not {f"{name}_url" for name in SERVICES} & settings.model_fields_set


def verify_stopped(settings: Settings, far: Far) -> Mapping[str, Report]:
    """Verify every store as its service would, in as many processes, and return the reports by service. Raises Refusal when one is in use.

    Logs are held against their checkpoints and against what the other stores have seen of them; the journal against the logs; and the files
    are looked at by SQLite itself. Nothing is written into a store.
    """
    with holding(settings.data_dir, SAY_AGAIN), alone(settings), ExitStack() as stack:
        stores = {}
        for name in SERVICES:
            if _is_there(settings, name):
                stores[name] = Store(settings.database_of(name))
                stack.callback(stores[name].close)
        stopped = _Stopped(settings, stores, far)
        return {name: stopped.report(name) for name in SERVICES}


def _is_there(settings: Settings, service: str) -> bool:
    url = settings.database_of(service)
    return not url.startswith("sqlite") or (settings.data_dir / f"{service}.sqlite3").exists()


class _Stopped:
    """The stores of a desk that nobody uses, and what each tells of the others, as far as it can be read."""

    def __init__(self, settings: Settings, stores: Mapping[str, Store], far: Far) -> None:
        self._settings, self._stores, self._far = settings, stores, far
        self._erased: frozenset[str] | None = None
        self._seen: dict[str, dict[str, Seen]] = {f"/{name}": {} for name in SERVICES}
        for name, store in stores.items():
            self._hear(name, store)

    def _hear(self, name: str, store: Store) -> None:
        try:
            with store.read() as connection:
                for source, at in positions.load_all(connection).items():
                    self._seen[source][name] = Seen(at.origin, at.sequence, at.hash)
                if name == "auth":
                    said = connection.scalars(select(tables.events.c.subject).where(tables.events.c.type == ERASED))
                    self._erased = frozenset(subject.partition("/")[2] for subject in said)
        except SQLAlchemyError:
            return  # its own report says that it cannot be read

    def _was_erased(self, person: str) -> bool:
        return self._erased is None or person in self._erased

    def report(self, name: str) -> Report:
        """Return what is to be said of one store."""
        if name not in self._stores:
            return self._unread(name, None, "Its store is not there.")
        try:
            found = self._verified(name, keys_of(self._settings.secrets_dir, name))
        except Refusal as refusal:
            return self._unread(name, None, refusal.what)
        except SQLAlchemyError as error:
            return self._unread(name, False, f"The store cannot be read: {getattr(error, 'orig', None) or error}.")
        return found | {"ok": None, "reason": _UNASKED} if found["ok"] and self._erased is None else found

    def _verified(self, name: str, keys: Any) -> Report:
        store, progress = self._stores[name], _Progress(name, self._far)
        report = verify_store(
            store.read,
            source=f"/{name}",
            public_keys=keys,
            seen=self._seen[f"/{name}"],
            erased=lambda person, _sequence: self._was_erased(person),
            progress=progress,
            crew=crew_of(store.url),
        ).as_dict()
        wrong = self._beside(name, store, progress.again) if report["ok"] else None
        return report if wrong is None else report | {"ok": False, "first_bad_sequence": wrong[0], "reason": wrong[1]}

    def _beside(self, name: str, store: Store, still_wanted: Callable[[], None]) -> tuple[int | None, str] | None:
        """Return what is wrong beside the log: in the journal, or in the file itself."""
        keeper, journal = journal_keeper(all_declared())
        wrong = journal.wrong(store.read, self._was_erased, still_wanted) if name == keeper else None
        if wrong is None and store.url.get_backend_name() == "sqlite":
            with store.read() as connection:
                said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            wrong = None if said == "ok" else (None, f"The file is damaged: {said}.")
        return wrong

    @staticmethod
    def _unread(name: str, ok: bool | None, reason: str) -> Report:
        nothing = {"events": 0, "head": {"sequence": 0, "hash": None}, "checkpoints": 0, "first_bad_sequence": None}
        return {"source": f"/{name}", "ok": ok, "reason": reason, **nothing}


class _Progress:
    """Passes on how far the walk over a log is, and says it again while what is beside it is looked at."""

    def __init__(self, name: str, far: Far) -> None:
        self._name, self._far, self._last = name, far, (0, 0)

    def __call__(self, done: int, total: int) -> None:
        self._last = done, total
        self._far(self._name, done, total)

    def again(self) -> None:
        self._far(self._name, *self._last)

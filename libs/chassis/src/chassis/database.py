"""A store on its way up: the lock file that says it is in use, and its schema brought to the newest revision."""

import fcntl
import importlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from chassis.settings import RESTORE_BEGUN
from events.failpoints import reach
from events.forms import declare
from events.handling import Subscription

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in module-level proxies; several services may start in one process."""
_MIGRATING = 0x5354_4501
"""The advisory lock of PostgreSQL under which a schema is changed."""


class StoreInUse(RuntimeError):
    """A running service holds the store, or the operator's `ste` does."""


@contextmanager
def held(data_dir: Path, service: str, *, exclusive: bool = False) -> Iterator[None]:
    """Hold the store's lock file: services share it, the operator's offline commands take it for themselves. Raises StoreInUse.

    The kernel lets go of it when the process ends, however it ends.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not exclusive and (data_dir / RESTORE_BEGUN).exists():
        raise StoreInUse(f"A restore into {data_dir} was interrupted. Say ste restore again: it ends what it began.")
    with (data_dir / f"{service}.lock").open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            who = "a running service" if exclusive else "an offline command"
            raise StoreInUse(f"The store of {service} is in use by {who}.") from None
        yield


def migrate(engine: Engine, *packages: str) -> None:
    """Bring the schema to the newest revision of each package ("tickets.migrations"), each with a version table of its own.

    All of it is one transaction under a lock, so that several processes may start at once, and a failure leaves the schema as it was.
    """
    with _ONE_AT_A_TIME, engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        for package in packages:
            _upgrade(connection, package)
            if __debug__:
                reach("store.migrating")


def make_derived(engine: Engine, subscriptions: Iterable[Subscription]) -> None:
    """Make the tables that consumers fill and that are not there yet: they are derived, so no revision tells of them."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        for subscription in subscriptions:
            declare(connection, subscription)


def revision_of(connection: Connection, package: str) -> str | None:
    """Return the revision that the schema is at; None before the first."""
    return MigrationContext.configure(connection, opts={"version_table": _version_table(package)}).get_current_revision()


def is_current(connection: Connection, *packages: str) -> bool:
    """Return whether the schema is at the newest revision of each package: to open the store changes nothing."""
    return all(revision_of(connection, package) == _script(package).get_current_head() for package in packages)


def _version_table(package: str) -> str:
    return f"revision_of_{package.partition('.')[0]}"


def _upgrade(connection: Connection, package: str) -> None:
    script = _script(package)

    def steps(revision: object, _context: MigrationContext) -> list[object]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]  # noqa: SLF001 (what alembic's own `upgrade` calls)

    with EnvironmentContext(Config(), script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, version_table=_version_table(package), transaction_per_migration=False)
        environment.run_migrations()


def _script(package: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(str(importlib.import_module(package).__file__)).parent))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)

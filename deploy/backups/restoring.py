"""`ste restore`: a whole desk out of a backup, offline, under new origins, and verified before anything takes its place.

All of it is made in a directory of its own first: the stores are copied, cut where that is asked for, told of their restore by their own
services' code, filled again, and verified. Until then what is there is not touched.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import Engine

from chassis.database import migrate
from chassis.settings import SERVICES, Settings
from deploy.backups import switching
from deploy.backups.checking import check_files, check_stores, files_in, keys_of
from deploy.backups.cutting import cut_all, position_in, staging
from deploy.backups.erasing import mark_again
from deploy.backups.former import Former, Held, look_at
from deploy.backups.making import require_sqlite
from deploy.backups.manifest import Manifest
from deploy.backups.services import Declared, all_declared
from deploy.backups.taking import taking
from deploy.backups.telling import erase_all, tell_all
from deploy.refusal import Refusal
from events.envelope import Actor
from events.files import sync
from events.store import Store, log_head
from events.verify import StoreReport

OPERATOR = Actor(kind="system", id="operator")
Tell = Callable[[str], None]
_NOBODY_TELLS = "No store of the desk that is replaced can be read, so who was erased since the backup is not known: they would come back."
_SAY_WHO = (
    "Give --erasures FILE with their ids, a line each; docs/backup.md says how the newest export or backup tells them. "
    "If nobody was erased, let the file be empty."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a restore: the reports of the stores as they are now, where the old desk was put, and who is erased anew."""

    reports: Mapping[str, StoreReport]
    replaced: Path | None = None
    erased: frozenset[str] = frozenset()
    """The ids of everybody who is erased in the desk as it is now."""
    vouched: Mapping[str, str] = field(default_factory=dict)
    """The verifier key, by service, whose signature is over all that was imported; of a log without events there is none."""
    hints: Sequence[str] = ()
    """What is left to be thought of, in sentences."""
    finished: bool = False
    """Whether this only ended what an earlier command had begun."""


def restore(
    settings: Settings,
    source: Path,
    tell: Tell,
    *,
    replace: bool = False,
    position: str | None = None,
    erased: frozenset[str] | None = None,
) -> Outcome:
    """Put the desk of a backup into the data directory. Raises Refusal, and has then changed nothing that is there.

    `position` is one of the journal's, as a number or as `/api/events` gives it: the desk is as it was after that event, and goes on from
    there. `erased` are ids of people who were erased since, beside those of whom the desk that is replaced tells; they must
    be given (none of them, if need be) where it can tell of nobody.
    """
    require_sqlite(settings)
    require_own_places(settings)
    os.umask(0o077)
    with taking(settings):
        if switching.begun(settings.data_dir):
            switching.end(settings.data_dir)
            tell("A restore that was interrupted was ended.")
            return Outcome(reports=verified(settings.data_dir), finished=True)
        source = source.expanduser().absolute()
        manifest = Manifest.read(source)
        tell(f"The backup was made at {manifest.made_at}. Its files are compared with its manifest.")
        check_files(source, manifest)
        _require_room(settings.data_dir, replace=replace)
        return _restore(settings, source, manifest, tell, position=position, erased=erased)


def _restore(
    settings: Settings, source: Path, manifest: Manifest, tell: Tell, *, position: str | None, erased: frozenset[str] | None
) -> Outcome:
    staged = settings.data_dir / switching.STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        copy_desk(source, manifest, staged)
        former = look_at(settings.data_dir, files_in(staged), all_declared(), tell)
        gone = place_desk(settings, staged, former, tell, position=position, erased=_require_word(former, erased))
        tell("Verifying what was restored.")
        reports = verified(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    replaced = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S-%fZ") if switching.present(settings.data_dir) else None
    switching.begin(settings.data_dir, replaced)
    switching.end(settings.data_dir)
    return Outcome(
        reports=reports,
        erased=gone,
        replaced=settings.data_dir / switching.REPLACED / replaced if replaced else None,
        hints=tuple(_hints(former, erased)),
    )


def _hints(former: Former, erased: frozenset[str] | None) -> Iterator[str]:
    """Yield what only the operator can know, where no former desk tells it."""
    if not former.there and erased is None:
        yield "No desk was here that could tell who was erased since the backup: if anybody was, restore it again with --erasures FILE."
    if former.withdrawn is None:
        yield "No store was here that could tell which API tokens were revoked since the backup: those are valid again. Revoke them anew."


def _require_word(former: Former, erased: frozenset[str] | None) -> frozenset[str]:
    if former.silent and erased is None:
        raise Refusal(_NOBODY_TELLS, _SAY_WHO)
    return erased or frozenset()


def require_own_places(settings: Settings) -> None:
    """Raise Refusal when a store is not where the data directory is: a restore takes the place of the whole directory's stores."""
    for name in SERVICES:
        if settings.database_of(name) != f"sqlite:///{settings.data_dir / f'{name}.sqlite3'}":
            raise Refusal(
                f"The store of {name} is elsewhere: {name.upper()}_DATABASE_URL is set.",
                "Unset it, restore into the data directory, and move the file then.",
            )


def _require_room(data_dir: Path, *, replace: bool) -> None:
    if (there := switching.present(data_dir)) and not replace:
        raise Refusal(
            f"There is a desk in {data_dir}: {', '.join(there)}.",
            "Restore into another directory (STE_DATA_DIR=…), or say --replace: what is there is kept aside.",
        )


def copy_desk(source: Path, manifest: Manifest, staged: Path) -> None:
    """Copy the files of a backup."""
    (staged / "secrets").mkdir(parents=True, mode=0o700)
    names = [entry.file for entry in manifest.stores.values()] + [f"secrets/{name}" for name in manifest.secrets]
    for name in names:
        copy = staged / name
        copy.touch(mode=0o600)
        shutil.copyfile(source / name, copy)
        sync(copy)


def place_desk(
    settings: Settings,
    staged: Path,
    former: Former,
    tell: Tell,
    *,
    position: str | None = None,
    afresh: bool = False,
    erased: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Make of staged stores a desk of its own: cut, under new origins, told of it; what is derived is filled again if it was cut.

    Returns the ids of everybody who is erased.
    """
    afresh = afresh or position is not None
    services = all_declared()
    bring_up_to_date(services, staged)
    with staging(staged) as engines:
        origins = {name: [*_origin(engine), *former.origins.get(name, ())] for name, engine in engines.items()}
        if position is not None:
            last = position_in(services, engines, staged, position)
            tell(f"Cutting every log to what the journal holds at position {last}.")
            cut_all(services, engines, staged, last)
        for name, declared in services.items():
            with engines[name].begin() as connection:
                declared.rewind.settle(connection)
                if declared.withdrawal is not None and former.withdrawn:
                    count = declared.withdrawal.withdraw(connection, former.withdrawn)
                    tell(f"Revoking what was revoked since, as the desk that is replaced tells: {count} API tokens.")
        gone = mark_again(engines, former.erased | erased)
    tell("Telling every log that it was restored" + (", and filling what is derived." if afresh else "."))
    inside = settings.model_copy(update={"data_dir": staged})
    asyncio.run(tell_all(services, inside, origins, afresh=afresh))
    if gone:
        tell(f"Taking away what is left of whoever was erased: {len(gone)} in all.")
        asyncio.run(erase_all(services, inside, gone))
    return gone


def bring_up_to_date(services: Mapping[str, Declared], staged: Path) -> None:
    """Give every store today's schema. Raises Refusal when one is of a release that is newer than this."""
    for name, path in files_in(staged).items():
        store = Store(f"sqlite:///{path}")
        try:
            migrate(store.writing, "chassis.migrations", services[name].service.migrations)
        except CommandError as error:
            raise Refusal(f"The store of {name} is of a newer release: {error}.", "Restore it with that one.") from None
        finally:
            store.close()


def _origin(engine: Engine) -> list[Held]:
    with engine.begin() as connection:
        head = log_head(connection)
    return [(head.origin, head.sequence)]


def verified(directory: Path) -> dict[str, StoreReport]:
    """Verify the stores of a directory by its own secrets. Raises Refusal for the first that is not what it says."""
    keys = {name: keys_of(directory / "secrets", name) for name in SERVICES}
    return check_stores(files_in(directory), keys)

"""`ste backup`: the whole desk at one moment, in a directory that is there once it is whole."""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chassis.settings import SERVICES, Settings
from deploy.backups.checking import check_stores, files_in, keys_of, reading
from deploy.backups.manifest import NAME, Manifest, StoreEntry, sha256_of
from deploy.backups.recording import Tell, copied_as, record
from deploy.backups.services import all_declared, journal_keeper
from deploy.backups.taking import SAY_AGAIN, alone
from deploy.desk_file import DeskFile, holding
from deploy.operator import Operator
from deploy.refusal import Refusal
from events.files import sync
from events.snapshots import Snapshot
from events.store import SQLITE
from events.times import to_text

_TRIES = 5
_PAUSE = 0.5
_WORD_EVERY = 5.0
_LOOK = 0.2
_POSTGRES = (
    "Use PostgreSQL's own tools with the desk stopped: pg_dump of each database, or pg_basebackup of the server, "
    "and keep the secrets directory with them."
)


def backup(settings: Settings, target: Path, tell: Tell) -> Manifest:
    """Write a verified backup of the desk into `target`, which must not exist or be empty. Raises Refusal, with nothing left behind.

    A desk that runs works on; one that is stopped stays so meanwhile.
    """
    target = target.expanduser().absolute()
    require_outside(settings, target)
    os.umask(0o077)
    with drafting(target) as draft:
        manifest = copy_desk(settings, draft, tell)
        record(settings, copied_as("backup", manifest.journal, draft / NAME, primary=True), tell, running=manifest.running)
        put_in_place(draft, target)
    return manifest


def copy_desk(settings: Settings, draft: Path, tell: Tell) -> Manifest:
    """Copy stores and secrets into an empty directory, verify them, and write the manifest. Raises Refusal."""
    require_sqlite(settings)
    desk = DeskFile.read(settings.data_dir)
    running = desk is not None or bool({f"{name}_url" for name in SERVICES} & settings.model_fields_set)
    copied = _of_running(settings, draft, tell) if running else _of_stopped(settings, draft, tell)
    _copy_secrets(settings.secrets_dir, draft / "secrets")
    tell("Verifying what was written.")
    keys = {name: keys_of(draft / "secrets", name) for name in SERVICES}
    check_stores(files_in(draft), keys)
    manifest = _manifest(draft, keys, running=running)
    _require_same(manifest, copied)
    manifest.write(draft)
    return manifest


def require_sqlite(settings: Settings) -> None:
    """Raise Refusal when a store is somewhere that only its own database can copy it from."""
    for service in SERVICES:
        if not settings.database_of(service).startswith("sqlite"):
            raise Refusal(f"The store of {service} is not in SQLite, and ste does not copy it.", _POSTGRES)


def require_outside(settings: Settings, target: Path) -> None:
    """Raise Refusal for a copy inside what is copied: it would be lost with it, and hold what is erased there later."""
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise Refusal(f"{target} is inside of the desk's own directory {settings.data_dir}.", "Name one elsewhere, best on another disk.")


def _require_empty(target: Path) -> None:
    if target.is_dir():
        if any(target.iterdir()):
            raise Refusal(f"{target} is not empty.", "Name a directory that is not there yet.")
    elif os.path.lexists(target):
        raise Refusal(f"{target} is there, and is no directory.", "Name a directory that is not there yet.")
    elif not target.parent.is_dir():
        raise Refusal(f"{target.parent} is no directory.", "Make it first.")


@contextmanager
def drafting(target: Path) -> Iterator[Path]:
    """Make a directory beside the target to write into, and take it away at the end, whatever happens. Raises Refusal.

    One that a killed command left behind is taken away first; its lock ended with that command.
    """
    _require_empty(target)
    draft = target.with_name(f".{target.name}.unfinished")
    lock = target.with_name(f".{target.name}.lock")
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"Another backup is being written to {target}.", "Wait for its end.") from None
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            lock.unlink(missing_ok=True)


def put_in_place(draft: Path, target: Path) -> None:
    """Give a directory whose files are synced its name: at once, since a rename over an empty directory is one step."""
    for path in (*(path for path in draft.rglob("*") if path.is_dir()), draft):
        sync(path)
    draft.rename(target)
    sync(target.parent)


def _copy_secrets(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            copy = target / path.name
            copy.touch(mode=0o600)
            copy.write_bytes(path.read_bytes())
            sync(copy)


def _manifest(draft: Path, keys: Mapping[str, Sequence[str]], *, running: bool) -> Manifest:
    from deploy.versions import lines

    files = files_in(draft)
    with reading(files) as reader:
        stores: dict[str, StoreEntry] = {name: reader.entry(name, files[name], keys[name][-1]) for name in SERVICES}
        keeper, kept = journal_keeper(all_declared())
        with reader.read(keeper) as connection:
            journal = kept.last(connection)
    return Manifest(
        made_at=to_text(datetime.now(UTC)),
        version=lines()[0],
        running=running,
        journal=journal,
        stores=stores,
        secrets={path.name: sha256_of(path) for path in sorted((draft / "secrets").iterdir())},
        sqlite=str(SQLITE.sqlite_version),
    )


def _require_same(manifest: Manifest, copied: Mapping[str, Any]) -> None:
    """Raise Refusal when what stands in the copies is not what stood in the stores when all of them were held."""
    for name, entry in manifest.stores.items():
        if (entry.origin, entry.sequence, entry.hash) != (copied[name]["origin"], copied[name]["sequence"], copied[name]["hash"]):
            raise Refusal(f"The copy of {name} is not the store as it was when it was looked at.", "Take another backup.")


# a desk that is stopped


def _of_stopped(settings: Settings, draft: Path, tell: Tell) -> dict[str, Any]:
    if missing := [name for name in SERVICES if not _path_of(settings, name).is_file()]:
        raise Refusal(f"There is no store of {', '.join(missing)} in {settings.data_dir}.", "STE_DATA_DIR says where the desk is.")
    tell("The desk is stopped; its stores are held meanwhile.")
    copied = {}
    with holding(settings.data_dir, SAY_AGAIN), alone(settings):
        for name in SERVICES:
            snapshot = Snapshot(str(_path_of(settings, name)))
            try:
                tell(f"Copying {name}.")
                snapshot.copy_to(files_in(draft)[name])
            finally:
                snapshot.close()
            copied[name] = {"origin": snapshot.head.origin, "sequence": snapshot.head.sequence, "hash": snapshot.head.hash}
    return copied


def _path_of(settings: Settings, service: str) -> Path:
    return Path(settings.database_of(service).removeprefix("sqlite:///"))


# a desk that runs


def _of_running(settings: Settings, draft: Path, tell: Tell) -> dict[str, Any]:
    with Operator.of(settings) as desk, ThreadPoolExecutor(len(SERVICES)) as pool:
        id_, heads, stood = _one_cut(desk, pool)
        events = sum(head["sequence"] for head in heads.values())
        tell(f"Every store stood still for {stood * 1000:.0f} ms, at {events:,} events in all. The desk works on.")
        bodies = {name: {"id": id_, "path": str(files_in(draft)[name])} for name in SERVICES}
        copies = {name: pool.submit(desk.post, name, "/internal/backup/copy", bodies[name], timeout=None) for name in SERVICES}
        _wait(desk, copies, tell)
        for future in copies.values():
            future.result()
    return heads


def _one_cut(desk: Operator, pool: ThreadPoolExecutor) -> tuple[str, dict[str, Any], float]:
    """Hold all heads at once; return the backup's id, what the stores were then, and for how many seconds they were held.

    Raises Refusal when that cannot be done: a service is down, or the desk has too much to do to stand still in time.
    """
    for _ in range(_TRIES):
        id_ = uuid.uuid4().hex
        began = time.monotonic()
        holds = {name: pool.submit(desk.post, name, "/internal/backup/hold", {"id": id_}) for name in SERVICES}
        refused = [error for future in holds.values() if (error := future.exception()) is not None]
        there = [name for name, future in holds.items() if future.exception() is None]
        releases = {name: pool.submit(desk.post, name, "/internal/backup/release", {"id": id_}) for name in there}
        still = [future.exception() is None and future.result()["held"] for future in releases.values()]
        if all(still) and not refused:
            return id_, {name: future.result() for name, future in holds.items()}, time.monotonic() - began
        for name in there:
            with suppress(Refusal):  # where it was not held to the end it is gone already
                desk.post(name, "/internal/backup/drop", {"id": id_})
        if refused:
            raise refused[0]
        time.sleep(_PAUSE)
    raise Refusal("The desk could not stand still: a store was not held until all were.", "Try again when it has less to do.")


def _wait(desk: Operator, copies: "Mapping[str, Future[Any]]", tell: Tell) -> None:
    spoke = time.monotonic()
    while not all(future.done() for future in copies.values()):
        time.sleep(_LOOK)
        if time.monotonic() - spoke > _WORD_EVERY:
            spoke = time.monotonic()
            far = [_far(desk, name) for name, future in copies.items() if not future.done()]
            tell(f"Copying: {', '.join(word for word in far if word)}.")


def _far(desk: Operator, service: str) -> str:
    with suppress(Refusal):
        far = desk.get(service, "/internal/backup/copy")
        if far["total"]:
            return f"{service} {100 * far['done'] // far['total']} %"
    return service

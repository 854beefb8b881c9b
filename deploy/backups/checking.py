"""Is a set of stores what was written, and do they belong together? Nothing is written, not even beside the files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.pool import NullPool

from chassis.database import revision_of
from chassis.secrets import SecretLost
from chassis.settings import SERVICES
from chassis.signing import keyring_of, signer_of
from deploy.backups.manifest import Manifest, StoreEntry, sha256_of
from deploy.backups.services import all_declared, journal_keeper
from deploy.refusal import Refusal
from events import positions, tables
from events.store import SQLITE, log_head
from events.verify import Progress, Seen, StoreReport, verify_store

ERASED = "user.erased"


class Reader:
    """The stores of a directory, each a file that nobody writes."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """`files` are by service."""
        self._engines = {name: _engine(path) for name, path in files.items()}

    @contextmanager
    def read(self, service: str) -> Iterator[Connection]:
        """Open a connection for reading one of the stores."""
        with self._engines[service].connect() as connection:
            yield connection

    def seen(self, source: str) -> dict[str, Seen]:
        """Return what each of the stores has last consumed of a source."""
        found = {}
        for service in self._engines:
            with self.read(service) as connection:
                at = positions.load(connection, source)
            if at.sequence:
                found[service] = Seen(at.origin, at.sequence, at.hash)
        return found

    def erased(self) -> frozenset[str]:
        """Return the ids of everybody of whom a log says that they were erased."""
        found: set[str] = set()
        for service in self._engines:
            with self.read(service) as connection:
                subjects = connection.scalars(select(tables.events.c.subject).where(tables.events.c.type == ERASED))
                found.update(subject.partition("/")[2] for subject in subjects)
        return frozenset(found)

    def verify(self, service: str, keys: Sequence[str], erased: frozenset[str], progress: Progress | None = None) -> StoreReport:
        """Walk a store's log; the others' positions in it are what was seen of it."""
        return verify_store(
            lambda: self.read(service),
            source=f"/{service}",
            public_keys=keys,
            seen=self.seen(f"/{service}"),
            erased=lambda person, _sequence: person in erased,
            progress=progress,
        )

    def entry(self, service: str, file: Path, key: str) -> StoreEntry:
        """Return what a manifest says of a store."""
        with self.read(service) as connection:
            head = log_head(connection)
            consumed = positions.load_all(connection)
            revisions = {package: revision_of(connection, package) for package in ("chassis.migrations", f"{service}.migrations")}
        return StoreEntry(
            file=file.name,
            bytes=file.stat().st_size,
            sha256=sha256_of(file),
            source=head.source,
            origin=head.origin,
            sequence=head.sequence,
            hash=head.hash,
            key=key,
            revisions=revisions,
            consumed={at: {"origin": of.origin, "sequence": of.sequence, "hash": of.hash} for at, of in consumed.items()},
        )

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()


def _engine(path: Path) -> Engine:
    # immutable: nobody writes it, so neither a lock nor a write-ahead log is made beside it
    url = f"sqlite:///{path.absolute().as_uri()}?mode=ro&immutable=1&uri=true"
    engine = create_engine(url, module=SQLITE, poolclass=NullPool, hide_parameters=True)

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own transactions begin late

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


@contextmanager
def reading(files: Mapping[str, Path]) -> Iterator[Reader]:
    """Read stores that nobody writes, until the end of the block."""
    reader = Reader(files)
    try:
        yield reader
    finally:
        reader.close()


def keys_of(secrets_dir: Path, service: str) -> Sequence[str]:
    """Return the verifier keys of a service's checkpoints, the oldest first. Raises Refusal when its secret is missing or another's."""
    path = secrets_dir / f"signing-{service}"
    try:
        return keyring_of(secrets_dir, service, signer_of(service, path.read_text().strip())).all
    except SecretLost as error:
        raise Refusal(str(error)) from None
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: without it no checkpoint of {service} can be verified.", "Put it back from a backup.") from None


def check_stores(files: Mapping[str, Path], keys: Mapping[str, Sequence[str]], progress: Progress | None = None) -> dict[str, StoreReport]:
    """Verify every store from disk, then the journal against all of them, and return the reports.

    Raises Refusal for the first one that is not what was written.
    """
    reports = {}
    with reading(files) as reader:
        erased = reader.erased()
        for service in SERVICES:
            report = reports[service] = reader.verify(service, keys[service], erased, progress)
            if not report.ok:
                raise Refusal(f"The store of {service} is wrong at event {report.first_bad_sequence}: {report.reason}")
            with reader.read(service) as connection:
                said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if said != "ok":
                raise Refusal(f"The store of {service} is damaged: {said}.")
        keeper, journal = journal_keeper(all_declared())
        if (wrong := journal.wrong(lambda: reader.read(keeper), lambda person: person in erased, lambda: None)) is not None:
            raise Refusal(f"The journal is not what was written{f', at event {wrong[0]} of {keeper}' if wrong[0] else ''}: {wrong[1]}")
    return reports


def check_files(directory: Path, manifest: Manifest) -> None:
    """Compare every file of a backup with its manifest. Raises Refusal at the first that differs."""
    if missing := [name for name in SERVICES if name not in manifest.stores]:
        raise Refusal(f"The backup {directory} lacks the store of {', '.join(missing)}.")
    expected = {entry.file: entry.sha256 for entry in manifest.stores.values()}
    expected.update({f"secrets/{name}": digest for name, digest in manifest.secrets.items()})
    for name, digest in expected.items():
        path = directory / name
        if not path.is_file():
            raise Refusal(f"The backup {directory} lacks {name}.", "Take another backup.")
        if sha256_of(path) != digest:
            raise Refusal(f"{path} is not the file that was written: its SHA-256 differs from the manifest's.", "Take another backup.")


def files_in(directory: Path) -> dict[str, Path]:
    """Return where the stores of a directory are, by service."""
    return {name: directory / f"{name}.sqlite3" for name in SERVICES}

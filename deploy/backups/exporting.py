"""`ste export`: a desk as text, for another desk or for whoever wants to read it, whatever they run.

One file of events per service, a line each, as the bytes that are stored and served; the signed checkpoints beside them; the order in which
the journal has them; and, if that is asked for, what stands in no event. The stores are copied first, as for a backup, so that all of it is
one cut of a desk that works on.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from chassis.rewinding import JournalKeeper
from chassis.settings import SERVICES, Settings
from deploy.backups.checking import keys_of
from deploy.backups.cutting import staging
from deploy.backups.form import require_files, require_form
from deploy.backups.making import copy_desk, drafting, put_in_place, require_outside
from deploy.backups.manifest import Manifest, sha256_of
from deploy.backups.recording import copied_as, record
from deploy.backups.services import Declared, all_declared
from deploy.refusal import Refusal
from events import tables
from events.checkpoints import Signer
from events.cutting import sign_head
from events.files import sync
from events.store import read_log
from events.times import to_text

FORMAT, VERSION = "support-ticket-express export", 1
NAME = "desk.json"
_CHUNK = 500
KEPT_SECRETS = ("pepper", "login-hmac")
"""What the hashes of passwords, and the streams of failed sign-ins, cannot do without."""
_CHECKPOINTS = select(tables.checkpoints).order_by(tables.checkpoints.c.size)
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """`desk.json`. `stores` say, by service, {"source", "origin", "events", "hash", "keys", "consumed"}; `files` are SHA-256 by name."""

    made_at: str
    version: str
    journal: int
    stores: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    primary: bool
    format: str = FORMAT
    format_version: int = field(default=VERSION)

    @classmethod
    def read(cls, directory: Path) -> "Exported":
        """Return what an export says of itself. Raises Refusal when it is none, or when a file is not the one that was written."""
        try:
            found = json.loads((directory / NAME).read_text())
            if (found.get("format"), found.get("format_version")) != (FORMAT, VERSION):
                raise Refusal(f"{directory / NAME} is of another format, {found.get('format')} {found.get('format_version')}.")
            require_form(found)
            exported = cls(**found)
        except FileNotFoundError:
            raise Refusal(f"{directory} is no export: it has no {NAME}, which is written last.", "Export the desk again.") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Refusal(f"{directory / NAME} cannot be read: {error}.", "Export the desk again.") from None
        if missing := [name for name in SERVICES if name not in exported.stores]:
            raise Refusal(f"The export lacks the events of {', '.join(missing)}.")
        require_files(directory, exported.files, secrets=KEPT_SECRETS, primary=exported.primary)
        for name, digest in exported.files.items():
            if not (directory / name).is_file() or sha256_of(directory / name) != digest:
                raise Refusal(f"{directory / name} is not the file that was written.", "Export the desk again.")
        return exported


def export(settings: Settings, target: Path, tell: Tell, *, primary: bool) -> Exported:
    """Write the desk into `target` as text, which must not exist or be empty. `primary`: with what stands in no event.

    Raises Refusal, with nothing left behind.
    """
    target = target.expanduser().absolute()
    require_outside(settings, target)
    os.umask(0o077)
    with drafting(target) as draft, tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        copied = Path(scratch) / "stores"
        copied.mkdir(mode=0o700)
        manifest = copy_desk(settings, copied, tell)
        tell("Writing every event as a line.")
        exported = _write(copied, manifest, draft, primary=primary)
        record(settings, copied_as("export", exported.journal, draft / NAME, primary=primary), tell, running=manifest.running)
        put_in_place(draft, target)
    return exported


def _write(copied: Path, manifest: Manifest, draft: Path, *, primary: bool) -> Exported:
    services = all_declared()
    with staging(copied) as engines:
        for name, engine in engines.items():
            _vouch(engine, copied / "secrets" / f"signing-{name}", name)
            with engine.connect() as connection:
                _lines(draft / f"{name}.jsonl", _wires(connection))
                _lines(draft / f"{name}.checkpoints.jsonl", _json(dict(row) for row in connection.execute(_CHECKPOINTS).mappings()))
                if (journal := services[name].journal) is not None:
                    _lines(draft / "journal.jsonl", _json(_journal(journal, connection)))
                if primary:
                    _write_primary(services[name], connection, draft)
    if primary:
        for secret in KEPT_SECRETS:
            _lines(draft / "secrets" / secret, [(copied / "secrets" / secret).read_bytes()])
    files = {str(path.relative_to(draft)): sha256_of(path) for path in sorted(draft.rglob("*")) if path.is_file()}
    stores = {
        name: {
            "source": at.source,
            "origin": at.origin,
            "events": at.sequence,
            "hash": at.hash,
            "keys": list(keys_of(copied / "secrets", name)),
            "consumed": at.consumed,
        }
        for name, at in manifest.stores.items()
    }
    exported = Exported(
        made_at=to_text(datetime.now(UTC)), version=manifest.version, journal=manifest.journal, stores=stores, files=files, primary=primary
    )
    _lines(draft / NAME, [json.dumps(asdict(exported), indent=2).encode()])
    return exported


def _vouch(engine: Engine, secret: Path, name: str) -> None:
    """Let a signed checkpoint stand over the last event: whoever reads the export can hold all of it to that."""
    with engine.begin() as connection:
        sign_head(connection, Signer(bytes.fromhex(secret.read_text().strip()), f"ste-{name}"), datetime.now(UTC))


def _write_primary(declared: Declared, connection: Connection, draft: Path) -> None:
    for table in declared.rewind.PORTABLE:
        rows = connection.execution_options(yield_per=_CHUNK).execute(select(table).order_by(*table.primary_key)).mappings()
        _lines(draft / "primary" / f"{declared.service.name}.{table.name}.jsonl", _json(dict(row) for row in rows))


def _wires(connection: Connection) -> Iterator[bytes]:
    after = 0
    while found := read_log(connection, after, _CHUNK):
        for stored in found:
            yield stored.wire()
        after = found[-1].sequence


def _journal(journal: JournalKeeper, connection: Connection) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := journal.order(connection, after, _CHUNK):
        for position, source, sequence in rows:
            yield {"position": position, "source": source, "sequence": sequence}
        after = rows[-1][0]


def _json(items: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for item in items:
        yield json.dumps(item, ensure_ascii=False).encode()


def _lines(path: Path, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            file.write(b"\n")
    sync(path)


@contextmanager
def lines_of(path: Path) -> Iterator[Iterator[bytes]]:
    """Read a file line by line, without the line's end."""
    with path.open("rb") as file:
        yield (line.rstrip(b"\n") for line in file)

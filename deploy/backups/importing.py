"""`ste import desk`: an export becomes a desk again, in an empty data directory.

Every event is taken as the bytes that stand in the file, checked one by one against the chain, and stored; everything derived is made from
them by the services' own code. The logs go on under new origins and the new desk's own keys, and say so with `store.restored`.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, update

from chassis.offline import offline
from chassis.settings import Settings
from deploy.backups import switching
from deploy.backups.cutting import Engines, staging
from deploy.backups.exporting import KEPT_SECRETS, Exported, Tell, lines_of
from deploy.backups.form import reading_of, row_of, without_rows
from deploy.backups.former import Former
from deploy.backups.making import require_sqlite
from deploy.backups.restoring import Outcome, place_desk, require_own_places, verified
from deploy.backups.services import Declared, all_declared, journal_keeper
from deploy.backups.taking import taking
from deploy.refusal import Refusal
from events.checkpoints import Checkpoint, checkpoint_origin, verify_note
from events.envelope import COLUMNS, ZERO_HASH, StoredEvent, from_wire
from events.ledger import Frontier, leaf_hash
from events.store import read_log
from events.tables import consumed, events, head, origins

_CHUNK, _LARGEST = 500, 2_000_000
"""Lines that are taken in at once, and their bytes: an event may have 32 kB of words."""
_EVENTS = 100
"""Whole ones, that are read or written at once."""
_NOBODY_TELLS = (
    "No desk was here that could tell who was erased since the export: if anybody was, make the directory empty and import it again with "
    "--erasures FILE."
)
_SECRET = re.compile("[0-9a-f]{64}")


def import_desk(settings: Settings, source: Path, tell: Tell, *, keys: Sequence[str] = (), erased: frozenset[str] | None = None) -> Outcome:
    """Make a desk of an export. Raises Refusal, and has then changed nothing.

    `keys` are verifier keys that are trusted: one of them must have signed the last checkpoint of every log. Without any the export vouches
    for its own. `erased` are ids of people who were erased since it was made; None: nobody has said.
    """
    require_sqlite(settings)
    require_own_places(settings)
    os.umask(0o077)
    source = source.expanduser().absolute()
    exported = Exported.read(source)
    with taking(settings):
        if switching.begun(settings.data_dir) or (there := switching.present(settings.data_dir)):
            what = "an interrupted restore" if switching.begun(settings.data_dir) else f"a desk: {', '.join(there)}"
            raise Refusal(f"There is {what} in {settings.data_dir}.", "Import into another directory: STE_DATA_DIR=…")
        staged = settings.data_dir / switching.STAGED
        shutil.rmtree(staged, ignore_errors=True)
        try:
            vouched = _fill(settings, staged, source, exported, tell, keys=keys)
            gone = place_desk(settings, staged, Former(), tell, afresh=True, erased=erased or frozenset())
            tell("Verifying what was imported.")
            reports = verified(staged)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        switching.begin(settings.data_dir, None)
        switching.end(settings.data_dir)
    return Outcome(reports=reports, erased=gone, vouched=vouched, hints=() if erased is not None else (_NOBODY_TELLS,))


def _fill(settings: Settings, staged: Path, source: Path, exported: Exported, tell: Tell, *, keys: Sequence[str]) -> Mapping[str, str]:
    services = all_declared()
    (staged / "secrets").mkdir(parents=True, mode=0o700)
    for name in KEPT_SECRETS:
        if f"secrets/{name}" in exported.files:
            (staged / "secrets" / name).write_text(_secret(source / "secrets" / name))
    if exported.primary and (without := without_rows(services, exported.files)):
        tell(f"The export has no rows of {', '.join(without)}: the release that wrote it had none.")
    asyncio.run(_make_stores(services.values(), settings.model_copy(update={"data_dir": staged})))
    with staging(staged) as engines:
        logs = {name: _Log(name, exported, keys) for name in services}
        for name, engine in engines.items():
            tell(f"Taking in the events of {name}.")
            with engine.begin() as connection:
                logs[name].take(connection, source)
        for name in services:
            with engines[name].begin() as connection:
                _stand(connection, exported.stores[name]["consumed"], logs)
        _write_journal(services, engines, source, exported)
        for name, declared in services.items():
            with engines[name].begin() as connection:
                _take_primary(declared, connection, source, exported)
                declared.rewind.adopt(connection)
    return {name: log.vouched_by for name, log in logs.items() if log.vouched_by}


def _secret(path: Path) -> str:
    with reading_of(str(path)):
        text = path.read_text().strip()
        if not _SECRET.fullmatch(text):
            raise ValueError("it is no secret")
    return text


async def _make_stores(services: Iterable[Declared], inside: Settings) -> None:
    """Make empty stores of today's schema, and the secrets that are not there."""
    for declared in services:
        async with offline(declared.service, inside):
            pass


def _portions(lines: Iterable[bytes], most: int = _CHUNK) -> Iterator[list[bytes]]:
    """Yield the lines, at most so many at a time, and fewer long ones: memory stays the same however many and however long they are."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        some.append(line)
        size += len(line)
        if len(some) >= most or size >= _LARGEST:
            yield some
            some, size = [], 0
    if some:
        yield some


class _Log:
    """The log of one service while it is taken in: its chain, its tree, and which origin held it from where on."""

    def __init__(self, name: str, exported: Exported, trusted: Sequence[str]) -> None:
        """`trusted` keys are those of which one must have signed the last checkpoint; of none, any that the export names."""
        self.name, self._said, self._trusted = name, exported.stores[name], trusted
        self.vouched_by = ""
        self._hash, self._frontier = ZERO_HASH, Frontier()
        self._last: StoredEvent | None = None
        self.changes: list[tuple[int, str]] = []

    def take(self, connection: Connection, source: Path) -> None:
        """Store every event of the file. Raises Refusal at the first that does not follow, or at a checkpoint that vouches for others."""
        with lines_of(source / f"{self.name}.jsonl") as lines, lines_of(source / f"{self.name}.checkpoints.jsonl") as notes:
            vouched, last = self._notes(notes), None
            due = next(vouched, None)
            for some in ([self._follow(line) for line in portion] for portion in _portions(lines)):
                connection.execute(insert(events), [{name: getattr(event, name) for name in COLUMNS} for event in some])
                for event in some:
                    self._frontier.append(leaf_hash(event.hash))
                    if due is not None and event.sequence == due[0].size:
                        self._hold_to(due[0], event.origin)
                        last, due = due, next(vouched, None)
        if (self._frontier.size, self._hash) != (self._said["events"], self._said["hash"]):
            raise Refusal(f"{self.name}.jsonl ends at event {self._frontier.size}, and not at the last one that was exported.")
        self._require_whole(last)
        values: dict[str, Any] = {"sequence": self._frontier.size, "hash": self._hash, "tree": self._frontier.dump()}
        if self._last is not None:
            values |= {"origin": self._last.origin, "recordedtime": self._last.recordedtime}
        connection.execute(update(head).values(batch=head.c.batch + 1, **values))

    def _notes(self, lines: Iterator[bytes]) -> Iterator[tuple[Checkpoint, str]]:
        for line in lines:
            try:
                note = json.loads(line)["note"]
                yield Checkpoint.parse(verify_note(note, [*self._said["keys"], *self._trusted])), note
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise Refusal(f"A checkpoint of {self.name} is not valid: {error}") from None

    def _hold_to(self, checkpoint: Checkpoint, origin: str) -> None:
        if (checkpoint.origin, checkpoint.root) != (checkpoint_origin(self.name, origin), self._frontier.root()):
            raise Refusal(f"The events of {self.name} up to {checkpoint.size} are not those that its signed checkpoint vouches for.")

    def _require_whole(self, last: tuple[Checkpoint, str] | None) -> None:
        """Hold all of the log to a signature: the tree under the last checkpoint has every event before it."""
        if (reached := last[0].size if last else 0) != self._frontier.size:
            raise Refusal(
                f"The signed checkpoints of {self.name} reach event {reached} of {self._frontier.size}: nothing vouches for the rest.",
                "An export ends with a checkpoint over its last event: export the desk again.",
            )
        if last is not None:
            signed = [key for key in (*self._trusted, *self._said["keys"]) if _has_signed(key, last[1])]
            self.vouched_by = signed[0]
            if self._trusted and self.vouched_by not in self._trusted:
                raise Refusal(
                    f"The last checkpoint of {self.name} is signed by {self.vouched_by}, which is none of the keys that you gave.",
                    "Compare it with the key that the desk shows, and give one for each log.",
                )

    def _follow(self, line: bytes) -> StoredEvent:
        sequence = self._last.sequence + 1 if self._last is not None else 1
        try:
            event = from_wire(line)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refusal(f"Line {sequence} of {self.name}.jsonl is not the event that was exported: {error}") from None
        if (event.sequence, event.prevhash, event.source) != (sequence, self._hash, f"/{self.name}"):
            raise Refusal(f"Line {sequence} of {self.name}.jsonl does not follow from the one before it.")
        if self._last is None or event.origin != self._last.origin:
            self.changes.append((event.sequence, event.origin))
        self._hash, self._last = event.hash, event
        return event


def _has_signed(key: str, note: str) -> bool:
    try:
        verify_note(note, [key])
    except ValueError:
        return False
    return True


def _stand(connection: Connection, positions: Mapping[str, Mapping[str, Any]], logs: Mapping[str, _Log]) -> None:
    """Let consumers stand where they stood."""
    for source, at in positions.items():
        connection.execute(insert(consumed), {"source": source, **at})
        for first, origin in logs[source.strip("/")].changes:
            if first <= at["sequence"]:
                connection.execute(insert(origins), {"source": source, "first_sequence": first, "origin": origin})


def _write_journal(services: Mapping[str, Declared], engines: Engines, source: Path, exported: Exported) -> None:
    """Write the journal in its order; each source's events stand in it in theirs, so every log is read once."""
    keeper, journal = journal_keeper(services)
    logs = {f"/{name}": _in_order(engine) for name, engine in engines.items() if name != keeper}
    with reading_of("journal.jsonl"), lines_of(source / "journal.jsonl") as lines, engines[keeper].begin() as connection:
        logs[f"/{keeper}"] = _in_order_of(connection)
        count = 0
        for some in ([json.loads(line) for line in portion] for portion in _portions(lines, _EVENTS)):
            journal.write(connection, [(entry["position"], _named(entry, count + number, logs)) for number, entry in enumerate(some, 1)])
            count += len(some)
    if count != exported.journal:
        raise Refusal(f"journal.jsonl has {count} lines, and not the {exported.journal} that were exported.")


def _named(entry: Mapping[str, Any], position: int, logs: Mapping[str, Iterator[StoredEvent]]) -> StoredEvent:
    event = next(logs[entry["source"]], None)
    if event is None or (entry["position"], entry["sequence"]) != (position, event.sequence):
        raise Refusal(f"Line {position} of journal.jsonl is out of order: it names event {entry['sequence']} of {entry['source']}.")
    return event


def _in_order(engine: Engine) -> Iterator[StoredEvent]:
    with engine.begin() as connection:
        yield from _in_order_of(connection)


def _in_order_of(connection: Connection) -> Iterator[StoredEvent]:
    after = 0
    while found := read_log(connection, after, _EVENTS):
        yield from found
        after = found[-1].sequence


def _take_primary(declared: Declared, connection: Connection, source: Path, exported: Exported) -> None:
    for table in declared.rewind.PORTABLE:
        name = f"primary/{declared.service.name}.{table.name}.jsonl"
        if name in exported.files:
            with reading_of(name), lines_of(source / name) as lines:
                for some in ([row_of(table, line) for line in portion] for portion in _portions(lines)):
                    connection.execute(insert(table), some)

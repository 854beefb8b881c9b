"""Logs written by hand, without the writer: what `verify` says of them rests on nothing but the contract's own words."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, create_engine, insert, text

from events import tables
from events.checkpoints import Checkpoint, Signer, checkpoint_body, checkpoint_origin
from events.envelope import ZERO_HASH, StoredEvent, attributes_of, canonical, chain, digest, head_of, personal_digest
from events.ledger import Frontier, leaf_hash
from events.notes import open_note
from events.times import to_text

SOURCE = "/tickets"
ORIGIN = str(UUID(int=1))
START = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
SIGNER = Signer(bytes(range(32)), "ste/tickets")


@dataclass
class Log:
    """A growing log: `add` events, `sign` checkpoints, then `write` it into an empty store."""

    source: str = SOURCE
    origin: str = ORIGIN
    events: list[StoredEvent] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    versions: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        subject: str = "ticket/1",
        type_: str = "ticket.status_changed",
        data: Mapping[str, Any] | None = None,
        personal: Mapping[str, Any] | None = None,
        **attributes: Any,
    ) -> StoredEvent:
        """Append an event; `attributes` replace those of its head."""
        sequence = len(self.events) + 1
        version = self.versions[subject] = self.versions.get(subject, 0) + 1
        data_bytes = canonical(dict(data or {"n": sequence}))
        personal_bytes = None if personal is None else canonical(dict(personal))
        salt = None if personal is None else sha256(str(sequence).encode()).hexdigest()[:32]
        moment = to_text(START + timedelta(milliseconds=sequence))
        head = head_of(
            {
                "sequence": sequence,
                "id": str(UUID(int=sequence, version=4)),
                "source": self.source,
                "origin": self.origin,
                "type": type_,
                "dataversion": 1,
                "subject": subject,
                "streamversion": version,
                "time": moment,
                "recordedtime": moment,
                "actorkind": "user",
                "actorid": "anna",
                "correlationid": str(UUID(int=sequence + 2**64)),
                "datadigest": digest(data_bytes),
                "personaldigest": None if personal_bytes is None else personal_digest(salt, personal_bytes),
                "personalof": None if personal is None else "anna",
                **attributes,
            }
        )
        stored = StoredEvent(
            **attributes_of(head),
            traceparent=None,
            head=head,
            data=data_bytes,
            personal=personal_bytes,
            salt=salt,
            prevhash=self.hash,
            hash=chain(self.hash, head),
        )
        self.events.append(stored)
        self.frontier.append(leaf_hash(stored.hash))
        return stored

    @property
    def hash(self) -> str:
        return self.events[-1].hash if self.events else ZERO_HASH

    def sign(self, signer: Signer = SIGNER, time: str | None = "") -> None:
        """Write a checkpoint over what is there, signed when its last event was stored; with None for a time as older versions did."""
        size = len(self.events)
        time = (self.events[-1].recordedtime if self.events else to_text(START)) if time == "" else time
        body = checkpoint_body(checkpoint_origin(self.source, self.origin), size, self.frontier.root(), time)
        self.notes.append((size, signer.sign(body)))

    def time_of(self, note: str) -> str:
        """Return what stands beside a checkpoint."""
        checkpoint = Checkpoint.parse(open_note(note)[0])
        return checkpoint.time or self.events[checkpoint.size - 1].recordedtime

    def write(self, engine: Engine) -> None:
        """Make the store's tables and fill them."""
        tables.LOG.create_all(engine)
        with engine.begin() as connection:
            if self.events:
                connection.execute(insert(tables.events), [stored._asdict() for stored in self.events])
            if self.notes:
                rows = [{"size": size, "note": note, "time": self.time_of(note)} for size, note in self.notes]
                connection.execute(insert(tables.checkpoints), rows)
            connection.execute(
                insert(tables.head),
                {
                    "id": 1,
                    "source": self.source,
                    "origin": self.origin,
                    "sequence": len(self.events),
                    "hash": self.hash,
                    "tree": self.frontier.dump(),
                    "recordedtime": self.events[-1].recordedtime if self.events else to_text(START),
                    "batch": 1,
                },
            )


class Disk:
    """A store's file, as somebody who has the disk can read and change it."""

    def __init__(self, path: Path) -> None:
        self.engine = create_engine(f"sqlite:///{path}")

    def connect(self) -> AbstractContextManager[Connection]:
        return self.engine.connect()

    def change(self, statement: str, **values: Any) -> None:
        """Run a statement that no part of the desk would run."""
        with self.engine.begin() as connection:
            assert connection.execute(text(statement), values).rowcount > 0, "it changed nothing"

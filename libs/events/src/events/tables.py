"""The tables that every event-sourced store has: the log, the consumers' positions, and the housekeeping of the writer."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

LOG = MetaData()

Sequence = BigInteger().with_variant(Integer, "sqlite")
"""An integer key. SQLite makes only an INTEGER PRIMARY KEY the row's own id, which needs no second index."""
Moment = String(27).with_variant(String(27, collation="C"), "postgresql")
"""A time as `events.times.to_text` writes it; compared byte by byte, so that the order of texts is the order of times."""
Hash = String(64)

events = Table(
    "events",
    LOG,
    Column("sequence", Sequence, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("source", String(64), nullable=False),
    Column("origin", String(36), nullable=False),
    Column("type", String(64), nullable=False),
    Column("dataversion", Integer, nullable=False),
    Column("subject", String(140), nullable=False),
    Column("streamversion", BigInteger, nullable=False),
    Column("time", Moment, nullable=False),
    Column("recordedtime", Moment, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("actorkind", String(16), nullable=False),
    Column("actorid", String(64), nullable=False),
    Column("tokenid", String(64)),
    Column("correlationid", String(64)),
    Column("causationid", String(64)),
    Column("datadigest", Hash, nullable=False),
    Column("personaldigest", Hash),
    Column("personalof", String(64)),
    Column("traceparent", String(64)),
    Column("head", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("personal", LargeBinary),
    Column("salt", String(32)),
    Column("prevhash", Hash, nullable=False),
    Column("hash", Hash, nullable=False),
    UniqueConstraint("subject", "streamversion", name="one_event_per_version"),
)

head = Table(
    "head",
    LOG,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("origin", String(36), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", Hash, nullable=False),
    Column("tree", LargeBinary, nullable=False),  # the roots of the perfect subtrees, largest first
    Column("recordedtime", Moment, nullable=False),
    Column("batch", BigInteger, nullable=False),
)

batches = Table(
    "batches", LOG, Column("batch", Sequence, primary_key=True, autoincrement=False), Column("token", String(32), nullable=False)
)

checkpoints = Table(
    "checkpoints",
    LOG,
    Column("size", Sequence, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("time", Moment, nullable=False),
)

counters = Table("counters", LOG, Column("name", String(64), primary_key=True), Column("value", BigInteger, nullable=False))

projections = Table(
    "projections",
    LOG,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("error", Text),
)

consumed = Table(
    "consumed",
    LOG,
    Column("source", String(64), primary_key=True),
    Column("origin", String(36), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", Hash, nullable=False),
)

origins = Table(
    "origins",
    LOG,
    Column("source", String(64), primary_key=True),
    Column("first_sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", String(36), nullable=False),
)

parked = Table(
    "parked",
    LOG,
    Column("source", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", String(140), nullable=False),
    Column("type", String(64), nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Moment),  # null: it waits behind another of its subject, or for an operator
    Column("error", Text, nullable=False),
    Column("parked_at", Moment, nullable=False),
    Index("parked_by_subject", "source", "subject", "sequence"),
    Index("parked_by_time", "next_at"),
)

leases = Table(
    "leases",
    LOG,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("until", Moment, nullable=False),
)

"""The chassis' own tables in every store. Both are primary data; `chassis.migrations` makes them."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from events.tables import Moment

CHASSIS = MetaData()

KEPT = Table(
    "kept_answers",
    CHASSIS,
    Column("id", String(64), primary_key=True),  # SHA-256 of caller, method, path and key
    Column("request", String(64), nullable=False),  # SHA-256 of the body
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON: [[name, value], …]
    Column("body", LargeBinary, nullable=False),
    Column("kept_at", Moment, nullable=False),
    Index("kept_answers_by_time", "kept_at"),
)

QUOTAS = Table(
    "quotas",
    CHASSIS,
    Column("bucket", String(200), primary_key=True),
    Column("spent", Integer, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Index("quotas_by_time", "ends_at"),
)

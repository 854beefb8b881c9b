"""The notifier's own tables, beside the log.

Primary: what people were told and have read, how they want to be told, and the jobs that do the telling. Derived: people, as auth tells of
them.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, text

from events.tables import Moment, Sequence

PRIMARY = MetaData()
DERIVED = MetaData()

notifications = Table(
    "notifications",
    PRIMARY,
    Column("position", Sequence, primary_key=True),  # in the order of commits: nothing is ever written below what a reader has seen
    Column("id", String(36), nullable=False, unique=True),
    Column("recipient", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("ticket", BigInteger, nullable=False),
    Column("event", String(36), nullable=False),  # that it follows from
    Column("actor", String(64)),  # null: the desk itself
    Column("other", String(64)),
    Column("facts", Text, nullable=False),  # JSON
    Column("created_at", Moment, nullable=False),
    Column("read_at", Moment),
)
Index("notifications_of", notifications.c.recipient, notifications.c.position)
_unread = text("read_at IS NULL")
Index("notifications_unread", notifications.c.recipient, notifications.c.position, sqlite_where=_unread, postgresql_where=_unread)
_read = text("read_at IS NOT NULL")
Index("notifications_read", notifications.c.recipient, notifications.c.position, sqlite_where=_read, postgresql_where=_read)
Index("notifications_of_kind", notifications.c.recipient, notifications.c.kind, notifications.c.position)

inboxes = Table(
    "inboxes",
    PRIMARY,
    Column("recipient", String(64), primary_key=True),
    Column("unread", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False, unique=True),  # numbers all changes of all inboxes: what an open stream follows
)

preferences = Table(
    "preferences",
    PRIMARY,
    Column("person", String(64), primary_key=True),
    Column("email", Boolean, nullable=False),
)

jobs = Table(
    "jobs",
    PRIMARY,
    Column("id", String(36), primary_key=True),  # a UUIDv7, so that the order of ids is the order of time
    Column("type", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("run_at", Moment, nullable=False),
    Column("last_error", Text),
    Column("dedupe_key", String(160), nullable=False, unique=True),  # event, recipient, channel
    Column("recipient", String(64)),  # null: all admins
    Column("notification", String(36)),
    Column("notice", Text),  # JSON: what is to be told, where there is no notification yet
    Column("claim", String(36)),
    Column("claimed_until", Moment),
    Column("sending", Boolean, nullable=False),  # something may have left the house under this claim
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
)
Index("jobs_due", jobs.c.status, jobs.c.run_at)
Index("jobs_by_status", jobs.c.status, jobs.c.id)
Index("jobs_by_type", jobs.c.type, jobs.c.id)
PROCESSING = text("status = 'processing'")  # as text: a partial index is used only where its condition stands literally
Index("jobs_claimed", jobs.c.claimed_until, sqlite_where=PROCESSING, postgresql_where=PROCESSING)

people = Table(
    "people",
    DERIVED,
    Column("id", String(64), primary_key=True),
    Column("name", Text),  # null: erased, or not heard of yet
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("can_sign_in", Boolean, nullable=False),
)
ADMIN = text("role = 'admin'")
Index("people_admins", people.c.id, sqlite_where=ADMIN, postgresql_where=ADMIN)

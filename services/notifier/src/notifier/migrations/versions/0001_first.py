"""The log, what people are told, and the jobs that do the telling."""

import sqlalchemy as sa
from alembic import op

from events.migrations import create_log
from events.tables import Moment, Sequence

revision = "notifier_0001"
down_revision = None
branch_labels = None
depends_on = None

_UNREAD = sa.text("read_at IS NULL")
_PROCESSING = sa.text("status = 'processing'")


def upgrade() -> None:
    create_log(op)
    _create_inboxes()
    _create_jobs()


def _create_inboxes() -> None:
    op.create_table(
        "notifications",
        sa.Column("position", Sequence, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("ticket", sa.BigInteger, nullable=False),
        sa.Column("event", sa.String(36), nullable=False),
        sa.Column("actor", sa.String(64)),
        sa.Column("other", sa.String(64)),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("read_at", Moment),
    )
    place = ["recipient", "position"]
    op.create_index("notifications_of", "notifications", place)
    op.create_index("notifications_unread", "notifications", place, sqlite_where=_UNREAD, postgresql_where=_UNREAD)
    op.create_table(
        "inboxes",
        sa.Column("recipient", sa.String(64), primary_key=True),
        sa.Column("unread", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False, unique=True),
    )
    op.create_table(
        "preferences",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("email", sa.Boolean, nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("run_at", Moment, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("dedupe_key", sa.String(160), nullable=False, unique=True),
        sa.Column("recipient", sa.String(64)),
        sa.Column("notification", sa.String(36)),
        sa.Column("notice", sa.Text),
        sa.Column("claim", sa.String(36)),
        sa.Column("claimed_until", Moment),
        sa.Column("sending", sa.Boolean, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
    )
    op.create_index("jobs_due", "jobs", ["status", "run_at"])
    op.create_index("jobs_by_status", "jobs", ["status", "id"])
    op.create_index("jobs_by_type", "jobs", ["type", "id"])
    op.create_index("jobs_claimed", "jobs", ["claimed_until"], sqlite_where=_PROCESSING, postgresql_where=_PROCESSING)


def downgrade() -> None:
    for table in ("jobs", "preferences", "inboxes", "notifications"):
        op.drop_table(table)

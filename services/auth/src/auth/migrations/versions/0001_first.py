"""The log, and how people prove who they are."""

import sqlalchemy as sa
from alembic import op

from auth.tables import Key
from events.migrations import create_log
from events.tables import Hash, Moment

revision = "auth_0001"
down_revision = None
branch_labels = None
depends_on = None

_NOT_ENDED = sa.text("ended_at IS NULL")
_NOT_REVOKED = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    create_log(op)
    op.create_table(
        "credentials",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("email_key", Key, nullable=False, unique=True),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("hash", sa.String(60)),
        sa.Column("changed_at", Moment, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("digest", Hash, nullable=False, unique=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_seen_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
    )
    for name, columns in (
        ("sessions_by_user", ["user_id", "id"]),
        ("sessions_by_last_seen", ["last_seen_at"]),
        ("sessions_by_creation", ["created_at"]),
    ):
        op.create_index(name, "sessions", columns, sqlite_where=_NOT_ENDED, postgresql_where=_NOT_ENDED)
    op.create_index("sessions_by_end", "sessions", ["ended_at"])
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("digest", Hash, nullable=False, unique=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("last_used_at", Moment),
        sa.Column("revoked_at", Moment),
    )
    op.create_index("api_tokens_by_expiry", "api_tokens", ["expires_at"])
    op.create_index("api_tokens_by_user", "api_tokens", ["user_id", "id"], sqlite_where=_NOT_REVOKED, postgresql_where=_NOT_REVOKED)


def downgrade() -> None:
    for table in ("api_tokens", "sessions", "credentials"):
        op.drop_table(table)

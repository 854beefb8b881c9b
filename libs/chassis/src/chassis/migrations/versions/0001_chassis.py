"""Kept answers and quotas."""

import sqlalchemy as sa
from alembic import op

from events.tables import Moment

revision = "chassis_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_answers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", Moment, nullable=False),
    )
    op.create_index("kept_answers_by_time", "kept_answers", ["kept_at"])
    op.create_table(
        "quotas",
        sa.Column("bucket", sa.String(200), primary_key=True),
        sa.Column("spent", sa.Integer, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
    )
    op.create_index("quotas_by_time", "quotas", ["ends_at"])


def downgrade() -> None:
    op.drop_table("quotas")
    op.drop_table("kept_answers")

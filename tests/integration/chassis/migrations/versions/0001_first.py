"""The log, and what the listening half of the demonstration writes down."""

import sqlalchemy as sa
from alembic import op

from events.migrations import create_log

revision, down_revision = "demo_0001", None


def upgrade() -> None:
    create_log(op)
    op.create_table("heard", sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("subject", sa.String(140), nullable=False))

"""The log, and how far a change of the policies has come."""

import sqlalchemy as sa
from alembic import op

from events.migrations import create_log

revision = "escalator_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_log(op)
    op.create_table(
        "settling",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("after", sa.BigInteger, nullable=False),
    )

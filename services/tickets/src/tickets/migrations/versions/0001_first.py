"""The log, the journal and the last verification."""

import sqlalchemy as sa
from alembic import op

from events.migrations import create_log
from events.tables import Moment, Sequence

revision = "tickets_0001"
down_revision = None
branch_labels = None
depends_on = None

_OF_PEOPLE = sa.text("type IN ('user.registered', 'user.role_changed', 'user.deactivated', 'user.reactivated', 'user.erased')")


def upgrade() -> None:
    create_log(op)
    op.create_table(
        "journal",
        sa.Column("position", Sequence, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(140), nullable=False),
        sa.Column("time", Moment, nullable=False),
        sa.Column("wire", sa.LargeBinary),
        sa.UniqueConstraint("source", "sequence", name="one_place_in_the_journal"),
    )
    op.create_index("journal_of_people", "journal", ["position"], sqlite_where=_OF_PEOPLE, postgresql_where=_OF_PEOPLE)
    op.create_table(
        "verifications",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("checked_at", Moment, nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
    )

"""Tiles of the tree, what was witnessed of others, and the cosignatures of our own checkpoints."""

import sqlalchemy as sa
from alembic import op

from events.tables import Hash, Moment, Sequence

revision = "chassis_0002"
down_revision = "chassis_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tiles",
        sa.Column("number", Sequence, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "watched",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("origin", sa.String(36), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", Hash, nullable=False),
        sa.Column("seen_sequence", sa.BigInteger, nullable=False),
        sa.Column("seen_hash", Hash, nullable=False),
        sa.Column("checked_at", Moment, nullable=False),
        sa.Column("alarm", sa.Text),
        sa.Column("evidence", sa.Text),
    )
    op.create_table(
        "witnessed",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("origin", sa.String(36), primary_key=True),
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", Hash, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("time", Moment, nullable=False),
    )
    op.create_table(
        "cosignatures",
        sa.Column("checkpoint", Hash, primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
    op.create_index("cosignatures_by_size", "cosignatures", ["size"])


def downgrade() -> None:
    for name in ("cosignatures", "witnessed", "watched", "tiles"):
        op.drop_table(name)

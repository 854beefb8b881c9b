"""Which rows of imported history are in."""

import sqlalchemy as sa
from alembic import op

revision = "tickets_0002_imported"
down_revision = "tickets_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_rows",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("number", sa.String(200), primary_key=True),
        sa.Column("row_key", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("ticket", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("imported_rows")

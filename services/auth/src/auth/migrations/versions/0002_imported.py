"""Whom an import has opened accounts for."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0002_imported"
down_revision = "auth_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_people",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("name_digest", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("imported_people")

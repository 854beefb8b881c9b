"""Who was erased, and how far this store is with that."""

import sqlalchemy as sa
from alembic import op

from events.tables import Moment, Sequence

revision = "chassis_0003"
down_revision = "chassis_0002"
branch_labels = None
depends_on = None

_UNDER_WAY = sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("number", Sequence, primary_key=True),
        sa.Column("person", sa.String(64), nullable=False, unique=True),
        sa.Column("since", Moment, nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("position", sa.String(140), nullable=False),
        sa.Column("blanked", sa.Text, nullable=False),
        sa.Column("done_at", Moment),
    )
    op.create_index("erasures_under_way", "erasures", ["number"], sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY)


def downgrade() -> None:
    op.drop_table("erasures")

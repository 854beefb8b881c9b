"""How people prove with a second thing who they are."""

import sqlalchemy as sa
from alembic import op

from events.tables import Hash, Moment

revision = "auth_0003_two_factor"
down_revision = "auth_0002_imported"
branch_labels = None
depends_on = None

_PENDING = sa.text("enabled_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "two_factor",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("begun_at", Moment, nullable=False),
        sa.Column("enabled_at", Moment),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_index("two_factor_by_beginning", "two_factor", ["begun_at"], sqlite_where=_PENDING, postgresql_where=_PENDING)
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("digest", Hash, primary_key=True),
    )
    op.create_table(
        "login_challenges",
        sa.Column("digest", Hash, primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("tries", sa.SmallInteger, nullable=False),
    )
    op.create_index("login_challenges_by_user", "login_challenges", ["user_id"])
    op.create_index("login_challenges_by_expiry", "login_challenges", ["expires_at"])


def downgrade() -> None:
    for table in ("login_challenges", "recovery_codes", "two_factor"):
        op.drop_table(table)

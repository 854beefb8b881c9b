"""The inbox by kind, and what of it is read: each without a walk through the rest."""

import sqlalchemy as sa
from alembic import op

revision = "notifier_0002_inbox_filters"
down_revision = "notifier_0001"
branch_labels = None
depends_on = None

_READ = sa.text("read_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("notifications_read", "notifications", ["recipient", "position"], sqlite_where=_READ, postgresql_where=_READ)
    op.create_index("notifications_of_kind", "notifications", ["recipient", "kind", "position"])


def downgrade() -> None:
    op.drop_index("notifications_of_kind", "notifications")
    op.drop_index("notifications_read", "notifications")

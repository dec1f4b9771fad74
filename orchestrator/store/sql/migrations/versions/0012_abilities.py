"""What workers can do is as long as it is: a row is found by a hash of it. Workers say it again within a minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table anew, empty."""
    op.drop_table("workers")
    op.create_table(
        "workers",
        sa.Column("machine", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("can", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )

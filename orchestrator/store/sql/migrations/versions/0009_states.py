"""The state directory that a store's jobs are worked on in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "states",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
    )

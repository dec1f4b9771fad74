"""People whom an issuer of OpenID Connect tells apart, and which users they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(512), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("user", name="uq_identities_user"),
    )

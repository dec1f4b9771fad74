"""Budgets in tokens, by day and by user; and what became of attempts, for choosing agents by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, and the table."""
    op.add_column("tickets", sa.Column("filer", sa.String(255)))
    op.create_index("ix_tickets_filer", "tickets", ["filer"])
    op.add_column("jobs", sa.Column("tokens", sa.Integer))
    op.add_column("ledger", sa.Column("attempt", sa.Integer))
    op.add_column("ledger", sa.Column("reserved_tokens", sa.Integer))
    op.create_index("ix_ledger_at", "ledger", ["at"])
    op.create_table(
        "outcomes",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.number"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("repository", sa.LargeBinary, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("kind", sa.String(128), nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("ix_outcomes_at", "outcomes", ["at"])

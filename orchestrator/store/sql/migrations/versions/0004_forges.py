"""Forges: what was delivered, which thread has which ticket, pull requests, and what is to be done there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "forge_deliveries",
        sa.Column("forge", sa.String(64), primary_key=True),
        sa.Column("delivery", sa.String(128), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("ix_forge_deliveries_at", "forge_deliveries", ["at"])
    _threads()
    _steps()


def _threads() -> None:
    op.create_table(
        "forge_threads",
        sa.Column("forge", sa.String(64), primary_key=True),
        sa.Column("repository", sa.String(255), primary_key=True),
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("ticket", sa.String(32), sa.ForeignKey("tickets.id")),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("filer", sa.String(255), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("told", sa.Integer),
        sa.Column("held_until", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("ticket", name="uq_forge_threads_ticket"),
    )
    op.create_table(
        "forge_pulls",
        sa.Column("ticket", sa.String(32), sa.ForeignKey("tickets.id"), primary_key=True),
        sa.Column("forge", sa.String(64), nullable=False),
        sa.Column("repository", sa.String(255), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("number", sa.String(64)),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("pushed", sa.String(64)),
        sa.Column("rounds", sa.Integer, nullable=False),
        sa.Column("blocked", sa.Text, nullable=False),
        sa.Column("left", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("forge", "repository", "branch", name="uq_forge_pulls_forge"),
    )


def _steps() -> None:
    op.create_table(
        "forge_steps",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("forge", sa.String(64), nullable=False),
        sa.Column("repository", sa.String(255), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("ticket", sa.String(32)),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("held_until", sa.Float),
        sa.Column("begun", sa.String(32), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("key", name="uq_forge_steps_key"),
    )
    op.create_index("ix_forge_steps_ticket", "forge_steps", ["ticket"])
    op.create_index("ix_forge_steps_open_due_at", "forge_steps", ["open", "due_at"])

"""Reviews: what people say and decide, who they are, and what they did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    _reviews()
    _decisions()
    _people()


def _reviews() -> None:
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("ticket", sa.String(32), sa.ForeignKey("tickets.id"), nullable=False),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("path", sa.LargeBinary),
        sa.Column("line", sa.Integer),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("sent", sa.Boolean, nullable=False),
    )
    op.create_index("ix_remarks_ticket", "remarks", ["ticket"])
    op.create_table(
        "reads",
        sa.Column("ticket", sa.String(32), sa.ForeignKey("tickets.id"), primary_key=True),
        sa.Column("tree", sa.String(64), primary_key=True),
        sa.Column("who", sa.String(255), primary_key=True),
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("ticket", sa.String(32), sa.ForeignKey("tickets.id"), nullable=False),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("hunks", sa.Text, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("ix_decisions_ticket", "decisions", ["ticket"])
    op.create_table(
        "heeded",
        sa.Column("decision", sa.Integer, sa.ForeignKey("decisions.id"), primary_key=True),
        sa.Column("risk", sa.String(32), primary_key=True),
        sa.Column("shown", sa.Integer, nullable=False),
        sa.Column("acted", sa.Integer, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("ticket", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "users",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user", sa.String(255), sa.ForeignKey("users.name"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.UniqueConstraint("hash", name="uq_keys_hash"),
    )
    op.create_index("ix_keys_user", "keys", ["user"])

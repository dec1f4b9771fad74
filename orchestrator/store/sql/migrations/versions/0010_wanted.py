"""Indexes by which the most wanted job is found, and those whose deadline passed, however many wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_jobs_wanted", "jobs", ["status", sa.text("priority DESC"), "number"])
    op.create_index("ix_jobs_status_deadline", "jobs", ["status", "deadline"])

"""Lanes of the queue: whose jobs these are, of which repository, and what they need; and what workers can do."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables, the column and its index, with a lane for each job that there is."""
    op.create_table(
        "lanes",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("repository", sa.LargeBinary, nullable=False),
        sa.Column("needs", sa.Text, nullable=False),
        sa.Column("served_at", sa.Float, nullable=False),
    )
    op.create_index("ix_lanes_user", "lanes", ["user", "served_at"])
    op.create_table(
        "workers",
        sa.Column("machine", sa.String(255), primary_key=True),
        sa.Column("can", sa.String(512), primary_key=True),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    op.add_column("jobs", sa.Column("lane", sa.String(32), nullable=False, server_default=""))
    _fill(op.get_bind())
    op.drop_index("ix_jobs_wanted", "jobs")
    op.create_index("ix_jobs_wanted", "jobs", ["status", "lane", sa.text("priority DESC"), "number"])


def _fill(connection: sa.Connection) -> None:
    there = connection.execute(sa.text("SELECT id, filer, repository, settings FROM tickets")).all()
    known: set[str] = set()
    for id, filer, repository, settings in there:
        given = json.loads(settings)
        chosen = given.get("sandbox"), given.get("driver")
        needs = " ".join(name for name in ("docker", "fuse") if name in chosen)
        key = _key(filer or "", bytes(repository), needs)
        if key not in known:
            known.add(key)
            row = {"key": key, "user": filer or "", "repository": bytes(repository), "needs": needs}
            names = 'key, "user", repository, needs, served_at'
            connection.execute(
                sa.text(f"INSERT INTO lanes ({names}) VALUES (:key, :user, :repository, :needs, 0)"), row
            )
        connection.execute(sa.text("UPDATE jobs SET lane = :key WHERE ticket = :id"), {"key": key, "id": id})


def _key(user: str, repository: bytes, needs: str) -> str:
    said = b"\0".join((user.encode("utf-8", "surrogatepass"), needs.encode(), repository))
    return hashlib.sha256(said).hexdigest()[:32]

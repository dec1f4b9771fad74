"""A ticket's agent as a column, and on SQLite an index of what tickets say, by all sequences of three characters."""

from __future__ import annotations

import json
import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TRIGRAMS = (3, 34)
"""The first SQLite that has such an index."""


def upgrade() -> None:
    """Add the column and the index, with what the tickets that there are have."""
    op.add_column("tickets", sa.Column("agent", sa.Text, nullable=False, server_default=""))
    connection = op.get_bind()
    for id, order, settings in connection.execute(sa.text('SELECT id, "order", settings FROM tickets')).all():
        agent = json.loads(order).get("agent") or json.loads(settings).get("agent", "repair")
        connection.execute(sa.text("UPDATE tickets SET agent = :agent WHERE id = :id"), {"agent": agent, "id": id})
    if connection.dialect.name == "sqlite" and _can_index(connection):
        _index()


def _can_index(connection: sa.Connection) -> bool:
    options = connection.exec_driver_sql("PRAGMA compile_options").scalars().all()
    return sqlite3.sqlite_version_info >= _TRIGRAMS and "ENABLE_FTS5" in options


def _index() -> None:
    # Jobs come after their tickets, and neither is ever deleted or changes what it says: whoever writes one, this is kept up.
    op.execute("CREATE VIRTUAL TABLE searched USING fts5(text, ticket, content = '', tokenize = 'trigram')")
    said = (
        "SELECT jobs.number, CAST(tickets.text AS TEXT), tickets.id FROM jobs JOIN tickets ON tickets.id = jobs.ticket"
    )
    op.execute(f"INSERT INTO searched (rowid, text, ticket) {said}")
    op.execute(
        "CREATE TRIGGER searched_jobs AFTER INSERT ON jobs BEGIN"
        f" INSERT INTO searched (rowid, text, ticket) {said} WHERE jobs.number = NEW.number; END"
    )

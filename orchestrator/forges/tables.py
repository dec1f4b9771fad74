"""The tables of forges, beside those of the store, in the same schema."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from orchestrator.store.sql.tables import metadata

# What was delivered already: by the id that the service gives it, and by what is in it.
deliveries = Table(
    "forge_deliveries",
    metadata,
    Column("forge", String(64), primary_key=True),
    Column("delivery", String(128), primary_key=True),
    Column("at", Float, nullable=False, index=True),
)

# One ticket for each thread. `text` and `filer` are what is filed, written before it is, `held_until` how
# long nobody else files it; `told` is the fence of the end that was told last.
threads = Table(
    "forge_threads",
    metadata,
    Column("forge", String(64), primary_key=True),
    Column("repository", String(255), primary_key=True),
    Column("number", String(64), primary_key=True),
    Column("ticket", String(32), ForeignKey("tickets.id"), unique=True),
    Column("text", Text, nullable=False),
    Column("filer", String(255), nullable=False),
    Column("url", Text, nullable=False),
    Column("told", Integer),
    Column("held_until", Float, nullable=False),
    Column("at", Float, nullable=False),
)

# One pull request for each ticket. `pushed` is the commit that we put there last; `blocked` is why there is none, `left` where its patch is then.
pulls = Table(
    "forge_pulls",
    metadata,
    Column("ticket", String(32), ForeignKey("tickets.id"), primary_key=True),
    Column("forge", String(64), nullable=False),
    Column("repository", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("number", String(64)),
    Column("url", Text, nullable=False),
    Column("pushed", String(64)),
    Column("rounds", Integer, nullable=False),
    Column("blocked", Text, nullable=False),
    Column("left", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("forge", "repository", "branch"),
)

# Everything that is to be done, once. Anyone may do it; `key` says what it is, so that nothing is put here twice.
steps = Table(
    "forge_steps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("key", String(255), nullable=False),
    Column("forge", String(64), nullable=False),
    Column("repository", String(255), nullable=False),
    Column("number", String(64), nullable=False),
    Column("ticket", String(32), index=True),
    Column("payload", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("held_until", Float),
    Column("begun", String(32), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("key"),
    Index("ix_forge_steps_open_due_at", "open", "due_at"),
)

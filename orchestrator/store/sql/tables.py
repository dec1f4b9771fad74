"""The tables of the store, in SQLAlchemy Core. `SCHEMA` names the migration that makes exactly these."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA = "0012"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Text that came from outside (tickets, paths) is bytes: it may hold NUL and what is no Unicode, which not every database takes as text.
tickets = Table(
    "tickets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("slug", String(64), nullable=False),
    Column("repository", LargeBinary, nullable=False, index=True),
    Column("text", LargeBinary, nullable=False),
    Column("order", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("filed_at", Float, nullable=False, index=True),
    Column("filer", String(255), index=True),
    Column("agent", Text, nullable=False, server_default=""),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("ticket", String(32), ForeignKey("tickets.id"), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("snapshot", Text),
    Column("base", String(64)),
    Column("chosen", Integer),
    Column("seconds", Float, nullable=False),
    Column("usd", Float),
    Column("tokens", Integer),
    Column("fence", Integer, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", Float),
    Column("stop_requested", Boolean, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("not_before", Float),
    Column("deadline", Float),
    Column("lane", String(32), nullable=False, server_default=""),
    Index("ix_jobs_status_number", "status", "number"),
    Index("ix_jobs_wanted", "status", "lane", text("priority DESC"), "number"),
    Index("ix_jobs_status_deadline", "status", "deadline"),
)

# Jobs that any worker takes by age: a user's on a repository, with the same needs. `key` is a hash of these.
lanes = Table(
    "lanes",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("user", String(255), nullable=False),
    Column("repository", LargeBinary, nullable=False),
    Column("needs", Text, nullable=False),
    Column("served_at", Float, nullable=False),
    Index("ix_lanes_user", "user", "served_at"),
)

# What the workers of machines said they can do. `key` is a hash of it.
workers = Table(
    "workers",
    metadata,
    Column("machine", String(255), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("can", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job", Integer, ForeignKey("jobs.number"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("record", Text, nullable=False),
)

# Append-only. A step's number counts within its attempt; attempt 0 is the job itself. Phase is `intent` or `outcome`.
journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, ForeignKey("jobs.number"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("phase", String(8), nullable=False),
    Column("kind", String(64)),
    Column("payload", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("job", "attempt", "number", "phase"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, ForeignKey("jobs.number"), nullable=False, index=True),
    Column("base", String(64), nullable=False),
    Column("tree", String(64), nullable=False),
    Column("verdict", Text, nullable=False),
    Column("at", Float, nullable=False),
)

# Everything that leaves: the commit is recorded under the lease, then anyone may set the branch.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, ForeignKey("jobs.number"), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("done", Boolean, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("job", "commit"),
)

# What is reserved and spent. `time` has one row for each lease, kept up by its heartbeat; `model` one for each call of an attempt.
ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, ForeignKey("jobs.number"), nullable=False, index=True),
    Column("fence", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("reserved_usd", Float, nullable=False),
    Column("usd", Float),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("attempt", Integer),
    Column("reserved_tokens", Integer),
)

# What became of each attempt that the ladder, or the agent itself, said yes or no to: what agents are chosen by.
outcomes = Table(
    "outcomes",
    metadata,
    Column("job", Integer, ForeignKey("jobs.number"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("repository", LargeBinary, nullable=False),
    Column("agent", Text, nullable=False),
    Column("kind", String(128), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("usd", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", Float, nullable=False, index=True),
)

# What reviewers say of a change; `sent` once it went back to work with it. `tree` is the version that was looked at.
remarks = Table(
    "remarks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket", String(32), ForeignKey("tickets.id"), nullable=False, index=True),
    Column("tree", String(64), nullable=False),
    Column("path", LargeBinary),
    Column("line", Integer),
    Column("text", LargeBinary, nullable=False),
    Column("who", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Column("sent", Boolean, nullable=False),
)

# Which files of a version somebody has read.
reads = Table(
    "reads",
    metadata,
    Column("ticket", String(32), ForeignKey("tickets.id"), primary_key=True),
    Column("tree", String(64), primary_key=True),
    Column("who", String(255), primary_key=True),
    Column("path", LargeBinary, primary_key=True),
    Column("at", Float, nullable=False),
)

# What people decided about a version, and why: a signal. `hunks` are those that were kept, as JSON.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket", String(32), ForeignKey("tickets.id"), nullable=False, index=True),
    Column("tree", String(64), nullable=False),
    Column("what", String(16), nullable=False),
    Column("reason", LargeBinary, nullable=False),
    Column("hunks", Text, nullable=False),
    Column("who", String(255), nullable=False),
    Column("at", Float, nullable=False),
)

# What a decision made of the marks it was shown: of each risk, how many, and how many were acted on.
heeded = Table(
    "heeded",
    metadata,
    Column("decision", Integer, ForeignKey("decisions.id"), primary_key=True),
    Column("risk", String(32), primary_key=True),
    Column("shown", Integer, nullable=False),
    Column("acted", Integer, nullable=False),
)

# Who did what through the server. Append-only.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, index=True),
    Column("who", String(255), nullable=False),
    Column("what", String(64), nullable=False),
    Column("ticket", String(32)),
    Column("detail", Text, nullable=False),
)

# Who may do what on a server for several people, and with which keys; of a key only its hash is kept.
users = Table(
    "users",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("at", Float, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("user", String(255), ForeignKey("users.name"), nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Column("ended_at", Float),
)

# What people say to a job while it waits or is at work; its attempts have which of these they were told.
messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", Integer, ForeignKey("jobs.number"), nullable=False, index=True),
    Column("who", String(255), nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)

# What was sent to a server under a key, and what came of it (no status: nothing yet), so that it is done once. `asked` is a hash of it.
submissions = Table(
    "submissions",
    metadata,
    Column("user", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("asked", String(64), nullable=False),
    Column("status", Integer),
    Column("headers", Text, nullable=False),
    Column("answer", LargeBinary),
    Column("at", Float, nullable=False, index=True),
)

# People whom an issuer of OpenID Connect tells apart, and which users they are. One without its user was removed, and stays so.
identities = Table(
    "identities",
    metadata,
    Column("issuer", String(512), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("user", String(255), nullable=False, unique=True),
    Column("at", Float, nullable=False),
)

# The one state directory whose depots have what these jobs made; machines that share a store share it.
states = Table(
    "states",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("machine", String(255), nullable=False),
    Column("path", LargeBinary, nullable=False),
)

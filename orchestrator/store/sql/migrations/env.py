"""What Alembic runs: the migrations, on the connection (and inside the transaction) that the store hands over."""

from __future__ import annotations

from alembic import context

from orchestrator.forges import tables as _forges  # noqa: F401 - its tables are in the same schema
from orchestrator.store.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()

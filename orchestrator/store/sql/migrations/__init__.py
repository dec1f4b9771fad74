"""Migrations of the store, run by Alembic when the schema is behind."""

"""Alembic's environment: the connection comes from storage/migrate.py, each revision is one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="empla", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's entry: uses the connection and the transaction that leadback.store.migrate gives."""

from alembic import context

from leadback.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
